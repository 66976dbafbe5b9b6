//! Committing: now and then while messages flow, and once more for what is given up.
//!
//! Invariant: of the commits made while messages flow one is under way at a time; those asked for meanwhile go
//! together in the next. The last commit of a partition is sent when none is under way: a repetition of an older one
//! that arrived after it would undo it. An answer is waited for so long and no longer (`COMMIT_OVERDUE`, `LAST_COMMIT`).

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use pelton_types::{Offset, TopicPartition};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{CommitError, ConsumerEvent, Epoch, commands::WantedCommit, thread::Poll};
use crate::native::{Event, List};

/// When a commit that was not answered no longer holds back the next one.
const COMMIT_OVERDUE: Duration = Duration::from_secs(30);
/// How long the broker may take to answer the last commit of a partition.
const LAST_COMMIT: Duration = Duration::from_secs(10);
/// How soon an answer is looked for while nothing else happens.
pub(super) const ANSWER: Duration = Duration::from_millis(20);

/// A commit that was not answered yet.
pub(super) struct SentCommit {
    pub(super) at: Instant,
    answers: Vec<Answer>,
}

/// Whom the answer to a commit is for.
type Answer = (TopicPartition, Epoch, Offset);

impl Poll {
    /// Sends the commits that wait, unless others are under way: those that come meanwhile go together.
    /// What is lost already is not committed any more.
    pub(super) fn send_commits(&mut self) {
        if self.commits.is_empty()
            // The group may be empty meanwhile, and would take a commit from anyone.
            || self.is_lost()
            || self
                .sent_commits
                .values()
                .any(|sent| sent.at.elapsed() < COMMIT_OVERDUE)
        {
            return;
        }
        let mut commits: Vec<_> = std::mem::take(&mut self.commits).into_iter().collect();
        commits.retain(|(partition, wanted)| self.owns(partition, wanted.epoch));
        if commits.is_empty() {
            return;
        }
        self.commit_number += 1;
        let (list, answers) = self.request(commits);
        match self.client.commit(&list, &self.answers, self.commit_number) {
            Ok(()) => {
                self.sent_commits.insert(
                    self.commit_number,
                    SentCommit {
                        at: Instant::now(),
                        answers,
                    },
                );
            }
            Err(code) => self.refuse_commits(answers, &commit_error(code)),
        }
    }

    /// Hands on the answers that are there, and sends what waits for them.
    pub(super) fn take_answers(&mut self) {
        let queue = self.answers.clone();
        while let Some(event) = queue.poll(Duration::ZERO) {
            self.committed(&event);
            self.send_commits();
        }
    }

    /// Waits until no commit is under way.
    pub(super) fn await_answers(&mut self) {
        let queue = self.answers.clone();
        let deadline = Instant::now() + LAST_COMMIT;
        while !self.sent_commits.is_empty() && Instant::now() < deadline {
            self.shared.turns.turn();
            if let Some(event) = queue.poll(ANSWER) {
                self.committed(&event);
            }
        }
    }

    /// Hands on the answer to a commit. What is given up meanwhile has a last commit of its own.
    fn committed(&mut self, event: &Event<'_>) {
        let Some(mut sent) = self.sent_commits.remove(&event.commit_number()) else {
            return;
        };
        sent.answers
            .retain(|(partition, epoch, _)| self.owns(partition, *epoch));
        self.answer_commits(event, sent.answers);
    }

    /// Notes whether the broker takes no metadata as long as ours: then offsets go alone from here on.
    fn look_at_metadata(&mut self, event: &Event<'_>) -> bool {
        let list = event.partitions();
        let refused = list
            .iter()
            .flat_map(|list| list.iter())
            .any(|entry| entry.error == Some(Code::OffsetMetadataTooLarge))
            || event.error() == Some(Code::OffsetMetadataTooLarge);
        if refused && self.metadata_allowed {
            tracing::warn!(
                group = %self.settings.group,
                "the broker takes less metadata with a commit than 4096 bytes (offset.metadata.max.bytes): offsets are \
                 committed alone from here on, and what finished out of order is repeated after a crash"
            );
            self.metadata_allowed = false;
            return true;
        }
        false
    }

    /// Tells what became of each offset of a commit.
    fn answer_commits(&mut self, event: &Event<'_>, answers: Vec<Answer>) {
        self.look_at_metadata(event);
        let errors: HashMap<(String, i32), Code> = event
            .partitions()
            .iter()
            .flat_map(|list| list.iter())
            .filter_map(|entry| Some(((entry.topic.into_owned(), entry.partition), entry.error?)))
            .collect();
        let general = event.error();
        if general.is_none() {
            let recovered = self.troubles.connected();
            self.recovered(recovered);
        }
        for (partition, epoch, next) in answers {
            let own = errors
                .get(&(partition.topic.to_string(), partition.partition))
                .copied();
            let result = outcome(own.or(general));
            self.emit(ConsumerEvent::Committed {
                partition,
                epoch,
                next,
                result,
            });
        }
    }

    /// Tells that a commit didn't even begin, or was not answered.
    fn refuse_commits(&self, answers: Vec<Answer>, error: &CommitError) {
        for (partition, epoch, next) in answers {
            self.emit(ConsumerEvent::Committed {
                partition,
                epoch,
                next,
                result: Err(error.clone()),
            });
        }
    }

    /// Forgets commits whose answer can't come any more: they have failed.
    pub(super) fn forget_commits(&mut self) {
        let overdue = |sent: &SentCommit| sent.at.elapsed() >= 10 * COMMIT_OVERDUE;
        let forgotten: Vec<SentCommit> = self
            .sent_commits
            .extract_if(|_, sent| overdue(sent))
            .map(|(_, sent)| sent)
            .collect();
        let error = CommitError {
            text: "no answer".to_owned(),
            stale: false,
        };
        for sent in forgotten {
            self.refuse_commits(sent.answers, &error);
        }
    }

    /// Commits what is given up, and tells the receiver what became of it.
    pub(super) fn commit_and_wait(&mut self, commits: Vec<(TopicPartition, WantedCommit)>) {
        if commits.is_empty() {
            return;
        }
        self.shared.turns.turn();
        let again = commits.clone();
        let (list, answers) = self.request(commits);
        let failed = |text: String| CommitError { text, stale: false };
        let error = match self.client.new_queue() {
            None => failed("librdkafka makes no queue for the answer".to_owned()),
            Some(queue) => match self.client.commit(&list, &queue, 0) {
                Err(code) => commit_error(code),
                Ok(()) => match queue.poll(LAST_COMMIT) {
                    Some(event) if self.look_at_metadata(&event) => {
                        return self.commit_and_wait(again);
                    }
                    Some(event) => return self.answer_commits(&event, answers),
                    None => failed(format!("no answer within {} s", LAST_COMMIT.as_secs())),
                },
            },
        };
        self.refuse_commits(answers, &error);
    }

    /// What is sent, and whom its answer is for.
    fn request(&self, commits: Vec<(TopicPartition, WantedCommit)>) -> (List, Vec<Answer>) {
        let metadata = |wanted: &WantedCommit| match self.metadata_allowed {
            true => wanted.metadata.clone(),
            false => String::new(),
        };
        let all: Vec<_> = commits
            .iter()
            .map(|(partition, wanted)| (partition, wanted.next, metadata(wanted)))
            .collect();
        let list = List::of_commits(
            all.iter()
                .map(|(partition, next, metadata)| (*partition, *next, metadata.as_bytes())),
        );
        let answers = commits
            .into_iter()
            .map(|(partition, wanted)| (partition, wanted.epoch, wanted.next))
            .collect();
        (list, answers)
    }

    /// Commits offsets without metadata and says whether they are committed, without telling the receiver.
    pub(super) fn commit_quietly(
        &self,
        offsets: &HashMap<TopicPartition, Offset>,
    ) -> Result<(), CommitError> {
        let list = List::of_offsets(
            offsets
                .iter()
                .map(|(partition, offset)| (partition, *offset)),
        );
        let failed = |text: &str| CommitError {
            text: text.to_owned(),
            stale: false,
        };
        let answers = self
            .client
            .new_queue()
            .ok_or_else(|| failed("librdkafka makes no queue for the answer"))?;
        self.client
            .commit(&list, &answers, 0)
            .map_err(commit_error)?;
        let event = answers
            .poll(LAST_COMMIT)
            .ok_or_else(|| failed("no answer in time"))?;
        let own = event
            .partitions()
            .and_then(|list| list.iter().find_map(|entry| entry.error));
        outcome(own.or_else(|| event.error()))
    }
}

/// What an answer comes to. Where there was nothing to commit, nothing failed (delivery rule 5).
fn outcome(code: Option<Code>) -> Result<(), CommitError> {
    match code {
        None | Some(Code::NoOffset) => Ok(()),
        Some(code) => Err(commit_error(code)),
    }
}

/// Why a commit failed, and whether the group has moved on.
fn commit_error(code: Code) -> CommitError {
    let stale = matches!(
        code,
        Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::RebalanceInProgress
            | Code::FencedInstanceId
            | Code::FencedMemberEpoch
            | Code::StaleMemberEpoch
            | Code::AssignmentLost
    );
    CommitError {
        text: code.to_string(),
        stale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_commit_is_no_failure() {
        assert_eq!(outcome(None), Ok(()));
        assert_eq!(outcome(Some(Code::NoOffset)), Ok(()));
    }

    #[test]
    fn an_answer_of_a_group_that_has_moved_on_is_told_from_an_outage() {
        for code in [
            Code::IllegalGeneration,
            Code::UnknownMemberId,
            Code::RebalanceInProgress,
            Code::StaleMemberEpoch,
        ] {
            assert!(
                outcome(Some(code)).is_err_and(|error| error.stale),
                "{code}"
            );
        }
        for code in [
            Code::RequestTimedOut,
            Code::NotCoordinator,
            Code::BrokerTransportFailure,
        ] {
            assert!(
                outcome(Some(code)).is_err_and(|error| !error.stale),
                "{code}"
            );
        }
    }
}

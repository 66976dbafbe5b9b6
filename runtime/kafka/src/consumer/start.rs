//! Where to begin in a partition (delivery rule 7).
//!
//! Where the group has committed nothing, `start` is resolved to an offset, once, and that is committed before
//! the first message: a crash before the first commit of work must not resolve it anew, past messages.
//!
//! What appears later is read from its first message: a topic that was not there when this consumer began, and a
//! partition without a committed offset whose topic's partition 0 has one. Therefore whoever gets partition 0
//! first commits for *all* partitions of its topic, in one request: from then on a missing offset means a new
//! partition. (Members that begin in the same moment may both commit for a partition, milliseconds apart.)
//!
//! Invariant: a partition is not begun before its start is committed, unless the group has moved on.

use std::{
    collections::{HashMap, HashSet},
    thread,
    time::Duration,
};

use pelton_types::{Offset, TopicPartition};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{Start, thread::Poll};
use crate::{Committed, Error, TroubleClass};

/// How long one question to the brokers may take.
const ASK: Duration = Duration::from_secs(3);
/// How long to wait before a question is repeated.
const AGAIN: Duration = Duration::from_millis(200);

/// Why partitions were not begun.
pub(super) enum Halt {
    /// The consumer is stopping, or the group has moved on.
    Interrupted,
    /// `start = "error"` forbids it.
    Refused(Error),
}

/// What is committed; `None` where nothing is.
type Places = HashMap<TopicPartition, Option<Committed>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Oldest,
    Newest,
}

impl Poll {
    /// Where to begin in each of these partitions.
    pub(super) fn places(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Committed)>, Halt> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let mut committed = self.committed_places(partitions)?;
        let missing: Vec<&TopicPartition> = partitions
            .iter()
            .filter(|p| committed[*p].is_none())
            .collect();
        if !missing.is_empty() {
            let resolved = self.resolve(&missing, &committed)?;
            self.commit_starts(&resolved)?;
            for (partition, next) in resolved {
                let metadata = Vec::new();
                committed.insert(partition, Some(Committed { next, metadata }));
            }
        }
        Ok(partitions
            .iter()
            .filter_map(|p| committed.remove_entry(p))
            .filter_map(|(partition, place)| Some((partition, place?)))
            .collect())
    }

    /// What `start` comes to for partitions without a committed offset.
    fn resolve(
        &mut self,
        missing: &[&TopicPartition],
        committed: &Places,
    ) -> Result<HashMap<TopicPartition, Offset>, Halt> {
        let mut ends: HashMap<TopicPartition, End> = HashMap::new();
        if self.settings.start == Start::Earliest {
            ends.extend(
                missing
                    .iter()
                    .map(|partition| ((*partition).clone(), End::Oldest)),
            );
        } else {
            self.look_at_topics()?;
            let begun = self.begun_topics(missing, committed)?;
            for partition in missing {
                let known = self
                    .known_topics
                    .as_ref()
                    .is_some_and(|known| known.contains(&*partition.topic))
                    && self.settings.retry.as_deref() != Some(&*partition.topic);
                let end = choose(
                    self.settings.start,
                    known,
                    begun.contains(&*partition.topic),
                );
                let refused = || Error::NoCommittedOffset {
                    group: self.settings.group.clone(),
                    partition: (*partition).clone(),
                };
                ends.insert(
                    (*partition).clone(),
                    end.ok_or_else(refused).map_err(Halt::Refused)?,
                );
            }
            self.add_siblings(&mut ends)?;
        }
        let mut offsets = HashMap::new();
        for (partition, end) in ends {
            let (low, high) = self.ask("the offsets of a partition", |poll| {
                poll.client
                    .query_range(&partition, ASK)
                    .map_err(|code| format!("{partition}: {code}"))
            })?;
            offsets.insert(partition, if end == End::Oldest { low } else { high });
        }
        Ok(offsets)
    }

    /// The topics of these partitions whose partition 0 has a committed offset: the group began with them before.
    fn begun_topics(
        &mut self,
        missing: &[&TopicPartition],
        committed: &Places,
    ) -> Result<HashSet<String>, Halt> {
        let zeros: HashSet<TopicPartition> = missing
            .iter()
            .map(|partition| TopicPartition::new(partition.topic.clone(), 0))
            .collect();
        let unread: Vec<TopicPartition> = zeros
            .iter()
            .filter(|zero| !committed.contains_key(*zero))
            .cloned()
            .collect();
        let read = if unread.is_empty() {
            HashMap::new()
        } else {
            self.committed_places(&unread)?
        };
        let begun = |zero: &TopicPartition| {
            let place = committed.get(zero).or_else(|| read.get(zero));
            place.is_some_and(Option::is_some)
        };
        Ok(zeros
            .iter()
            .filter(|zero| begun(zero))
            .map(|zero| zero.topic.to_string())
            .collect())
    }

    /// Whoever begins with the newest messages of a partition 0 does so for all partitions of its topic.
    fn add_siblings(&mut self, ends: &mut HashMap<TopicPartition, End>) -> Result<(), Halt> {
        let leading = |(partition, end): (&TopicPartition, &End)| {
            (partition.partition == 0 && *end == End::Newest).then(|| partition.topic.clone())
        };
        let topics: Vec<_> = ends.iter().filter_map(leading).collect();
        if topics.is_empty() {
            return Ok(());
        }
        let counts = self.ask("the cluster's topics", |poll| {
            poll.client.topics(ASK).map_err(|code| code.to_string())
        })?;
        let siblings: Vec<TopicPartition> = topics
            .iter()
            .flat_map(|topic| {
                let count = counts.get(&**topic).copied().unwrap_or(0);
                (0..count).map(|partition| TopicPartition::new(topic.clone(), partition))
            })
            .filter(|partition| {
                !ends.contains_key(partition) && !self.owned.contains_key(partition)
            })
            .collect();
        if siblings.is_empty() {
            return Ok(());
        }
        let committed = self.committed_places(&siblings)?;
        ends.extend(
            siblings
                .into_iter()
                .filter(|p| committed[p].is_none())
                .map(|p| (p, End::Newest)),
        );
        Ok(())
    }

    fn look_at_topics(&mut self) -> Result<(), Halt> {
        if self.known_topics.is_none() {
            let topics = self.ask("the cluster's topics", |poll| {
                poll.client.topics(ASK).map_err(|code| code.to_string())
            })?;
            self.known_topics = Some(topics.into_keys().collect());
        }
        Ok(())
    }

    fn committed_places(&mut self, partitions: &[TopicPartition]) -> Result<Places, Halt> {
        self.ask("the group's committed offsets", |poll| {
            let places = poll.client.committed_of(partitions, ASK);
            let places = places.map_err(|code| match code {
                // Brokers keep back offsets whose transaction is open.
                Code::OperationTimedOut => {
                    format!("{code}, perhaps because a transaction that holds them is still open")
                }
                code => code.to_string(),
            })?;
            Ok(partitions.iter().cloned().zip(places).collect())
        })
    }

    fn commit_starts(&mut self, offsets: &HashMap<TopicPartition, Offset>) -> Result<(), Halt> {
        self.ask("a commit of where to begin", |poll| match poll.commit_quietly(offsets) {
            Ok(()) => Ok(()),
            // The group has moved on: what is given to this member again is resolved again.
            Err(error) if error.stale => {
                tracing::warn!(%error, "can't commit where to begin, the group is being shared out anew");
                Ok(())
            }
            Err(error) => Err(error.text),
        })
    }

    /// Asks until there is an answer, and says so where it takes long.
    fn ask<T>(
        &mut self,
        what: &str,
        mut question: impl FnMut(&Self) -> Result<T, String>,
    ) -> Result<T, Halt> {
        loop {
            self.shared.turns.turn();
            let text = match question(self) {
                Ok(answer) => return Ok(answer),
                Err(text) => text,
            };
            let ends = self.over.is_some() || self.shared.is_stopping();
            if ends || self.client.assignment_lost() {
                return Err(Halt::Interrupted);
            }
            let text = format!("the brokers don't answer for {what} ({text}); still trying");
            let report = self.troubles.report(TroubleClass::Group, text);
            self.report(report);
            thread::sleep(AGAIN);
        }
    }
}

/// Where to begin without a committed offset; `None` where that is forbidden.
fn choose(start: Start, topic_known_at_start: bool, topic_begun_before: bool) -> Option<End> {
    if !topic_known_at_start || topic_begun_before {
        return Some(End::Oldest);
    }
    match start {
        Start::Earliest => Some(End::Oldest),
        Start::Latest => Some(End::Newest),
        Start::Error => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_holds_for_what_is_there_when_the_group_begins() {
        assert_eq!(choose(Start::Earliest, true, false), Some(End::Oldest));
        assert_eq!(choose(Start::Latest, true, false), Some(End::Newest));
        assert_eq!(choose(Start::Error, true, false), None);
    }

    #[test]
    fn what_appears_later_is_read_from_its_first_message() {
        for start in [Start::Earliest, Start::Latest, Start::Error] {
            assert_eq!(choose(start, false, false), Some(End::Oldest));
            assert_eq!(choose(start, true, true), Some(End::Oldest));
        }
    }
}

//! The transactions of one membership: feeds the member's machine and carries out what it commands.
//!
//! Partitions' tasks and the handler leave word here; the calls to the producer are made by the `kafka` room, on a
//! thread of their own, one at a time.
//!
//! Invariant: a partition hears how a transaction ended together with the producer of the next one, so nothing it
//! hands over can enter another transaction than the one it knows of.

mod driver;

use pelton_dispatch::{AssignmentId, Checkpoint, MemberEvent, Outcome};
use pelton_kafka::{Error, TransactionSettings};
use pelton_types::TopicPartition;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use self::driver::Driver;
use super::{Broken, Handler, policy};
use crate::partition::Inbox;

/// What is left for the member.
pub(super) enum Word {
    Assigned {
        assignment: AssignmentId,
        partition: TopicPartition,
        start: Checkpoint,
        inbox: mpsc::Sender<Inbox>,
    },
    /// A partition's task says so, which has heard of this transaction last.
    Event {
        assignment: AssignmentId,
        heard: u64,
        event: MemberEvent,
    },
    /// A partition's task says that the transaction can't be committed.
    Spoiled {
        assignment: AssignmentId,
        heard: u64,
        why: String,
    },
    /// Answer when everything before this was taken in and the transactions of these have ended.
    Left {
        assignments: Vec<AssignmentId>,
        answer: oneshot::Sender<Vec<(AssignmentId, Outcome)>>,
    },
}

/// A handle to the transactions of a membership. They end with its last copy.
#[derive(Clone)]
pub(crate) struct Transactions {
    words: mpsc::UnboundedSender<Word>,
}

impl Transactions {
    /// Starts them: a producer is made and initialised while the group is joined.
    pub(super) fn start(
        handler: &Handler,
        settings: TransactionSettings,
        consumer: pelton_kafka::Consumer,
        trouble: super::Trouble,
        tasks: &mut JoinSet<()>,
    ) -> Result<Self, Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a partition's task waits for nothing; it has a few words to say for each thing that it is told"
        )]
        let (words, left) = mpsc::unbounded_channel();
        let calls = calls(&settings)?;
        let policy = policy::transactions(&handler.config);
        let driver = Driver::new(handler, policy, (settings, calls), consumer, trouble);
        tasks.spawn(driver.run(left));
        Ok(Self { words })
    }

    /// A partition is assigned, whose task listens to this inbox.
    pub(super) fn assigned(
        &self,
        assignment: AssignmentId,
        partition: TopicPartition,
        start: Checkpoint,
        inbox: mpsc::Sender<Inbox>,
    ) {
        self.leave(Word::Assigned {
            assignment,
            partition,
            start,
            inbox,
        });
    }

    /// What the task of this assignment speaks through.
    pub(super) fn seat(&self, assignment: AssignmentId) -> Seat {
        Seat {
            transactions: self.clone(),
            assignment,
        }
    }

    /// This assignment can't be waited for any more.
    pub(super) fn lost(&self, assignment: AssignmentId) {
        // Whatever it has heard of.
        self.seat(assignment)
            .tell(0, MemberEvent::Lost { assignment });
    }

    /// Waits until everything that was left was taken in.
    pub(super) async fn heard(&self) {
        self.left(Vec::new()).await;
    }

    /// Waits until the transactions of partitions that have ended are over; says how those did. `None` where the driver
    /// has ended before.
    pub(super) async fn left(
        &self,
        assignments: Vec<AssignmentId>,
    ) -> Option<Vec<(AssignmentId, Outcome)>> {
        let (answer, answered) = oneshot::channel();
        self.leave(Word::Left {
            assignments,
            answer,
        });
        answered.await.ok()
    }

    fn leave(&self, word: Word) {
        // A driver that has ended has told the handler why.
        let _ = self.words.send(word);
    }
}

/// The thread that makes the calls.
fn calls(settings: &TransactionSettings) -> Result<pelton_kafka::Transactions, Error> {
    pelton_kafka::Transactions::start(settings.clone())
}

/// The place of one assignment in the transactions.
#[derive(Clone)]
pub(crate) struct Seat {
    transactions: Transactions,
    assignment: AssignmentId,
}

impl Seat {
    pub(crate) fn assignment(&self) -> AssignmentId {
        self.assignment
    }

    /// The partition's task says so, which has heard of this transaction last.
    pub(crate) fn tell(&self, heard: u64, event: MemberEvent) {
        self.transactions.leave(Word::Event {
            assignment: self.assignment,
            heard,
            event,
        });
    }

    /// Something that was to go with this transaction failed.
    pub(crate) fn spoiled(&self, heard: u64, why: String) {
        self.transactions.leave(Word::Spoiled {
            assignment: self.assignment,
            heard,
            why,
        });
    }
}

/// What a member's trouble means for its handler.
fn broken(trouble: &pelton_dispatch::Trouble) -> Broken {
    use pelton_dispatch::Trouble;
    match trouble {
        Trouble::Namesake | Trouble::Refused(_) => Broken::Refused(trouble.to_string()),
        Trouble::Foreign => Broken::Producer(trouble.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn how_transactions_ended_is_not_known_where_their_driver_has_ended() {
        #[expect(clippy::disallowed_methods, reason = "as in `Transactions::start`")]
        let (words, left) = mpsc::unbounded_channel();
        drop(left);
        let outcomes = Transactions { words }.left(vec![AssignmentId(1)]).await;
        assert_eq!(outcomes, None);
    }
}

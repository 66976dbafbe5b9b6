//! A member of a consumer group: what it is told, and the handle to it.
//!
//! A thread of its own polls librdkafka and turns everything it says into [`ConsumerEvent`]s. The handle's
//! methods only leave word for that thread, which acts on the next round; so commits, pauses and rebalances
//! happen in one order, and a word for a partition that has been given up since is dropped.
//!
//! Invariant: an offset is committed for a partition only under the epoch under which it is owned.

mod commands;
mod commits;
mod convert;
mod ends;
mod positions;
mod rebalance;
mod start;
mod thread;
mod transit;

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use pelton_types::{Message, Offset, TopicPartition};
use tokio::sync::mpsc;

use self::commands::{Shared, WantedCommit};
pub use self::transit::Transit;
pub(crate) use self::{convert::Round, thread::subscribe};
use crate::{Error, TroubleClass, Turns, native::Client, turns::STEP};

/// Names one assignment of a partition. No two assignments within the process have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// What to subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topics {
    /// These.
    List(Vec<String>),
    /// All whose name matches this regular expression, which begins with `^`.
    Pattern(String),
}

/// Where to begin in a partition for which the group has committed nothing (delivery rule 7).
///
/// It speaks of what is there when the group begins. A topic or partition that appears while the group
/// is at work is read from its first message, whatever is chosen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest message.
    Earliest,
    /// After the newest message.
    Latest,
    /// Nowhere: the consumer ends with [`Error::NoCommittedOffset`].
    Error,
}

/// How the group shares out partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The classic protocol; only partitions that move are touched.
    Cooperative,
    /// The classic protocol; every rebalance takes all partitions away first.
    Eager,
    /// KIP-848: the broker shares them out. Needs Kafka 4.0.
    Consumer,
}

/// All a consumer needs to know.
#[derive(Clone)]
pub struct ConsumerSettings {
    /// `host:port`, comma-separated.
    pub bootstrap: String,
    /// How the client names itself to brokers.
    pub client_id: String,
    /// The consumer group.
    pub group: String,
    /// What to subscribe to.
    pub topics: Topics,
    /// A topic that is subscribed to besides, and always read from its first message.
    pub retry: Option<String>,
    /// Topics that are never consumed, though a pattern matches them: the handler's own dead-letter topic.
    pub exclude: Vec<String>,
    /// Where to begin without a committed offset.
    pub start: Start,
    /// How the group shares out partitions.
    pub protocol: Protocol,
    /// Static membership: the `group.instance.id`.
    pub instance_id: Option<String>,
    /// How long a revoked partition may take to finish what is under way.
    pub drain_timeout: Duration,
    /// How much it may hold itself.
    pub memory: ConsumerMemory,
    /// Further librdkafka properties.
    pub properties: BTreeMap<String, String>,
}

/// How much a consumer holds before its messages are taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerMemory {
    /// Bytes that librdkafka has fetched or is fetching. Half of it is what it holds before it stops to fetch,
    /// which is also the most that one broker sends at once; but never less than a megabyte (librdkafka's
    /// `message.max.bytes`), and one larger batch is still sent.
    pub fetched: u64,
    /// Bytes that were handed on and are not taken in yet: see [`Transit`]. One round of polling may go beyond.
    pub handed_on: u64,
}

impl Default for ConsumerMemory {
    fn default() -> Self {
        Self {
            fetched: 32 << 20,
            handed_on: 16 << 20,
        }
    }
}

/// A partition that this member owns from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Which one.
    pub partition: TopicPartition,
    /// The name of this assignment.
    pub epoch: Epoch,
    /// The position: the committed offset, or what `start` came to, which is committed by then.
    pub start: Offset,
    /// The metadata committed together with that offset, as it was written: by whom is not known, nor whether it
    /// is UTF-8. Empty where there is none.
    pub metadata: Vec<u8>,
}

/// What is to be committed for a partition that is given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Which one.
    pub partition: TopicPartition,
    /// The next offset.
    pub next: Offset,
    /// What is kept beside it, opaque to this room. Brokers refuse more than 4,096 bytes, unless set up otherwise.
    pub metadata: String,
}

/// Where a partition ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The offset after the newest message or marker.
    pub high: Offset,
    /// The end that was last met while fetching: everything below was handed out, or is no message
    /// (transaction markers and aborted messages take offsets too). Lower than `high` where messages
    /// came since, or stand behind a transaction that is still open.
    pub read_to: Option<Offset>,
}

/// What happens to a consumer, in order.
#[derive(Debug)]
pub enum ConsumerEvent {
    /// These partitions are owned from now on.
    Assigned(Vec<Assignment>),
    /// These partitions must be given up. The thread waits for the answer, until shortly after `deadline`.
    Revoked {
        /// Which, under which epoch.
        partitions: Vec<(TopicPartition, Epoch)>,
        /// When the answer is due.
        deadline: Instant,
        /// Where to answer.
        done: RevokeAck,
    },
    /// These partitions belong to someone else already. Nothing can be committed; answer when all work
    /// for them is cancelled.
    Lost {
        /// Which, under which epoch.
        partitions: Vec<(TopicPartition, Epoch)>,
        /// Where to answer.
        done: RevokeAck,
    },
    /// Messages of one partition, in the order of their offsets.
    Messages {
        /// Whose.
        partition: TopicPartition,
        /// Under which epoch.
        epoch: Epoch,
        /// Never empty.
        messages: Vec<Message>,
        /// To be dropped when they are taken in.
        transit: Transit,
    },
    /// A commit was answered. Follows also from the commits of [`RevokeAck::finish`].
    Committed {
        /// Of which partition.
        partition: TopicPartition,
        /// Under which epoch.
        epoch: Epoch,
        /// The next offset that was to be committed.
        next: Offset,
        /// Whether it was.
        result: Result<(), CommitError>,
    },
    /// Where the partitions end, as last heard from the brokers; about once a second.
    Watermarks(Vec<(TopicPartition, End)>),
    /// The position isn't there any more: retention overtook the group (or the topic was made anew).
    /// The partition stands still until [`Consumer::seek`].
    OutOfRange {
        /// Which partition.
        partition: TopicPartition,
        /// Under which epoch.
        epoch: Epoch,
        /// The position that isn't there.
        wanted: Offset,
        /// The oldest message's offset and that after the newest, where they could be read.
        range: Option<(Offset, Offset)>,
    },
    /// Something is wrong outside, and the consumer goes on trying. Once for each change of state.
    Trouble {
        /// What it is about.
        class: TroubleClass,
        /// In words for people.
        text: String,
    },
    /// A trouble is over.
    Recovered {
        /// Which one.
        class: TroubleClass,
    },
    /// The consumer is over; nothing follows.
    Fatal(Error),
}

/// Why a commit failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct CommitError {
    /// What the broker or the client said.
    pub text: String,
    /// Whether the group has moved on: the partition is or will soon be someone else's.
    pub stale: bool,
}

/// The answer to a revocation. Dropping it means that there is nothing to commit.
pub struct RevokeAck {
    slot: Arc<AckSlot>,
}

impl RevokeAck {
    /// Everything under way has ended: commit this and give the partitions up.
    /// Returns whether it was in time; otherwise nothing of it is committed.
    pub fn finish(self, commits: Vec<Commit>) -> bool {
        self.slot.answer(commits)
    }
}

impl Drop for RevokeAck {
    fn drop(&mut self) {
        self.slot.answer(Vec::new());
    }
}

impl fmt::Debug for RevokeAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RevokeAck")
    }
}

/// Where the poll thread waits for a [`RevokeAck`].
#[derive(Default)]
struct AckSlot {
    state: Mutex<AckState>,
    changed: Condvar,
}

#[derive(Default)]
enum AckState {
    #[default]
    Waiting,
    Answered(Vec<Commit>),
    /// The answer was taken, or came too late.
    Over,
}

impl AckSlot {
    fn answer(&self, commits: Vec<Commit>) -> bool {
        let mut state = self.state.lock();
        if !matches!(*state, AckState::Waiting) {
            return false;
        }
        *state = AckState::Answered(commits);
        self.changed.notify_all();
        true
    }

    /// The answer, or `None` when the time is up: from then on answers are refused.
    fn wait(&self, until: Instant, turns: &Turns) -> Option<Vec<Commit>> {
        let mut state = self.state.lock();
        loop {
            // A drain takes as long as it is given, which is no hang.
            turns.turn();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !matches!(*state, AckState::Waiting) {
                break;
            }
            self.changed.wait_for(&mut state, left.min(STEP));
        }
        match std::mem::replace(&mut *state, AckState::Over) {
            AckState::Answered(commits) => Some(commits),
            AckState::Waiting | AckState::Over => None,
        }
    }
}

/// A handle to a consumer. Cheap to clone; the consumer ends with [`close`](Self::close), or when the
/// receiver of its events is dropped.
#[derive(Clone)]
pub struct Consumer {
    shared: Arc<Shared>,
}

impl Consumer {
    /// Joins the group. Needs no broker yet: one that isn't there is waited for, with a
    /// [`ConsumerEvent::Trouble`].
    ///
    /// # Errors
    /// Properties librdkafka refuses, a pattern that isn't a regular expression, no thread.
    pub fn start(
        settings: ConsumerSettings,
    ) -> Result<(Self, mpsc::Receiver<ConsumerEvent>), Error> {
        let (shared, events) = thread::start(settings)?;
        Ok((Self { shared }, events))
    }

    /// Leaves word to commit this next offset, and this metadata beside it (see [`Commit::metadata`]). Of several
    /// words the highest offset counts, and of several for one offset the latest. Dropped when the partition
    /// isn't owned under this epoch any more, else answered by [`ConsumerEvent::Committed`] for that offset
    /// or a higher one.
    pub fn commit(&self, partition: &TopicPartition, epoch: Epoch, next: Offset, metadata: String) {
        let wanted = WantedCommit {
            epoch,
            next,
            metadata,
        };
        self.shared.commit(partition, wanted);
    }

    /// Leaves word to fetch no more of this partition. A few messages may still follow.
    pub fn pause(&self, partition: &TopicPartition, epoch: Epoch) {
        self.shared.pause(partition, epoch, true);
    }

    /// Leaves word to go on fetching after the last message that was handed out.
    pub fn resume(&self, partition: &TopicPartition, epoch: Epoch) {
        self.shared.pause(partition, epoch, false);
    }

    /// Leaves word to go on at another offset; the way out of [`ConsumerEvent::OutOfRange`].
    pub fn seek(&self, partition: &TopicPartition, epoch: Epoch, offset: Offset) {
        self.shared.seek(partition, epoch, offset);
    }

    /// Lets no more than so many bytes of one partition wait to be taken in; one message always may.
    pub fn hand_on_each(&self, bytes: u64) {
        self.shared.limit_each(bytes);
    }

    /// Changes each time before partitions are given up: as long as it is the same, what was owned still is.
    pub fn ownership(&self) -> u64 {
        self.shared.ownership()
    }

    /// The turns of its thread.
    pub fn turns(&self) -> Turns {
        self.shared.turns.clone()
    }

    /// The client, for questions from other threads; `None` when the consumer is over. Whoever holds it last destroys
    /// it: never on an async runtime.
    pub(crate) fn client(&self) -> Option<Arc<Client>> {
        self.shared.client()
    }

    /// Leaves word to leave the group: owned partitions are revoked as in a rebalance
    /// ([`ConsumerEvent::Revoked`]), and the stream of events ends.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Waits until the consumer is over and its memory given back.
    pub async fn stopped(&self) {
        self.shared.stopped().await;
    }

    /// [`stop`](Self::stop), then [`stopped`](Self::stopped). The events must be received meanwhile.
    pub async fn close(self) {
        self.stop();
        self.stopped().await;
    }
}

//! What a consumer is told, and in what terms.

use std::time::Instant;

use pelton_types::{Message, Offset, TopicPartition};

use super::{RevokeAck, Transit};
use crate::{Error, TroubleClass};

/// Names one assignment of a partition. No two assignments within the process have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

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
    /// The partition stands still until [`Consumer::seek`](crate::Consumer::seek).
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

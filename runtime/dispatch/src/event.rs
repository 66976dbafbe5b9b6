//! What the driver tells the machine.

use std::time::Duration;

use pelton_types::{Failure, Offset, Verdict};
use serde::{Deserialize, Serialize};

use crate::CallId;

/// Something happened to a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Messages were fetched, in the order of their offsets. Offsets rise, with gaps. A message below
    /// what was fetched before is ignored, and so is every message while draining.
    Fetched(Vec<Arrival>),
    /// A call came back.
    Called {
        /// Which call. One that is not under way any more is ignored.
        call: CallId,
        /// A verdict for each message of the call, in their order.
        verdicts: Vec<Verdict>,
        /// How long the call ran.
        took: Duration,
        /// How much of that it waited for something else than the CPU.
        waited: Duration,
        /// The revision that answered was on probation when it was called: the one before stands by to be asked
        /// instead, or runs again.
        probation: bool,
    },
    /// What was last produced or dead-lettered for these messages is acknowledged, all of it.
    Delivered {
        /// Whose outputs, in any order.
        offsets: Vec<Offset>,
    },
    /// Something of what was last produced or dead-lettered for this message was refused for good.
    Refused {
        /// Whose output.
        offset: Offset,
        /// What the broker or the client said.
        failure: Failure,
        /// Another output of the message may have been taken: exactly-once, that spoils the transaction.
        partly: bool,
    },
    /// The member ends its transaction: hand over nothing more until [`TransactionEnded`](Self::TransactionEnded),
    /// and answer [`Command::Sealed`](crate::Command::Sealed) once what was handed over is acknowledged.
    Seal,
    /// A transaction has ended, and another one has begun. The first one of an assignment begins so too, as
    /// after a commit.
    TransactionEnded(Outcome),
    /// A commit is acknowledged.
    Committed {
        /// The next offset that was committed.
        next: Offset,
    },
    /// A commit failed. While the partition is owned it is tried again.
    CommitFailed {
        /// The next offset that should have been committed.
        next: Offset,
    },
    /// The time asked for by [`Command::SetTimer`](crate::Command::SetTimer) has come (or any time has passed).
    Timer,
    /// From now on at most so many bytes are held before fetching pauses, if that is less than the policy's.
    Buffer {
        /// How many.
        bytes: u32,
    },
    /// Another revision is used from here on: calls under way are to stop at their next message boundary.
    Swapped,
    /// An operator wants nothing more to be handled: what is under way ends as it would at a drain, is produced and
    /// committed, and no message is called, for the first time or again, until [`Resume`](Self::Resume).
    Pause,
    /// Go on.
    Resume,
    /// The partition is being revoked, or the daemon stops: finish what is under way, begin nothing new.
    Drain {
        /// When to give up on what is still under way.
        deadline: Duration,
    },
    /// The partition belongs to someone else already: stop, commit nothing.
    Lost,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What was sealed is committed, and so is everything that was handed over.
    Committed,
    /// Nothing of it is visible to anybody.
    Aborted,
}

/// One fetched message, as the machine sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Its position in the partition.
    pub offset: Offset,
    /// Bytes it occupies in the buffer.
    pub bytes: u32,
    /// A hash of its key; `None` for a null key, and where the order doesn't depend on keys.
    pub key: Option<u64>,
}

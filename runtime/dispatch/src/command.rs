//! What the machine tells the driver.

use std::time::Duration;

use pelton_types::{Failure, Offset};
use serde::{Deserialize, Serialize};

use crate::Checkpoint;

/// Names a call within the life of one [`Partition`](crate::Partition).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallId(pub u64);

/// Something to be done for a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Give these messages to the handler, in this order; answer with [`Event::Called`](crate::Event::Called).
    Call {
        /// The call's name.
        call: CallId,
        /// What to hand over.
        messages: Vec<Attempt>,
        /// Use a fresh instance: the only message of this call is suspected of having broken one (rule 40).
        fresh: bool,
        /// Give the only message of this call to the revision before the one that runs.
        fallback: bool,
    },
    /// Ask the call to stop at its next message boundary. It still answers.
    Curtail {
        /// Which call.
        call: CallId,
    },
    /// Give up on the call at once; whatever it answers is ignored.
    Cancel {
        /// Which call.
        call: CallId,
    },
    /// Produce the outputs that the handler returned for this message in its last call;
    /// answer [`Event::Delivered`](crate::Event::Delivered) or [`Event::Refused`](crate::Event::Refused).
    Produce {
        /// Whose outputs.
        offset: Offset,
    },
    /// Keep the outputs that the handler returned for this message in its last call, until they are to be produced
    /// or the message is called again.
    Hold {
        /// Whose outputs.
        offset: Offset,
    },
    /// Write this message to the dead-letter topic; answered as [`Command::Produce`] is.
    DeadLetter {
        /// Which message.
        offset: Offset,
        /// How many attempts were made at it.
        attempts: u32,
        /// Why it ends there.
        failure: Failure,
    },
    /// The message is given up on as configured (`on-exhausted = "skip"`): say so, it counts as done.
    Skip {
        /// Which message.
        offset: Offset,
        /// How many attempts were made at it.
        attempts: u32,
        /// Why.
        failure: Failure,
    },
    /// An attempt failed and another one follows: say so.
    Retry {
        /// Which message.
        offset: Offset,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// When the next one is due.
        due: Duration,
    },
    /// The attempts of a revision on probation are used up, and the one before gets its own: say so.
    FallBack {
        /// Which message.
        offset: Offset,
        /// How many attempts were made at it.
        attempts: u32,
        /// Why the last one failed.
        failure: Failure,
    },
    /// Every message below this offset is finished: its bytes may be dropped.
    Release {
        /// The lowest offset still needed.
        below: Offset,
    },
    /// Commit this; answer [`Event::Committed`](crate::Event::Committed)
    /// or [`Event::CommitFailed`](crate::Event::CommitFailed).
    Commit(Checkpoint),
    /// So much more takes part in the transaction: tell the member.
    Progress {
        /// Messages that are finished, or whose outputs are handed over.
        messages: u32,
        /// Their own bytes.
        bytes: u64,
        /// What waits for the commit is half of what may be held.
        urgent: bool,
    },
    /// Nothing more is handed over, and what was is acknowledged: the member may commit this with the transaction.
    Sealed(Option<Checkpoint>),
    /// The transaction must not be committed: tell the member.
    Spoil {
        /// The message whose outputs, or dead letter, were refused.
        offset: Offset,
        /// Why.
        failure: Failure,
    },
    /// The buffer is full: fetch no more of this partition.
    PauseFetch,
    /// There is room again.
    ResumeFetch,
    /// Send [`Event::Timer`](crate::Event::Timer) at this time, or later. Replaces any earlier wish.
    SetTimer {
        /// When.
        at: Duration,
    },
    /// Draining is over; nothing further is commanded. Commit `last` before the partition is given up.
    Drained {
        /// What is to be committed, unless it is already.
        last: Option<Checkpoint>,
        /// How many messages were begun and can't be committed, so that the next owner may repeat them:
        /// those that are not finished, and those that are but don't fit into the metadata.
        unfinished: u32,
    },
    /// This message ended the partition's work as configured (`on-exhausted = "stop"`):
    /// nothing more is called but what an aborted transaction has undone before it, and nothing past it is committed.
    /// Said again for a further message
    /// that was under way and ends so too.
    Halt {
        /// Which message.
        offset: Offset,
        /// How many attempts were made at it.
        attempts: u32,
        /// Why.
        failure: Failure,
    },
}

/// One message of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which message.
    pub offset: Offset,
    /// Which attempt at it, from 1.
    pub attempt: u32,
}

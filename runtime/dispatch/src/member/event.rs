//! What a member's driver tells its machine, and what it is told.
//!
//! Partitions' tasks may be busy, so that the member is a transaction ahead of what one of them has heard. Three things
//! are the driver's to keep, because only it sees them:
//! - between an abort's [`Tell`](MemberCommand::Tell) and the moment the task has taken it in, what the task says speaks
//!   of what was undone: [`Sealed`](MemberEvent::Sealed) and [`Spoiled`](MemberEvent::Spoiled) are dropped, and of
//!   [`Drained`](MemberEvent::Drained) the last checkpoint is; what it hands over is refused, and not answered;
//! - partitions that are lost are told of before the process takes part in the group's next generation, and a commit
//!   is sent with the generation of the moment when it was commanded;
//! - a producer that is fenced in a transaction whose first output was handed over longer ago than the time-out is
//!   [`Unknown`](Ended::Unknown), not [`Fenced`](Ended::Fenced): a process that stood still may hear of that output last.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::AssignmentId;
use crate::{Checkpoint, Outcome};

/// Something happened to a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberEvent {
    /// A partition is assigned. It hands over nothing before it hears that a transaction has begun.
    Assigned {
        /// Its name.
        assignment: AssignmentId,
        /// What is committed of it.
        start: Checkpoint,
    },
    /// A partition said [`Command::Progress`](crate::Command::Progress).
    Progress {
        /// Which.
        assignment: AssignmentId,
        /// So many messages more take part.
        messages: u32,
        /// Their bytes.
        bytes: u64,
        /// It can't hold much more.
        urgent: bool,
    },
    /// A partition said [`Command::Sealed`](crate::Command::Sealed).
    Sealed {
        /// Which.
        assignment: AssignmentId,
        /// What is to be committed of it, if anything.
        checkpoint: Option<Checkpoint>,
    },
    /// A partition that is given up said [`Command::Drained`](crate::Command::Drained): it hands over nothing more.
    Drained {
        /// Which.
        assignment: AssignmentId,
        /// What is to be committed of it, if anything.
        last: Option<Checkpoint>,
    },
    /// A partition belongs to someone else already, or can't be waited for. Whoever gives it up waits for
    /// [`MemberCommand::Left`]: until then its offset may be on its way.
    Lost {
        /// Which.
        assignment: AssignmentId,
    },
    /// The transaction can't be committed: an output was refused for good, or the producer says so.
    Spoiled,
    /// What the last [`Commit`](MemberCommand::Commit), [`Abort`](MemberCommand::Abort) or
    /// [`Renew`](MemberCommand::Renew) came to.
    Ended(Ended),
    /// The time asked for has come (or any time has passed).
    Timer,
}

/// What became of a call to the producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// The transaction is committed, every request was answered, and the next one has begun.
    Committed,
    /// It is aborted, every request was answered, and the next one has begun.
    Aborted,
    /// It can't be committed, and has to be aborted.
    MustAbort,
    /// What became of it can't be told, or a request of it was never answered: the producer must go.
    Unknown,
    /// There is a new producer, whose first transaction has begun; the group has committed this of what was asked.
    Renewed(BTreeMap<AssignmentId, Checkpoint>),
    /// No producer could be made, or the group not be asked, within the time-out.
    NotRenewed,
    /// Another producer has taken the transactional id, or the coordinator has given up the transaction.
    Fenced,
    /// The producer is not allowed what it needs, or something else that no new one mends.
    Refused(String),
}

/// Something to be done for a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberCommand {
    /// Give this partition [`Event::Seal`](crate::Event::Seal).
    Seal {
        /// Which.
        assignment: AssignmentId,
    },
    /// Send these offsets with the transaction and commit it; answer [`MemberEvent::Ended`].
    Commit {
        /// What is to be committed of each partition.
        checkpoints: BTreeMap<AssignmentId, Checkpoint>,
    },
    /// Refuse everything that is handed over from here on, and abort the transaction; answer [`MemberEvent::Ended`].
    Abort,
    /// Destroy the producer if there is one, make a new one with the same transactional id, wait until that is
    /// initialised, and read what the group has committed of these; answer [`MemberEvent::Ended`].
    Renew {
        /// Of which partitions.
        committed_of: Vec<AssignmentId>,
        /// The call under way never returned: leave it alone with the producer, and make the new one elsewhere.
        leave_behind: bool,
    },
    /// Give this partition [`Event::TransactionEnded`](crate::Event::TransactionEnded), and the new transaction.
    Tell {
        /// Which.
        assignment: AssignmentId,
        /// How the transaction before ended.
        outcome: Outcome,
    },
    /// Nothing of this partition, which was given up, is open any more.
    Left {
        /// Which.
        assignment: AssignmentId,
        /// Whether its last checkpoint is committed.
        outcome: Outcome,
    },
    /// Send [`MemberEvent::Timer`] at this time, or later. Replaces any earlier wish.
    SetTimer {
        /// When.
        at: Duration,
    },
    /// Stop: nothing more is commanded.
    Fence(Trouble),
}

/// Why a member can't go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// Another process uses the same transactional id.
    Namesake,
    /// The group has committed what this member neither read nor sent: someone else works on its partitions.
    Foreign,
    /// The producer is refused.
    Refused(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namesake => f.write_str(
                "another process uses the same transactional id and has fenced this one; give every process an \
                 `instance-id` of its own, or none",
            ),
            Self::Foreign => f.write_str(
                "the group's offsets are neither what was read nor what was sent: someone else commits for this group",
            ),
            Self::Refused(why) => write!(f, "the transactional producer is refused: {why}"),
        }
    }
}

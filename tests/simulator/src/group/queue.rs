//! What is going to happen, in the order of time; what is due at the same time, in the order of asking.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use pelton_dispatch::CallId;
use pelton_types::Offset;

use super::plan::Disturbance;

/// Names an assignment of a partition to a member, for good.
pub(super) type AssignmentId = usize;
/// Names a member, for good: a process that starts again is another one.
pub(super) type MemberId = usize;

/// Something that is going to happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// A fetch comes back.
    Fetch { assignment: AssignmentId },
    /// A call comes back, unless it was cut short since.
    Called {
        assignment: AssignmentId,
        call: CallId,
        version: u32,
    },
    /// An output or dead letter reaches the log.
    Landed {
        assignment: AssignmentId,
        offset: Offset,
        letter: bool,
    },
    /// A delivery report reaches the driver.
    Answered {
        assignment: AssignmentId,
        offset: Offset,
        refused: bool,
    },
    /// A commit reaches the coordinator.
    CommitArrives {
        assignment: AssignmentId,
        next: Offset,
        metadata: String,
        last: bool,
    },
    /// Its answer reaches the driver.
    CommitAnswered {
        assignment: AssignmentId,
        next: Offset,
        succeeded: bool,
    },
    /// A timer fires, unless it was set anew since.
    Timer {
        assignment: AssignmentId,
        token: u64,
    },
    /// A partition's handler gets another revision.
    Swap { assignment: AssignmentId },
    /// There is more or less memory for a partition from now on.
    Buffer { assignment: AssignmentId },
    /// A partition that nobody owns is given to its target.
    Assign { partition: usize },
    /// The coordinator gives a dead member up.
    SessionExpired { member: MemberId },
    /// A fenced member learns of it.
    LearnsLost { member: MemberId },
    /// An operator lets a member go on.
    Resume { member: MemberId },
    /// A process starts.
    Start,
    /// Something happens to the group.
    Disturb(Disturbance),
    /// Nothing fails any more.
    Calm,
}

/// What is going to happen.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(Duration, u64, Item)>>,
    asked: u64,
}

impl Queue {
    pub fn push(&mut self, at: Duration, item: Item) {
        self.asked += 1;
        self.heap.push(Reverse((at, self.asked, item)));
    }

    pub fn pop(&mut self) -> Option<(Duration, Item)> {
        self.heap.pop().map(|Reverse((at, _, item))| (at, item))
    }
}

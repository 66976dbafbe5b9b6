//! What is going to happen, in the order of time; what is due at the same time, in the order of asking.

use std::{collections::BTreeMap, time::Duration};

use pelton_dispatch::{CallId, Event, MemberEvent};
use pelton_types::Offset;

use super::{
    broker::{Answer, Arriving, Write},
    plan::Disturbance,
};

/// Names an assignment of a partition to a process, for good.
pub(super) type Seat = usize;
/// Names a process, for good: one that starts again is another one.
pub(super) type ProcessId = usize;

/// Something that is going to happen.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A fetch comes back.
    Fetch(Seat),
    /// A call comes back, unless it was cut short since.
    Called(Seat, CallId, u32),
    /// A partition's timer fires, unless it was set anew since.
    Timer(Seat, u64),
    /// What the member has for a partition's task comes out of its inbox; with the transaction that it may use then.
    Told(Seat, Event, u64),
    /// What a partition's task said comes to the member, with the count of endings that the task knew.
    Word(Seat, MemberEvent, u64),
    /// A delivery report, of an output handed over in this transaction; refused, and then perhaps partly written.
    Answered {
        seat: Seat,
        transaction: u64,
        offset: Offset,
        refused: Option<bool>,
    },
    /// The producer says that this transaction can't be committed.
    ProducerFails(ProcessId, u64),
    /// A member's timer fires, unless it was set anew since.
    MemberTimer(ProcessId, u64),
    /// A request's answer comes back.
    Replied(ProcessId, u64, Answer),
    /// A request is given up on, and sent again.
    RequestTimeout(ProcessId, u64),
    /// A request that was answered with "not yet" is sent again.
    Resend(ProcessId, u64),
    /// A member learns of the group's generation.
    LearnsGeneration(ProcessId, u64),
    /// A member that the coordinator gave up learns of it.
    LearnsLost(ProcessId),
    /// A request arrives at the broker.
    Arrives(ProcessId, Arriving),
    /// Outputs arrive at the broker.
    Lands(ProcessId, Write),
    /// The markers of a transaction that was decided are written.
    Completes(ProcessId),
    /// The coordinator looks whether this transaction has been open for too long.
    TransactionTimeout(ProcessId, u64),
    /// A partition that nobody owns is given to its target.
    Assign(usize),
    /// The coordinator gives up a member that is silent.
    SessionExpired(ProcessId, u64),
    /// A frozen process goes on.
    Thaw(ProcessId),
    /// An operator lets a process go on.
    Resume(ProcessId),
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
    items: BTreeMap<(Duration, u64), Item>,
    asked: u64,
}

impl Queue {
    pub fn push(&mut self, at: Duration, item: Item) {
        self.asked += 1;
        self.items.insert((at, self.asked), item);
    }

    pub fn pop(&mut self) -> Option<(Duration, Item)> {
        self.items.pop_first().map(|((at, _), item)| (at, item))
    }
}

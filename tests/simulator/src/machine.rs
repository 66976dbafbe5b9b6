//! What the simulator drives: the machine that ships, or one that is broken on purpose.
//!
//! A proof that can't fail proves nothing, so the world below is generic over the machine, and the tests
//! put broken ones into it.

use std::time::Duration;

use pelton_dispatch::{
    Checkpoint, Command, Event, Member, MemberCommand, MemberEvent, Partition, Policy, Snapshot,
    TransactionPolicy,
};

/// A machine of one assigned partition.
pub trait Machine {
    /// As [`Partition::new`].
    fn new(policy: Policy, start: &Checkpoint) -> Self;
    /// As [`Partition::handle`].
    fn handle(&mut self, now: Duration, event: Event, commands: &mut Vec<Command>);
    /// As [`Partition::snapshot`].
    fn snapshot(&self) -> Snapshot;
}

impl Machine for Partition {
    fn new(policy: Policy, start: &Checkpoint) -> Self {
        Self::new(policy, start)
    }

    fn handle(&mut self, now: Duration, event: Event, commands: &mut Vec<Command>) {
        self.handle(now, event, commands);
    }

    fn snapshot(&self) -> Snapshot {
        self.snapshot()
    }
}

/// A machine of one member's transactions.
pub trait Transactions {
    /// As [`Member::new`].
    fn new(policy: TransactionPolicy, now: Duration, commands: &mut Vec<MemberCommand>) -> Self;
    /// As [`Member::handle`].
    fn handle(&mut self, now: Duration, event: MemberEvent, commands: &mut Vec<MemberCommand>);
}

impl Transactions for Member {
    fn new(policy: TransactionPolicy, now: Duration, commands: &mut Vec<MemberCommand>) -> Self {
        Self::new(policy, now, commands)
    }

    fn handle(&mut self, now: Duration, event: MemberEvent, commands: &mut Vec<MemberCommand>) {
        self.handle(now, event, commands);
    }
}

//! What the simulator drives: the machine that ships, or one that is broken on purpose.
//!
//! A proof that can't fail proves nothing, so the tests put broken ones into the world below. It knows them by their
//! traits alone: were it generic over them, it would be compiled once for each.

use std::time::Duration;

use pelton_dispatch::{
    Checkpoint, Command, Event, Member, MemberCommand, MemberEvent, Partition, Policy, Snapshot,
    TransactionPolicy,
};

/// A machine of one assigned partition.
pub trait Machine: 'static {
    /// As [`Partition::new`].
    fn new(policy: Policy, start: &Checkpoint) -> Self
    where
        Self: Sized;
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
pub trait Transactions: 'static {
    /// As [`Member::new`].
    fn new(policy: TransactionPolicy, now: Duration, commands: &mut Vec<MemberCommand>) -> Self
    where
        Self: Sized;
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

/// Makes the machine of an assigned partition.
pub(crate) type NewMachine = fn(Policy, &Checkpoint) -> Box<dyn Machine>;

/// How a machine of this type is made.
pub(crate) fn machine<M: Machine>() -> NewMachine {
    |policy, start| Box::new(M::new(policy, start))
}

/// Makes the machine of a member's transactions.
pub(crate) type NewTransactions =
    fn(TransactionPolicy, Duration, &mut Vec<MemberCommand>) -> Box<dyn Transactions>;

/// How one of this type is made.
pub(crate) fn transactions<T: Transactions>() -> NewTransactions {
    |policy, now, commands| Box::new(T::new(policy, now, commands))
}

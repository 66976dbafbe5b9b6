//! A machine that is broken in one way: it is the real one behind a fault.

use std::{marker::PhantomData, time::Duration};

use pelton_dispatch::{Checkpoint, Command, Event, Partition, Policy, Snapshot};
use pelton_simulator::machine::Machine;

/// A way to be broken: changes what the real machine hears, or what it says.
pub trait Fault: Default + 'static {
    /// What the real machine is told of its policy, and of what is committed.
    fn begins(&mut self, policy: Policy, start: Checkpoint) -> (Policy, Checkpoint) {
        (policy, start)
    }

    fn hears(&mut self, event: Event) -> Vec<Event> {
        vec![event]
    }

    fn says(&mut self, _commands: &mut Vec<Command>) {}

    /// Events that the machine gets besides, for what it just commanded.
    fn imagines(&mut self, _commands: &[Command]) -> Vec<Event> {
        Vec::new()
    }
}

pub struct Broken<F> {
    inner: Partition,
    fault: F,
    kind: PhantomData<F>,
}

impl<F: Fault> Machine for Broken<F> {
    fn new(policy: Policy, start: &Checkpoint) -> Self {
        let mut fault = F::default();
        let (policy, start) = fault.begins(policy, start.clone());
        Self {
            inner: Partition::new(policy, &start),
            fault,
            kind: PhantomData,
        }
    }

    fn handle(&mut self, now: Duration, event: Event, commands: &mut Vec<Command>) {
        let mut waiting = self.fault.hears(event);
        waiting.reverse();
        while let Some(event) = waiting.pop() {
            let mut said = Vec::new();
            self.inner.handle(now, event, &mut said);
            waiting.extend(self.fault.imagines(&said));
            self.fault.says(&mut said);
            commands.append(&mut said);
        }
    }

    fn snapshot(&self) -> Snapshot {
        self.inner.snapshot()
    }
}

/// What a command wants committed.
pub fn checkpoint(command: &mut Command) -> Option<&mut Checkpoint> {
    match command {
        Command::Commit(checkpoint) => Some(checkpoint),
        Command::Drained { last, .. } => last.as_mut(),
        _ => None,
    }
}

//! Faults around order, bounds, and what is told beyond the committed offset.

use std::num::NonZeroU32;

use pelton_dispatch::{Checkpoint, Command, Event, Order, Policy, Progress};

use crate::broken::{Fault, checkpoint};

/// Tells nothing beyond the offset.
#[derive(Default)]
pub struct ForgetsMetadata;
impl Fault for ForgetsMetadata {
    fn says(&mut self, commands: &mut Vec<Command>) {
        for checkpoint in commands.iter_mut().filter_map(checkpoint) {
            checkpoint.metadata.clear();
        }
    }
}

/// Calls the message behind the finished ones finished too.
#[derive(Default)]
pub struct TellsTooMuch;
impl Fault for TellsTooMuch {
    fn says(&mut self, commands: &mut Vec<Command>) {
        for checkpoint in commands.iter_mut().filter_map(checkpoint) {
            tell(checkpoint, |progress| {
                if let Some(last) = progress.finished.last_mut() {
                    last.end += 1;
                }
            });
        }
    }
}

/// Starts as if earlier owners had told nothing.
#[derive(Default)]
pub struct IgnoresInheritance;
impl Fault for IgnoresInheritance {
    fn begins(&mut self, policy: Policy, start: Checkpoint) -> (Policy, Checkpoint) {
        (policy, Checkpoint::at(start.next))
    }
}

/// Calls again what earlier owners finished.
#[derive(Default)]
pub struct CallsFinishedAgain;
impl Fault for CallsFinishedAgain {
    fn begins(&mut self, policy: Policy, mut start: Checkpoint) -> (Policy, Checkpoint) {
        tell(&mut start, |progress| progress.finished.clear());
        (policy, start)
    }
}

/// Starts as if earlier owners had made no attempts (rule 6b).
#[derive(Default)]
pub struct DropsAttempts;
impl Fault for DropsAttempts {
    fn begins(&mut self, policy: Policy, mut start: Checkpoint) -> (Policy, Checkpoint) {
        tell(&mut start, |progress| progress.tried.clear());
        (policy, start)
    }
}

/// Tells no attempts (rule 6b).
#[derive(Default)]
pub struct TellsNoAttempts;
impl Fault for TellsNoAttempts {
    fn says(&mut self, commands: &mut Vec<Command>) {
        for checkpoint in commands.iter_mut().filter_map(checkpoint) {
            tell(checkpoint, |progress| progress.tried.clear());
        }
    }
}

/// Lets messages of a key overtake one another.
#[derive(Default)]
pub struct IgnoresKeys;
impl Fault for IgnoresKeys {
    fn begins(&mut self, policy: Policy, start: Checkpoint) -> (Policy, Checkpoint) {
        (in_order(Order::Key, Order::None, policy), start)
    }
}

/// Lets a message that waits for its retry hold up all others (rule 18). Nothing comes to harm but time.
#[derive(Default)]
pub struct RetriesBlockAll;
impl Fault for RetriesBlockAll {
    fn begins(&mut self, policy: Policy, start: Checkpoint) -> (Policy, Checkpoint) {
        (in_order(Order::Key, Order::Partition, policy), start)
    }
}

/// Begins more than it may. The ledger has no bound to hold it to.
#[derive(Default)]
pub struct BeginsTooMuch;
impl Fault for BeginsTooMuch {
    fn begins(&mut self, policy: Policy, start: Checkpoint) -> (Policy, Checkpoint) {
        let in_flight = policy.in_flight.saturating_add(1);
        (
            Policy {
                in_flight,
                ..policy
            },
            start,
        )
    }
}

/// Makes more calls at once than it may. The ledger has no bound to hold it to.
#[derive(Default)]
pub struct CallsTooMuch;
impl Fault for CallsTooMuch {
    fn begins(&mut self, policy: Policy, start: Checkpoint) -> (Policy, Checkpoint) {
        let calls = policy.calls.saturating_add(1);
        (Policy { calls, ..policy }, start)
    }
}

/// Makes one call at a time for a handler that waits. Nothing comes to harm but time.
#[derive(Default)]
pub struct CallsTooLittle;
impl Fault for CallsTooLittle {
    fn begins(&mut self, policy: Policy, start: Checkpoint) -> (Policy, Checkpoint) {
        (
            Policy {
                calls: NonZeroU32::MIN,
                ..policy
            },
            start,
        )
    }
}

/// Writes what fits and begins further messages although not everything does: those it forgets may have been
/// told before, which the ledger allows where metadata is full.
#[derive(Default)]
pub struct IgnoresTheCrowd {
    limit: u32,
}
impl Fault for IgnoresTheCrowd {
    fn begins(&mut self, policy: Policy, start: Checkpoint) -> (Policy, Checkpoint) {
        self.limit = policy.metadata_bytes;
        let metadata_bytes = 100_000;
        (
            Policy {
                metadata_bytes,
                ..policy
            },
            start,
        )
    }

    fn says(&mut self, commands: &mut Vec<Command>) {
        for checkpoint in commands.iter_mut().filter_map(checkpoint) {
            let progress = checkpoint.progress().unwrap();
            let limit = usize::try_from(self.limit).unwrap();
            checkpoint.metadata = progress.metadata(checkpoint.next, limit).metadata;
        }
    }
}

/// Writes more metadata than the broker takes.
#[derive(Default)]
pub struct WritesTooMuch;
impl Fault for WritesTooMuch {
    fn begins(&mut self, policy: Policy, start: Checkpoint) -> (Policy, Checkpoint) {
        let metadata_bytes = 100_000;
        (
            Policy {
                metadata_bytes,
                ..policy
            },
            start,
        )
    }
}

/// Lets calls under way run to their end on the revision before.
#[derive(Default)]
pub struct IgnoresSwaps;
impl Fault for IgnoresSwaps {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        match event {
            Event::Swapped => vec![Event::Timer],
            other => vec![other],
        }
    }
}

/// Holds as many bytes as ever, although there is less room.
#[derive(Default)]
pub struct IgnoresTheBuffer;
impl Fault for IgnoresTheBuffer {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        match event {
            Event::Buffer { .. } => vec![Event::Timer],
            _ => vec![event],
        }
    }
}

/// Changes what a checkpoint tells beyond its offset. Another program's is left as it is.
fn tell(checkpoint: &mut Checkpoint, change: impl FnOnce(&mut Progress)) {
    if let Some(mut progress) = checkpoint
        .progress()
        .ok()
        .filter(|_| !checkpoint.metadata.is_empty())
    {
        change(&mut progress);
        checkpoint.metadata = progress.metadata(checkpoint.next, 100_000).metadata;
    }
}

/// The policy with another order instead of one.
fn in_order(order: Order, instead: Order, policy: Policy) -> Policy {
    let order = if policy.order == order {
        instead
    } else {
        policy.order
    };
    Policy { order, ..policy }
}

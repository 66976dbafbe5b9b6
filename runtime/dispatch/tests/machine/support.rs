//! Drives one machine by hand: events in milliseconds, commands as they come.

use std::{num::NonZeroU32, time::Duration};

use pelton_dispatch::{
    Arrival, Attempt, CallId, Checkpoint, Command, Event, Guarantee, OnExhausted, Order, Partition,
    Policy, Progress, Retry, Snapshot,
};
use pelton_types::{Failure, FailureKind, Offset, Verdict};

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Three attempts without jitter, a dead letter at the end, everything committed at once.
pub fn policy() -> Policy {
    Policy {
        guarantee: Guarantee::AtLeastOnce,
        retry: Retry {
            attempts: NonZeroU32::new(3).unwrap(),
            backoff: ms(1000),
            max_backoff: ms(10_000),
            jitter_percent: 0,
            jitter_seed: 0,
        },
        on_exhausted: OnExhausted::DeadLetter,
        order: Order::Partition,
        in_flight: NonZeroU32::new(100).unwrap(),
        calls: NonZeroU32::new(4).unwrap(),
        batch_messages: NonZeroU32::new(100).unwrap(),
        batch_bytes: 1000,
        batch_target: ms(1),
        buffer_messages: NonZeroU32::new(100).unwrap(),
        buffer_bytes: 10_000,
        commit_interval: Duration::ZERO,
        metadata_bytes: 4096,
    }
}

pub fn done(outputs: u32) -> Verdict {
    Verdict::Done { outputs }
}

pub fn failed(kind: FailureKind) -> Verdict {
    Verdict::Failed(failure(kind))
}

pub fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, "boom")
}

pub const NOT_ATTEMPTED: Verdict = Verdict::NotAttempted;

/// A machine and the time.
pub struct Bench {
    pub machine: Partition,
    pub now: Duration,
}

impl Bench {
    pub fn new(policy: Policy) -> Self {
        Self::starting_at(policy, 0)
    }

    pub fn starting_at(policy: Policy, start: Offset) -> Self {
        Self {
            machine: Partition::new(policy, &Checkpoint::at(start)),
            now: ms(0),
        }
    }

    /// A machine that goes on where an earlier owner has committed.
    pub fn after(policy: Policy, checkpoint: &Checkpoint) -> Self {
        Self {
            machine: Partition::new(policy, checkpoint),
            now: ms(0),
        }
    }

    /// A machine that has fetched these offsets, ten bytes each, and what it commanded.
    pub fn with(policy: Policy, offsets: impl IntoIterator<Item = Offset>) -> (Self, Vec<Command>) {
        let mut bench = Self::new(policy);
        let commands = bench.fetch(offsets);
        (bench, commands)
    }

    pub fn event(&mut self, event: Event) -> Vec<Command> {
        let mut commands = Vec::new();
        self.machine.handle(self.now, event, &mut commands);
        commands
    }

    /// Fetches messages with keys, ten bytes each; 0 is no key.
    pub fn fetch_keyed(
        &mut self,
        messages: impl IntoIterator<Item = (Offset, u64)>,
    ) -> Vec<Command> {
        let arrivals = messages.into_iter().map(|(offset, key)| Arrival {
            offset,
            bytes: 10,
            key: (key > 0).then_some(key),
        });
        self.event(Event::Fetched(arrivals.collect()))
    }

    pub fn fetch(&mut self, offsets: impl IntoIterator<Item = Offset>) -> Vec<Command> {
        let arrivals = offsets
            .into_iter()
            .map(|offset| Arrival {
                offset,
                bytes: 10,
                key: None,
            })
            .collect();
        self.event(Event::Fetched(arrivals))
    }

    pub fn called(&mut self, call: u64, verdicts: impl Into<Vec<Verdict>>) -> Vec<Command> {
        self.event(Event::Called {
            call: CallId(call),
            verdicts: verdicts.into(),
            took: Duration::from_nanos(1),
            waited: Duration::ZERO,
            probation: false,
        })
    }

    /// The answer of a revision on probation.
    pub fn called_on_probation(
        &mut self,
        call: u64,
        verdicts: impl Into<Vec<Verdict>>,
    ) -> Vec<Command> {
        self.event(Event::Called {
            call: CallId(call),
            verdicts: verdicts.into(),
            took: Duration::from_nanos(1),
            waited: Duration::ZERO,
            probation: true,
        })
    }

    /// The answer of a call that waited all the time.
    pub fn waited(&mut self, call: u64, verdicts: impl Into<Vec<Verdict>>) -> Vec<Command> {
        self.event(Event::Called {
            call: CallId(call),
            verdicts: verdicts.into(),
            took: ms(3),
            waited: ms(3),
            probation: false,
        })
    }

    pub fn delivered(&mut self, offset: Offset) -> Vec<Command> {
        self.event(Event::Delivered {
            offsets: vec![offset],
        })
    }

    pub fn refused(&mut self, offset: Offset) -> Vec<Command> {
        self.event(Event::Refused {
            offset,
            failure: failure(FailureKind::Produce),
            partly: true,
        })
    }

    pub fn drain(&mut self, deadline: u64) -> Vec<Command> {
        self.event(Event::Drain {
            deadline: ms(deadline),
        })
    }

    /// Lets time pass, up to this many milliseconds since the beginning.
    pub fn at(&mut self, millis: u64) -> Vec<Command> {
        self.now = ms(millis);
        self.event(Event::Timer)
    }

    pub fn snapshot(&self) -> Snapshot {
        self.machine.snapshot()
    }
}

/// A call: its name, offsets with attempts, and whether it is on a fresh instance.
pub type Call = (u64, Vec<(Offset, u32)>, bool);

/// The calls among commands: name, offsets with attempts, whether fresh.
pub fn calls(commands: &[Command]) -> Vec<Call> {
    commands
        .iter()
        .filter_map(|command| match command {
            Command::Call {
                call,
                messages,
                fresh,
                ..
            } => {
                let messages = messages
                    .iter()
                    .map(|Attempt { offset, attempt }| (*offset, *attempt));
                Some((call.0, messages.collect(), *fresh))
            }
            _ => None,
        })
        .collect()
}

/// Only the offsets of the only call.
pub fn called_offsets(commands: &[Command]) -> Vec<Offset> {
    let calls = calls(commands);
    assert_eq!(calls.len(), 1, "{commands:?}");
    calls[0].1.iter().map(|(offset, _)| *offset).collect()
}

pub fn commits(commands: &[Command]) -> Vec<Offset> {
    checkpoints(commands).iter().map(|c| c.next).collect()
}

/// What is committed, now or as the last of a drain.
pub fn checkpoints(commands: &[Command]) -> Vec<Checkpoint> {
    commands
        .iter()
        .filter_map(|command| match command {
            Command::Commit(checkpoint) => Some(checkpoint.clone()),
            Command::Drained { last, .. } => last.clone(),
            _ => None,
        })
        .collect()
}

/// What the last of the checkpoints says is finished beyond its offset.
pub fn finished(commands: &[Command]) -> Vec<Offset> {
    let progress = progress(commands);
    progress.finished.into_iter().flatten().collect()
}

/// What the last of the checkpoints says.
pub fn progress(commands: &[Command]) -> Progress {
    let last = checkpoints(commands).pop().unwrap();
    last.progress().unwrap()
}

pub fn timers(commands: &[Command]) -> Vec<Duration> {
    commands
        .iter()
        .filter_map(|c| {
            if let Command::SetTimer { at } = c {
                Some(*at)
            } else {
                None
            }
        })
        .collect()
}

/// Commands other than those about buffers, timers and commits.
pub fn essence(commands: &[Command]) -> Vec<Command> {
    let aside = |command: &&Command| {
        !matches!(
            command,
            Command::Release { .. }
                | Command::SetTimer { .. }
                | Command::Commit(_)
                | Command::PauseFetch
                | Command::ResumeFetch
        )
    };
    commands.iter().filter(aside).cloned().collect()
}

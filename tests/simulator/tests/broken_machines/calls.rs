//! Faults around calls, deliveries, offsets and the end of an assignment.

use std::{collections::BTreeSet, time::Duration};

use pelton_dispatch::{Attempt, Command, Event};
use pelton_types::{FailureKind, Offset, Verdict};

use crate::broken::{Fault, checkpoint};

/// Commits one message too many.
#[derive(Default)]
pub struct CommitsTooFar;
impl Fault for CommitsTooFar {
    fn says(&mut self, commands: &mut Vec<Command>) {
        for command in commands {
            if let Some(checkpoint) = checkpoint(command) {
                checkpoint.next += 1;
            }
        }
    }
}

/// Takes outputs for acknowledged as soon as they are handed over.
#[derive(Default)]
pub struct ForgetsToWait;
impl Fault for ForgetsToWait {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        if matches!(event, Event::Delivered { .. }) {
            Vec::new()
        } else {
            vec![event]
        }
    }

    fn imagines(&mut self, commands: &[Command]) -> Vec<Event> {
        let delivered = |command: &Command| match command {
            Command::Produce { offset } | Command::DeadLetter { offset, .. } => {
                Some(Event::Delivered {
                    offsets: vec![*offset],
                })
            }
            _ => None,
        };
        commands.iter().filter_map(delivered).collect()
    }
}

/// Announces a retry and never makes it.
#[derive(Default)]
pub struct DropsRetries;
impl Fault for DropsRetries {
    fn says(&mut self, commands: &mut Vec<Command>) {
        let again = |messages: &[Attempt]| messages.iter().any(|attempt| attempt.attempt > 1);
        commands.retain(
            |command| !matches!(command, Command::Call { messages, .. } if again(messages)),
        );
    }
}

/// Takes a message whose attempt failed for done.
#[derive(Default)]
pub struct SwallowsFailures;
impl Fault for SwallowsFailures {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        vec![with_verdicts(event, |verdict| {
            if matches!(verdict, Verdict::Failed(_)) {
                *verdict = Verdict::Done { outputs: 0 };
            }
        })]
    }
}

/// Believes that whoever was there when an instance died is the culprit (rule 40).
#[derive(Default)]
pub struct BlamesNeighbours;
impl Fault for BlamesNeighbours {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        vec![with_verdicts(event, |verdict| match verdict {
            Verdict::Failed(failure) if failure.kind.is_instance_fault() => {
                failure.kind = FailureKind::Reject
            }
            _ => {}
        })]
    }
}

/// Calls the second message before the first.
#[derive(Default)]
pub struct CallsOutOfOrder;
impl Fault for CallsOutOfOrder {
    fn says(&mut self, commands: &mut Vec<Command>) {
        for command in commands {
            if let Command::Call { messages, .. } = command {
                messages.reverse();
            }
        }
    }
}

/// Produces everything twice.
#[derive(Default)]
pub struct ProducesTwice;
impl Fault for ProducesTwice {
    fn says(&mut self, commands: &mut Vec<Command>) {
        let twice = |command: Command| match command {
            Command::Produce { .. } => vec![command.clone(), command],
            _ => vec![command],
        };
        *commands = std::mem::take(commands)
            .into_iter()
            .flat_map(twice)
            .collect();
    }
}

/// Takes a refused dead letter for written (rule 17).
#[derive(Default)]
pub struct CommitsRefusedLetters(BTreeSet<Offset>);
impl Fault for CommitsRefusedLetters {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        match event {
            Event::Refused { offset, .. } if self.0.contains(&offset) => {
                vec![Event::Delivered {
                    offsets: vec![offset],
                }]
            }
            _ => vec![event],
        }
    }

    fn says(&mut self, commands: &mut Vec<Command>) {
        self.0
            .extend(commands.iter().filter_map(|command| match command {
                Command::DeadLetter { offset, .. } => Some(*offset),
                _ => None,
            }));
    }
}

/// Ends a drain without waiting, and says that nothing was left behind.
#[derive(Default)]
pub struct DrainsCarelessly;
impl Fault for DrainsCarelessly {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        match event {
            Event::Drain { .. } => vec![Event::Drain {
                deadline: Duration::ZERO,
            }],
            _ => vec![event],
        }
    }

    fn says(&mut self, commands: &mut Vec<Command>) {
        for command in commands {
            if let Command::Drained { unfinished, .. } = command {
                *unfinished = 0;
            }
        }
    }
}

/// Never asks to be woken.
#[derive(Default)]
pub struct SetsNoTimer;
impl Fault for SetsNoTimer {
    fn says(&mut self, commands: &mut Vec<Command>) {
        commands.retain(|command| !matches!(command, Command::SetTimer { .. }));
    }
}

/// Pauses and never resumes.
#[derive(Default)]
pub struct NeverResumes;
impl Fault for NeverResumes {
    fn says(&mut self, commands: &mut Vec<Command>) {
        commands.retain(|command| !matches!(command, Command::ResumeFetch));
    }
}

/// Releases the bytes of messages that are still needed.
#[derive(Default)]
pub struct ReleasesTooMuch;
impl Fault for ReleasesTooMuch {
    fn says(&mut self, commands: &mut Vec<Command>) {
        for command in commands {
            if let Command::Release { below } = command {
                *below += 1;
            }
        }
    }
}

/// Goes on although its partition was lost.
#[derive(Default)]
pub struct IgnoresLoss;
impl Fault for IgnoresLoss {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        if event == Event::Lost {
            Vec::new()
        } else {
            vec![event]
        }
    }
}

/// Takes a failed commit for a successful one.
#[derive(Default)]
pub struct BelievesFailedCommits;
impl Fault for BelievesFailedCommits {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        match event {
            Event::CommitFailed { next } => vec![Event::Committed { next }],
            _ => vec![event],
        }
    }
}

/// Panics.
#[derive(Default)]
pub struct Panics;
impl Fault for Panics {
    fn hears(&mut self, _: Event) -> Vec<Event> {
        panic!("on purpose")
    }
}

fn with_verdicts(event: Event, change: impl Fn(&mut Verdict)) -> Event {
    match event {
        Event::Called {
            call,
            mut verdicts,
            took,
            waited,
            probation: false,
        } => {
            verdicts.iter_mut().for_each(change);
            Event::Called {
                call,
                verdicts,
                took,
                waited,
                probation: false,
            }
        }
        _ => event,
    }
}

/// Goes on though an operator has paused it.
#[derive(Default)]
pub struct IgnoresPauses;
impl Fault for IgnoresPauses {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        let ignored = matches!(event, Event::Pause);
        if ignored { Vec::new() } else { vec![event] }
    }
}

/// Stays paused.
#[derive(Default)]
pub struct NeverGoesOn;
impl Fault for NeverGoesOn {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        let ignored = matches!(event, Event::Resume);
        if ignored { Vec::new() } else { vec![event] }
    }
}

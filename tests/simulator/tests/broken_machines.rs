//! The negative control: machines that are broken on purpose must be found out. Once by both judges, and
//! once by the ledger alone, which believes no machine and shares no reasoning with it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{collections::BTreeSet, marker::PhantomData, time::Duration};

use pelton_dispatch::{Attempt, Command, Event, Partition, Policy, Snapshot};
use pelton_simulator::{
    group::{Failure, Options, run_many, run_seed},
    machine::Machine,
};
use pelton_types::{FailureKind, Offset, Verdict};

/// A way to be broken: changes what the real machine hears, or what it says.
trait Fault: Default {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        vec![event]
    }

    fn says(&mut self, _commands: &mut Vec<Command>) {}

    /// Events that the machine gets besides, for what it just commanded.
    fn imagines(&mut self, _commands: &[Command]) -> Vec<Event> {
        Vec::new()
    }
}

struct Broken<F> {
    inner: Partition,
    fault: F,
    kind: PhantomData<F>,
}

impl<F: Fault> Machine for Broken<F> {
    fn new(policy: Policy, start: Offset) -> Self {
        Self {
            inner: Partition::new(policy, start),
            fault: F::default(),
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

/// Commits one message too many.
#[derive(Default)]
struct CommitsTooFar;
impl Fault for CommitsTooFar {
    fn says(&mut self, commands: &mut Vec<Command>) {
        for command in commands {
            if let Command::Commit { next }
            | Command::Drained {
                next: Some(next), ..
            } = command
            {
                *next += 1;
            }
        }
    }
}

/// Takes outputs for acknowledged as soon as they are handed over.
#[derive(Default)]
struct ForgetsToWait;
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
                Some(Event::Delivered { offset: *offset })
            }
            _ => None,
        };
        commands.iter().filter_map(delivered).collect()
    }
}

/// Announces a retry and never makes it.
#[derive(Default)]
struct DropsRetries;
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
struct SwallowsFailures;
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
struct BlamesNeighbours;
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
struct CallsOutOfOrder;
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
struct ProducesTwice;
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
struct CommitsRefusedLetters(BTreeSet<Offset>);
impl Fault for CommitsRefusedLetters {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        match event {
            Event::Refused { offset, .. } if self.0.contains(&offset) => {
                vec![Event::Delivered { offset }]
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
struct DrainsCarelessly;
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
struct SetsNoTimer;
impl Fault for SetsNoTimer {
    fn says(&mut self, commands: &mut Vec<Command>) {
        commands.retain(|command| !matches!(command, Command::SetTimer { .. }));
    }
}

/// Pauses and never resumes.
#[derive(Default)]
struct NeverResumes;
impl Fault for NeverResumes {
    fn says(&mut self, commands: &mut Vec<Command>) {
        commands.retain(|command| !matches!(command, Command::ResumeFetch));
    }
}

/// Releases the bytes of messages that are still needed.
#[derive(Default)]
struct ReleasesTooMuch;
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
struct IgnoresLoss;
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
struct BelievesFailedCommits;
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
struct Panics;
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
        } => {
            verdicts.iter_mut().for_each(change);
            Event::Called {
                call,
                verdicts,
                took,
            }
        }
        _ => event,
    }
}

fn found_out<F: Fault>(options: Options) -> Box<Failure> {
    let name = std::any::type_name::<F>();
    let Err(failure) = run_many::<Broken<F>>(0, 2_000, 1, options, |_| ()) else {
        panic!("{name} was not found out, {options:?}");
    };
    let again = run_seed::<Broken<F>>(failure.seed, options).unwrap_err();
    assert_eq!(
        (again.step, &again.violation),
        (failure.step, &failure.violation),
        "the seed replays it"
    );
    assert!(
        !failure.last.is_empty()
            && failure
                .to_string()
                .contains(&format!("--seed {}", failure.seed))
    );
    failure
}

macro_rules! are_found_out {
    ($($name:ident: $fault:ty, by $judges:tt;)+) => {
        $(#[test] fn $name() { are_found_out!(@ $fault, $judges); })+
    };
    (@ $fault:ty, model_and_ledger) => {
        println!("{}", found_out::<$fault>(Options::default()));
        println!("{}", found_out::<$fault>(Options { model: false, ..Options::default() }));
    };
    (@ $fault:ty, model) => {
        println!("{}", found_out::<$fault>(Options::default()));
    };
}

are_found_out! {
    commits_too_far: CommitsTooFar, by model_and_ledger;
    forgets_to_wait_for_delivery: ForgetsToWait, by model_and_ledger;
    drops_retries: DropsRetries, by model_and_ledger;
    swallows_failures: SwallowsFailures, by model_and_ledger;
    blames_neighbours: BlamesNeighbours, by model_and_ledger;
    calls_out_of_order: CallsOutOfOrder, by model_and_ledger;
    produces_twice: ProducesTwice, by model_and_ledger;
    commits_refused_letters: CommitsRefusedLetters, by model_and_ledger;
    drains_carelessly: DrainsCarelessly, by model_and_ledger;
    sets_no_timer: SetsNoTimer, by model_and_ledger;
    never_resumes: NeverResumes, by model_and_ledger;
    releases_too_much: ReleasesTooMuch, by model_and_ledger;
    believes_failed_commits: BelievesFailedCommits, by model_and_ledger;
    panics: Panics, by model_and_ledger;
    // A lost partition's work is harmless at the broker, which fences it; only the model minds.
    ignores_loss: IgnoresLoss, by model;
}

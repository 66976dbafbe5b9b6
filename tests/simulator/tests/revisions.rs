//! The machine of a handler's component passes its simulation, and ones that are broken on purpose don't.

use std::time::Duration;

use pelton_revisions::{Command, Configuration, Event, Probation, Revisions, RolledBack};
use pelton_simulator::{
    model::Violation,
    revisions::{Machine, run_seed},
};
use pelton_types::RevisionId;

const SEEDS: u64 = 2_000;

#[test]
fn the_machine_passes() {
    for seed in 0..SEEDS {
        if let Err(Violation(why)) = run_seed::<Revisions>(seed) {
            panic!("{why}");
        }
    }
}

/// A way to be broken: changes the time, what the real machine hears, or what it says.
trait Fault: Default {
    fn hears(&mut self, now: Duration, event: Event) -> (Duration, Option<Event>) {
        (now, Some(event))
    }

    fn says(&mut self, _commands: &mut Vec<Command>) {}
}

struct Broken<F>(Revisions, F);

impl<F: Fault> Machine for Broken<F> {
    fn new(configuration: Configuration, probation: Option<Probation>) -> Self {
        Self(Revisions::new(configuration, probation), F::default())
    }

    fn handle(&mut self, now: Duration, event: Event, commands: &mut Vec<Command>) {
        if let (now, Some(event)) = self.1.hears(now, event) {
            self.0.handle(now, event, commands);
        }
        self.1.says(commands);
    }

    fn running(&self) -> Option<RevisionId> {
        self.0.running()
    }

    fn fallback(&self) -> Option<RevisionId> {
        self.0.fallback()
    }
}

macro_rules! are_found_out {
    ($($name:ident: $fault:ident, $why:literal;)+) => {
        $(
            #[derive(Default)]
            struct $fault;

            #[test]
            fn $name() {
                let found = (0..SEEDS).find_map(|seed| run_seed::<Broken<$fault>>(seed).err());
                let Some(Violation(why)) = found else {
                    panic!("{} was not found out", stringify!($fault));
                };
                assert!(why.contains($why), "found out for another reason: {why}");
            }
        )+
    };
}

are_found_out! {
    one_that_counts_poison_is_found_out: CountsPoison, "was rolled back with";
    one_that_forgets_votes_is_found_out: ForgetsVotes, "still runs";
    one_that_believes_trials_is_found_out: BelievesTrials, "without a trial";
    one_that_takes_what_was_rolled_back_is_found_out: TakesAgain, "was rolled back";
    one_that_confirms_early_is_found_out: ConfirmsEarly, "before its time";
    one_that_never_confirms_is_found_out: NeverConfirms, "was not ended";
    one_that_keeps_nothing_is_found_out: KeepsNothing, "nothing is kept";
    one_that_keeps_what_is_on_probation_is_found_out: KeepsAnything, "while on probation";
    one_that_forgets_that_a_configuration_was_rolled_back_is_found_out: ForgetsConfigurations, "is written down";
    one_that_ignores_what_is_kept_is_found_out: IgnoresKept, "nothing runs, though";
    one_that_ignores_files_is_found_out: IgnoresFiles, "the file holds";
    one_that_ignores_configurations_is_found_out: IgnoresConfigurations, "is written down";
}

impl Fault for CountsPoison {
    fn hears(&mut self, now: Duration, mut event: Event) -> (Duration, Option<Event>) {
        if let Event::FellBack { succeeded, .. } = &mut event {
            *succeeded = true;
        }
        (now, Some(event))
    }
}

impl Fault for ForgetsVotes {
    fn hears(&mut self, now: Duration, event: Event) -> (Duration, Option<Event>) {
        let vote = matches!(event, Event::FellBack { .. });
        (now, Some(event).filter(|_| !vote))
    }
}

impl Fault for BelievesTrials {
    fn hears(&mut self, now: Duration, event: Event) -> (Duration, Option<Event>) {
        let event = match event {
            Event::TrialFailed { revision, .. } => Event::TrialPassed { revision },
            other => other,
        };
        (now, Some(event))
    }
}

impl Fault for TakesAgain {
    fn hears(&mut self, now: Duration, event: Event) -> (Duration, Option<Event>) {
        let event = match event {
            Event::FileChanged { digest } => Event::Reload {
                digest,
                force: true,
            },
            other => other,
        };
        (now, Some(event))
    }
}

impl Fault for ConfirmsEarly {
    fn hears(&mut self, now: Duration, event: Event) -> (Duration, Option<Event>) {
        (now * 3, Some(event))
    }
}

impl Fault for NeverConfirms {
    fn hears(&mut self, _: Duration, event: Event) -> (Duration, Option<Event>) {
        (Duration::ZERO, Some(event))
    }
}

impl Fault for KeepsNothing {
    fn says(&mut self, commands: &mut Vec<Command>) {
        commands.retain(|command| !matches!(command, Command::Remember(_)));
    }
}

impl Fault for KeepsAnything {
    fn says(&mut self, commands: &mut Vec<Command>) {
        let memory = |command: &Command| match command {
            Command::Probation { revision, .. } => {
                Some(Command::Remember(pelton_revisions::Memory {
                    good: Some(revision.0),
                    ..pelton_revisions::Memory::default()
                }))
            }
            _ => None,
        };
        let kept: Vec<_> = commands.iter().filter_map(memory).collect();
        commands.extend(kept);
    }
}

impl Fault for ForgetsConfigurations {
    fn says(&mut self, commands: &mut Vec<Command>) {
        for command in commands {
            if let Command::Remember(memory) = command {
                let good = memory.good;
                let of_good = |r: &mut RolledBack| Some(r.refusal.digest) == good;
                memory.rolled_back.take_if(of_good);
            }
        }
    }
}

impl Fault for IgnoresKept {
    fn hears(&mut self, now: Duration, event: Event) -> (Duration, Option<Event>) {
        let remembered = matches!(event, Event::Remembered(_));
        (now, Some(event).filter(|_| !remembered))
    }
}

impl Fault for IgnoresFiles {
    fn hears(&mut self, now: Duration, event: Event) -> (Duration, Option<Event>) {
        let changed = matches!(event, Event::FileChanged { .. });
        let first = now < Duration::from_secs(60);
        (now, Some(event).filter(|_| !changed || first))
    }
}

impl Fault for IgnoresConfigurations {
    fn hears(&mut self, now: Duration, event: Event) -> (Duration, Option<Event>) {
        let configured = matches!(event, Event::Configured { .. });
        (now, Some(event).filter(|_| !configured))
    }
}

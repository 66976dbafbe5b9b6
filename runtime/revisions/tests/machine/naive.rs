//! Whatever happens, in whatever order: only what proved itself runs, and what is loaded is given back.

use std::collections::BTreeSet;

use pelton_revisions::{Command, Event};
use pelton_types::RevisionId;
use proptest::prelude::*;

use crate::support::*;

/// Contents 0 and 1 don't load, 2 and 3 fail their trial, 4 to 7 are good.
fn answer(command: &Command) -> Option<Event> {
    match command {
        Command::Load { digest } if digest[0] < 2 => Some(not_loaded(digest[0])),
        Command::Load { digest } => Some(loaded(digest[0])),
        Command::Trial { revision } if revision.0[0] < 4 => Some(failed(revision.0[0])),
        Command::Trial { revision } => Some(passed(revision.0[0])),
        _ => None,
    }
}

#[derive(Clone, Debug)]
enum Step {
    File(u8),
    Gone,
    Answer,
    Wait(u64),
    FallsBack(bool),
    Handled(u64),
    RollBack,
    Insist,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8_u8).prop_map(Step::File),
        1 => Just(Step::Gone),
        12 => Just(Step::Answer),
        1 => (0..40_u64).prop_map(Step::Wait),
        3 => any::<bool>().prop_map(Step::FallsBack),
        2 => (0..40_u64).prop_map(Step::Handled),
        1 => Just(Step::RollBack),
        1 => Just(Step::Insist),
    ]
}

struct Script {
    bench: Bench,
    open: Vec<Event>,
    on_disk: Option<u8>,
    loaded: BTreeSet<RevisionId>,
    rolled_back: Option<RevisionId>,
}

impl Script {
    fn event(&mut self, event: Event) {
        if let Event::Loaded { revision, .. } = &event {
            assert!(self.loaded.insert(*revision), "{revision} is loaded twice");
        }
        let mut runs = self.bench.machine.running();
        let ran = runs.is_some();
        for command in self.bench.event(event) {
            match &command {
                Command::Swap { to, from } => {
                    assert!(to.0[0] >= 4 && self.loaded.contains(to), "{to} runs");
                    assert_eq!(*from, runs.replace(*to));
                    assert_ne!(self.rolled_back, Some(*to), "the file is the same");
                }
                Command::RollBack { from, to, .. } => {
                    assert!(to.0[0] >= 4 && self.loaded.contains(to), "{to} runs");
                    assert_eq!(Some(*from), runs.replace(*to));
                    // Where the file holds other content by then, bringing this one back is a change.
                    self.rolled_back =
                        Some(*from).filter(|from| self.on_disk.map(revision) == Some(*from));
                }
                Command::Retire { revision } => {
                    assert!(
                        self.loaded.remove(revision),
                        "{revision} is given back twice"
                    );
                }
                _ => {}
            }
            self.open.extend(answer(&command));
        }
        let machine = &self.bench.machine;
        for needed in [machine.running(), machine.previous()]
            .into_iter()
            .flatten()
        {
            assert!(self.loaded.contains(&needed), "{needed} was given back");
        }
        assert!(!ran || machine.running().is_some(), "nothing runs any more");
        assert_eq!(machine.running(), runs);
    }

    fn perform(&mut self, step: Step) {
        match step {
            Step::File(n) => {
                if self.on_disk.replace(n) != Some(n) {
                    self.rolled_back = None;
                }
                self.event(changed(n));
            }
            Step::Gone => self.event(Event::FileMissing),
            Step::Answer if self.open.is_empty() => {}
            Step::Answer => {
                let event = self.open.remove(0);
                self.event(event);
            }
            Step::Wait(n) => {
                self.bench.now += seconds(n);
                self.event(Event::Timer);
            }
            Step::FallsBack(succeeded) => {
                let machine = &self.bench.machine;
                if let (Some(from), Some(to)) = (machine.running(), machine.previous()) {
                    self.event(Event::FellBack {
                        from,
                        to,
                        succeeded,
                    });
                }
            }
            Step::Handled(messages) => {
                if let Some(revision) = self.bench.machine.running() {
                    self.event(Event::Handled { revision, messages });
                }
            }
            Step::RollBack => self.event(Event::RollBack),
            Step::Insist => {
                if let Some(n) = self.on_disk {
                    self.rolled_back = None;
                    let digest = digest(n);
                    self.event(Event::Reload {
                        digest,
                        force: true,
                    });
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_good_content_runs_and_the_newest_in_the_end(
        remembered in proptest::option::of(0..8_u8),
        steps in prop::collection::vec(steps(), 1..80),
    ) {
        let mut script = Script {
            bench: Bench::new(Some(probation())),
            open: Vec::new(),
            on_disk: None,
            loaded: BTreeSet::new(),
            rolled_back: None,
        };
        if let Some(n) = remembered {
            script.event(Event::Remembered(good(n)));
        }
        steps.into_iter().for_each(|step| script.perform(step));
        while !script.open.is_empty() {
            script.perform(Step::Answer);
        }
        let machine = &script.bench.machine;
        let newest = script.on_disk.filter(|n| *n >= 4).map(revision);
        if let Some(newest) = newest.filter(|newest| script.rolled_back != Some(*newest)) {
            prop_assert_eq!(machine.running(), Some(newest));
        }
        prop_assert!(!machine.is_busy());
        let needed: BTreeSet<_> = [machine.running(), machine.previous()].into_iter().flatten().collect();
        prop_assert_eq!(script.loaded, needed);
    }
}

//! The machine of one handler's component.

use std::time::Duration;

use pelton_types::RevisionId;

use crate::{Command, Digest, Event};

/// Content on its way to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Candidate {
    Loading(Digest),
    Trying(Digest, RevisionId),
}

impl Candidate {
    fn digest(self) -> Digest {
        match self {
            Self::Loading(digest) | Self::Trying(digest, _) => digest,
        }
    }
}

/// Decides which revision of one handler's component runs.
#[derive(Clone, Debug, Default)]
pub struct Revisions {
    running: Option<(Digest, RevisionId)>,
    candidate: Option<Candidate>,
    /// Content that appeared while a candidate was under way; it is next.
    waiting: Option<Digest>,
    refused: Option<Digest>,
    /// The file was missing when last heard of, and that is said.
    missing: bool,
}

impl Revisions {
    /// Takes an event at a time and adds what is to be done.
    pub fn handle(&mut self, _now: Duration, event: Event, commands: &mut Vec<Command>) {
        match event {
            Event::FileChanged { digest } => self.changed(digest, commands),
            Event::FileMissing => {
                if !std::mem::replace(&mut self.missing, true) {
                    commands.push(Command::Missing);
                }
            }
            Event::Loaded { digest, revision } => self.loaded(digest, revision, commands),
            Event::Refused { digest, why } => {
                if self.candidate == Some(Candidate::Loading(digest)) {
                    self.refuse(digest, why, commands);
                }
            }
            Event::TrialPassed { revision } => self.passed(revision, commands),
            Event::TrialFailed { revision, why } => {
                if let Some(Candidate::Trying(digest, trying)) = self.candidate
                    && trying == revision
                {
                    commands.push(Command::Retire { revision });
                    self.refuse(digest, why, commands);
                }
            }
        }
    }

    /// The revision that runs.
    pub fn running(&self) -> Option<RevisionId> {
        self.running.map(|(_, revision)| revision)
    }

    fn changed(&mut self, digest: Digest, commands: &mut Vec<Command>) {
        self.missing = false;
        match self.candidate {
            Some(candidate) => self.waiting = (candidate.digest() != digest).then_some(digest),
            None => self.consider(digest, commands),
        }
    }

    fn consider(&mut self, digest: Digest, commands: &mut Vec<Command>) {
        let runs = self.running.is_some_and(|(running, _)| running == digest);
        if runs {
            // The file is what runs again; content refused in between may be tried once more.
            self.refused = None;
        } else if self.refused != Some(digest) {
            self.candidate = Some(Candidate::Loading(digest));
            commands.push(Command::Load { digest });
        }
    }

    fn loaded(&mut self, digest: Digest, revision: RevisionId, commands: &mut Vec<Command>) {
        if self.candidate != Some(Candidate::Loading(digest)) {
            return;
        }
        if self.waiting.is_some() {
            // Newer content is there already: this one never runs.
            commands.push(Command::Retire { revision });
            self.next(commands);
            return;
        }
        self.candidate = Some(Candidate::Trying(digest, revision));
        commands.push(Command::Trial { revision });
    }

    fn passed(&mut self, revision: RevisionId, commands: &mut Vec<Command>) {
        let Some(Candidate::Trying(digest, trying)) = self.candidate else {
            return;
        };
        if trying != revision {
            return;
        }
        if self.waiting.is_some() && self.waiting == self.running.map(|(running, _)| running) {
            // The file is again what runs: a swap would only be undone.
            commands.push(Command::Retire { revision });
            self.next(commands);
            return;
        }
        let before = self
            .running
            .replace((digest, revision))
            .map(|(_, revision)| revision);
        self.refused = None;
        commands.push(Command::Swap {
            to: revision,
            from: before,
        });
        commands.extend(before.map(|revision| Command::Retire { revision }));
        self.next(commands);
    }

    fn refuse(&mut self, digest: Digest, why: String, commands: &mut Vec<Command>) {
        self.refused = Some(digest);
        commands.push(Command::Refuse { digest, why });
        self.next(commands);
    }

    fn next(&mut self, commands: &mut Vec<Command>) {
        self.candidate = None;
        if let Some(digest) = self.waiting.take() {
            self.consider(digest, commands);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(n: u8) -> Digest {
        [n; 32]
    }

    fn revision(n: u8) -> RevisionId {
        RevisionId([n; 32])
    }

    fn after(events: impl IntoIterator<Item = Event>) -> (Revisions, Vec<Command>) {
        let mut machine = Revisions::default();
        let mut commands = Vec::new();
        for event in events {
            commands.clear();
            machine.handle(Duration::ZERO, event, &mut commands);
        }
        (machine, commands)
    }

    fn changed(n: u8) -> Event {
        Event::FileChanged { digest: digest(n) }
    }

    fn loaded(n: u8) -> Event {
        Event::Loaded {
            digest: digest(n),
            revision: revision(n),
        }
    }

    fn passed(n: u8) -> Event {
        Event::TrialPassed {
            revision: revision(n),
        }
    }

    #[test]
    fn loads_tries_and_swaps_in_the_first_content() {
        assert_eq!(after([changed(1)]).1, [Command::Load { digest: digest(1) }]);
        assert_eq!(
            after([changed(1), loaded(1)]).1,
            [Command::Trial {
                revision: revision(1)
            }]
        );
        let (machine, commands) = after([changed(1), loaded(1), passed(1)]);
        assert_eq!(
            commands,
            [Command::Swap {
                to: revision(1),
                from: None
            }]
        );
        assert_eq!(machine.running(), Some(revision(1)));
    }

    #[test]
    fn swaps_to_new_content_and_retires_the_old() {
        let (_, commands) = after([
            changed(1),
            loaded(1),
            passed(1),
            changed(2),
            loaded(2),
            passed(2),
        ]);
        assert_eq!(
            commands,
            [
                Command::Swap {
                    to: revision(2),
                    from: Some(revision(1))
                },
                Command::Retire {
                    revision: revision(1)
                },
            ]
        );
    }

    #[test]
    fn refused_content_leaves_the_running_revision_and_is_not_loaded_again() {
        let why = || "truncated".to_owned();
        let events = [
            changed(1),
            loaded(1),
            passed(1),
            changed(2),
            Event::Refused {
                digest: digest(2),
                why: why(),
            },
        ];
        let (machine, commands) = after(events.clone());
        assert_eq!(
            commands,
            [Command::Refuse {
                digest: digest(2),
                why: why()
            }]
        );
        assert_eq!(machine.running(), Some(revision(1)));
        assert_eq!(after(events.clone().into_iter().chain([changed(2)])).1, []);
        // Once the file has been something else, it is worth another try.
        let again = events.into_iter().chain([changed(1), changed(2)]);
        assert_eq!(after(again).1, [Command::Load { digest: digest(2) }]);
    }

    #[test]
    fn a_failed_trial_leaves_the_running_revision() {
        let failed = Event::TrialFailed {
            revision: revision(2),
            why: "setup".into(),
        };
        let (machine, commands) = after([
            changed(1),
            loaded(1),
            passed(1),
            changed(2),
            loaded(2),
            failed,
        ]);
        assert_eq!(
            commands,
            [
                Command::Retire {
                    revision: revision(2)
                },
                Command::Refuse {
                    digest: digest(2),
                    why: "setup".into()
                },
            ]
        );
        assert_eq!(machine.running(), Some(revision(1)));
    }

    #[test]
    fn the_newest_content_wins_when_the_file_changes_during_a_load() {
        let (_, commands) = after([changed(1), changed(2), changed(3), loaded(1)]);
        assert_eq!(
            commands,
            [
                Command::Retire {
                    revision: revision(1)
                },
                Command::Load { digest: digest(3) }
            ]
        );
    }

    #[test]
    fn a_missing_file_is_said_and_changes_nothing() {
        let (machine, commands) = after([changed(1), loaded(1), passed(1), Event::FileMissing]);
        assert_eq!(commands, [Command::Missing]);
        assert_eq!(machine.running(), Some(revision(1)));
    }

    #[test]
    fn a_file_that_stays_missing_is_said_once() {
        let gone = || Event::FileMissing;
        assert_eq!(after([gone()]).1, [Command::Missing]);
        assert_eq!(after([gone(), gone()]).1, []);
        assert_eq!(
            after([gone(), changed(1), gone()]).1,
            [Command::Missing],
            "it was there in between"
        );
    }

    #[test]
    fn a_file_restored_during_a_trial_leaves_the_running_revision() {
        let (machine, commands) = after([
            changed(1),
            loaded(1),
            passed(1),
            changed(2),
            loaded(2),
            changed(1),
            passed(2),
        ]);
        assert_eq!(
            commands,
            [Command::Retire {
                revision: revision(2)
            }]
        );
        assert_eq!(machine.running(), Some(revision(1)));
    }

    #[test]
    fn late_answers_about_other_content_change_nothing() {
        let refused = Event::Refused {
            digest: digest(3),
            why: String::new(),
        };
        for late in [loaded(3), passed(3), refused] {
            let (machine, commands) = after([changed(1), loaded(1), late]);
            assert_eq!(commands, []);
            assert_eq!(machine.running(), None);
        }
    }

    /// Contents 0 to 5: 0 and 1 don't load, 2 and 3 fail their trial, 4 and 5 are good.
    fn answer(command: &Command) -> Option<Event> {
        match command {
            Command::Load { digest } if digest[0] < 2 => Some(Event::Refused {
                digest: *digest,
                why: String::new(),
            }),
            Command::Load { digest } => Some(Event::Loaded {
                digest: *digest,
                revision: RevisionId(*digest),
            }),
            Command::Trial { revision } if revision.0[0] < 4 => Some(Event::TrialFailed {
                revision: *revision,
                why: String::new(),
            }),
            Command::Trial { revision } => Some(Event::TrialPassed {
                revision: *revision,
            }),
            Command::Swap { .. }
            | Command::Refuse { .. }
            | Command::Missing
            | Command::Retire { .. } => None,
        }
    }

    proptest! {
        /// Whatever happens to the file while work is under way, only good content runs, and in the end
        /// the file's content does if it is good.
        /// What is loaded and does not run is given back.
        #[test]
        fn only_good_content_runs_and_the_last_good_one_in_the_end(
            steps in prop::collection::vec(prop_oneof![(0u8..6).prop_map(Some), Just(None)], 1..60)
        ) {
            let mut kept = std::collections::BTreeSet::new();
            let mut machine = Revisions::default();
            let mut open: Vec<Event> = Vec::new();
            let mut on_disk = None;
            let mut drive = |machine: &mut Revisions, event: Event, open: &mut Vec<Event>| {
                let mut commands = Vec::new();
                if let Event::Loaded { revision, .. } = &event {
                    kept.insert(*revision);
                }
                let before = machine.running();
                machine.handle(Duration::ZERO, event, &mut commands);
                for command in &commands {
                    match command {
                        Command::Swap { to, from } => {
                            assert!(to.0[0] >= 4, "{to:?} runs");
                            assert!(kept.contains(to), "{to:?} was given back");
                            assert_eq!(*from, before);
                        }
                        Command::Retire { revision } => {
                            assert_ne!(machine.running(), Some(*revision));
                            assert!(kept.remove(revision), "{revision:?} is given back twice");
                        }
                        _ => {}
                    }
                    open.extend(answer(command));
                }
            };
            for step in steps {
                match step {
                    Some(n) => {
                        on_disk = Some(n);
                        drive(&mut machine, changed(n), &mut open);
                    }
                    None if !open.is_empty() => {
                        let event = open.remove(0);
                        drive(&mut machine, event, &mut open);
                    }
                    None => {}
                }
            }
            while !open.is_empty() {
                let event = open.remove(0);
                drive(&mut machine, event, &mut open);
            }
            if let Some(n) = on_disk.filter(|n| *n >= 4) {
                prop_assert_eq!(machine.running(), Some(revision(n)));
            }
            let left: Vec<_> = kept.into_iter().collect();
            prop_assert_eq!(left, Vec::from_iter(machine.running()));
        }
    }
}

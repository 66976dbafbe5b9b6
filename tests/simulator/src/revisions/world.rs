//! What happens to a handler's component, and the daemon that drives the machine.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use pelton_revisions::{Command, Configuration, Digest, Event, Probation};
use pelton_types::RevisionId;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{Machine, judge::Judge};
use crate::model::Violation;

/// 0 and 1 don't load, 2 and 3 fail their trial, 4 and 5 fail with some messages, the others with poison alone.
pub(super) type Content = u8;
/// Content and the number of a configuration, which tell a revision: the first byte of its id.
pub(super) type Name = u8;

const CONTENTS: Content = 10;
const CONFIGURATIONS: u8 = 4;
/// With this one every trial fails.
const BAD: u8 = 3;
pub(super) const LASTS: Duration = Duration::from_secs(60);
pub(super) const MESSAGES: u64 = 500;
pub(super) const VOTES: u32 = 3;
const STEPS: u32 = 300;

struct World<M> {
    rng: SmallRng,
    now: Duration,
    machine: M,
    judge: Judge,
    file: Option<Content>,
    /// What the machine was last told that it holds, in this life.
    held: Option<Content>,
    configuration: u8,
    /// The answer of the job under way.
    job: Option<Event>,
}

/// Runs one world to its end.
///
/// # Errors
/// What is wrong, and in which step.
pub fn run_seed<M: Machine>(seed: u64) -> Result<(), Violation> {
    let mut world = World::<M> {
        rng: SmallRng::seed_from_u64(seed),
        now: Duration::ZERO,
        machine: M::new(configuration(0), probation()),
        judge: Judge::default(),
        file: None,
        held: None,
        configuration: 0,
        job: None,
    };
    let named = |step| move |Violation(why)| Violation(format!("seed {seed}, step {step}: {why}"));
    for step in 0..STEPS {
        world.step().map_err(named(step))?;
    }
    world.come_to_rest().map_err(named(STEPS))
}

fn probation() -> Option<Probation> {
    Some(Probation {
        time: LASTS,
        messages: NonZeroU64::new(MESSAGES),
        votes: NonZeroU32::new(VOTES)?,
    })
}

fn digest(content: Content) -> Digest {
    [content; 32]
}

fn configuration(number: u8) -> Configuration {
    [number; 32]
}

pub(super) fn name(content: Content, configuration: u8) -> Name {
    content + CONTENTS * configuration
}

pub(super) fn content(name: Name) -> Content {
    name % CONTENTS
}

fn revision(name: Name) -> RevisionId {
    RevisionId([name; 32])
}

impl<M: Machine> World<M> {
    fn step(&mut self) -> Result<(), Violation> {
        match self.rng.random_range(0..100) {
            0..8 => self.change_file(),
            8..10 => {
                self.file = None;
                self.see_file()
            }
            10..12 => self.configure(),
            12..45 => self.job_ends(),
            45..50 => {
                self.now += Duration::from_secs(self.rng.random_range(0..30));
                self.event(Event::Timer)
            }
            50..95 => self.messages(),
            95 => self.event(Event::RollBack),
            96 => match self.file {
                Some(content) => {
                    self.judge.forgive();
                    let digest = digest(content);
                    self.event(Event::Reload {
                        digest,
                        force: true,
                    })
                }
                None => Ok(()),
            },
            _ => self.restart(),
        }
    }

    /// Now and then it is only touched.
    fn change_file(&mut self) -> Result<(), Violation> {
        let content = self.rng.random_range(0..CONTENTS);
        // A file that was away and is back with what it held has not changed.
        match self.held {
            Some(held) if held == content => {}
            Some(_) => self.judge.forgive(),
            None => self.judge.forgive_all_but(content),
        }
        self.file = Some(content);
        self.see_file()
    }

    /// Now and then it is the one that there is.
    fn configure(&mut self) -> Result<(), Violation> {
        let number = self.rng.random_range(0..CONFIGURATIONS);
        self.configuration = number;
        self.judge.forgive();
        self.event(Event::Configured {
            configuration: configuration(number),
            probation: probation(),
        })?;
        self.see_file()
    }

    fn see_file(&mut self) -> Result<(), Violation> {
        self.held = self.file.or(self.held);
        match self.file {
            Some(content) => self.event(Event::FileChanged {
                digest: digest(content),
            }),
            None if self.now.as_secs().is_multiple_of(2) => self.event(Event::FileMissing),
            None => self.event(Event::FileUnreadable),
        }
    }

    fn job_ends(&mut self) -> Result<(), Violation> {
        let Some(event) = self.job.take() else {
            return Ok(());
        };
        if let Event::TrialPassed { revision } = &event {
            self.judge.trial_passed(revision.0[0]);
        }
        self.event(event)
    }

    /// Messages come; some are poison, and some only a bad revision can't handle.
    fn messages(&mut self) -> Result<(), Violation> {
        let Some(runs) = self.machine.running() else {
            return Ok(());
        };
        let hard = self.rng.random_bool(0.4);
        let fails = hard && (4..6).contains(&content(runs.0[0]));
        let poison = self.rng.random_bool(0.1);
        if !poison && !fails {
            let messages = self.rng.random_range(0..100);
            return self.event(Event::Handled {
                revision: runs,
                messages,
            });
        }
        let Some(to) = self.machine.fallback() else {
            return Ok(());
        };
        let succeeded = !poison && !(4..6).contains(&content(to.0[0]));
        self.event(Event::FellBack {
            from: runs,
            to,
            succeeded,
        })
    }

    /// The process ends somehow and begins anew with what is written down.
    fn restart(&mut self) -> Result<(), Violation> {
        self.machine = M::new(configuration(self.configuration), probation());
        (self.job, self.held) = (None, None);
        self.judge.restarts();
        self.event(Event::Remembered(self.judge.memory.clone()))?;
        self.see_file()
    }

    fn come_to_rest(&mut self) -> Result<(), Violation> {
        while self.job.is_some() {
            self.job_ends()?;
        }
        let file = self.file.filter(|file| *file >= 4);
        let file = file.map(|file| name(file, self.configuration));
        self.judge.at_rest(file, self.configuration != BAD)
    }

    fn event(&mut self, event: Event) -> Result<(), Violation> {
        self.judge.happens(self.now, &event);
        let mut commands = Vec::new();
        self.machine.handle(self.now, event, &mut commands);
        for command in commands {
            let file = (self.held, self.configuration);
            self.judge.observe(self.now, &command, file)?;
            self.job = answer(&command, self.configuration).or(self.job.take());
        }
        let running = self.machine.running().map(|revision| revision.0[0]);
        self.judge.settle(self.now, running)
    }
}

/// What comes of a job.
fn answer(command: &Command, configuration: u8) -> Option<Event> {
    let why = "as it does".to_owned();
    Some(match command {
        // It has been loaded before.
        Command::LoadKept {
            digest,
            configuration,
        } => Event::Loaded {
            digest: *digest,
            revision: revision(name(digest[0], configuration[0])),
        },
        Command::Load { digest } if digest[0] < 2 => Event::Refused {
            digest: *digest,
            why,
        },
        Command::Load { digest } => Event::Loaded {
            digest: *digest,
            revision: revision(name(digest[0], configuration)),
        },
        Command::Trial { revision } if fails_its_trial(revision.0[0]) => Event::TrialFailed {
            revision: *revision,
            why,
        },
        Command::Trial { revision } => Event::TrialPassed {
            revision: *revision,
        },
        _ => return None,
    })
}

fn fails_its_trial(revision: Name) -> bool {
    content(revision) < 4 || revision / CONTENTS == BAD
}

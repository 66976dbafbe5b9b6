//! What happens to a handler's component, and the daemon that drives the machine.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use pelton_revisions::{Command, Digest, Event, Probation};
use pelton_types::RevisionId;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{Machine, judge::Judge};
use crate::model::Violation;

/// Content and its revision have the same number: 0 and 1 don't load, 2 and 3 fail their trial, 4 and 5 fail with
/// some messages, the others with poison alone.
pub(super) type Content = u8;

const CONTENTS: Content = 10;
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
    /// What it holds, or held before it went away.
    held: Option<Content>,
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
        machine: M::new(probation()),
        judge: Judge::default(),
        file: None,
        held: None,
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

fn revision(content: Content) -> RevisionId {
    RevisionId([content; 32])
}

impl<M: Machine> World<M> {
    fn step(&mut self) -> Result<(), Violation> {
        match self.rng.random_range(0..100) {
            0..8 => self.change_file(),
            8..10 => {
                self.file = None;
                self.see_file()
            }
            10..45 => self.job_ends(),
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
        if self.held.replace(content) != Some(content) {
            self.judge.forgive();
        }
        self.file = Some(content);
        self.see_file()
    }

    fn see_file(&mut self) -> Result<(), Violation> {
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
        let fails = hard && (4..6).contains(&runs.0[0]);
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
        let succeeded = !poison && !(4..6).contains(&to.0[0]);
        self.event(Event::FellBack {
            from: runs,
            to,
            succeeded,
        })
    }

    /// The process ends somehow and begins anew with what is written down.
    fn restart(&mut self) -> Result<(), Violation> {
        self.machine = M::new(probation());
        self.job = None;
        self.judge.restarts();
        self.event(Event::Remembered(self.judge.memory.clone()))?;
        self.see_file()
    }

    fn come_to_rest(&mut self) -> Result<(), Violation> {
        while self.job.is_some() {
            self.job_ends()?;
        }
        let is_good = self.file.is_some_and(|file| file >= 4);
        self.judge.at_rest(self.file, is_good)
    }

    fn event(&mut self, event: Event) -> Result<(), Violation> {
        self.judge.happens(self.now, &event);
        let mut commands = Vec::new();
        self.machine.handle(self.now, event, &mut commands);
        for command in commands {
            self.judge.observe(self.now, &command, self.held)?;
            self.job = answer(&command).or(self.job.take());
        }
        let running = self.machine.running().map(|revision| revision.0[0]);
        self.judge.settle(self.now, running)
    }
}

/// What comes of a job.
fn answer(command: &Command) -> Option<Event> {
    let why = "as it does".to_owned();
    Some(match command {
        Command::Load { digest } if digest[0] < 2 => Event::Refused {
            digest: *digest,
            why,
        },
        Command::Load { digest } => Event::Loaded {
            digest: *digest,
            revision: revision(digest[0]),
        },
        Command::Trial { revision } if revision.0[0] < 4 => Event::TrialFailed {
            revision: *revision,
            why,
        },
        Command::Trial { revision } => Event::TrialPassed {
            revision: *revision,
        },
        _ => return None,
    })
}

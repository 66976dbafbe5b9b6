//! The machine of one handler's component.
//!
//! `running` and `previous` are loaded and have passed their trial. While there is a `term`, `previous` has proved
//! good and `running` has not; without one `previous` is only there to be asked for.

mod candidate;
mod term;

use std::time::Duration;

use pelton_types::RevisionId;

use self::{
    candidate::{Candidate, Purpose},
    term::Term,
};
use crate::{Command, Configuration, Digest, Event, Memory, Probation, Refusal, RolledBack};

/// Content that is loaded and has passed its trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Loaded {
    digest: Digest,
    configuration: Configuration,
    revision: RevisionId,
}

/// Decides which revision of one handler's component runs.
#[derive(Clone, Debug)]
pub struct Revisions {
    /// What is loaded with from here on.
    configuration: Configuration,
    /// `None`: what passed its trial is taken at its word.
    probation: Option<Probation>,
    now: Duration,
    running: Option<Loaded>,
    /// What ran before it.
    previous: Option<Loaded>,
    /// The probation under way.
    term: Option<Term>,
    candidate: Option<Candidate>,
    /// Content that appeared while a candidate was under way; it is next.
    waiting: Option<Digest>,
    /// What is not taken as long as the file holds it.
    refused: Option<Refusal>,
    /// What the file held when last heard of.
    file: Option<Digest>,
    memory: Memory,
    /// What was kept has been asked for in this life, or is not needed.
    kept_tried: bool,
    /// The file was missing when last heard of, and that is said.
    missing: bool,
}

impl Revisions {
    /// A machine that knows of nothing.
    pub fn new(configuration: Configuration, probation: Option<Probation>) -> Self {
        Self {
            configuration,
            probation,
            now: Duration::ZERO,
            running: None,
            previous: None,
            term: None,
            candidate: None,
            waiting: None,
            refused: None,
            file: None,
            memory: Memory::default(),
            kept_tried: false,
            missing: false,
        }
    }

    /// Takes an event at a time and adds what is to be done.
    pub fn handle(&mut self, now: Duration, event: Event, commands: &mut Vec<Command>) {
        self.now = self.now.max(now);
        self.end_term_in_time(commands);
        match event {
            Event::Remembered(memory) => self.remembered(memory),
            Event::Configured {
                configuration,
                probation,
            } => self.configured(configuration, probation, commands),
            Event::FileChanged { digest } => self.changed(digest, commands),
            Event::Reload { digest, force } => {
                if force {
                    self.refused.take_if(|refused| refused.digest == digest);
                }
                self.changed(digest, commands);
            }
            Event::FileMissing => {
                if !std::mem::replace(&mut self.missing, true) {
                    commands.push(Command::Missing);
                    self.use_kept(commands);
                }
            }
            Event::FileUnreadable => self.use_kept(commands),
            Event::Loaded { digest, revision } => self.loaded(digest, revision, commands),
            Event::Refused { digest, why } => self.not_loaded(digest, why, commands),
            Event::TrialPassed { revision } => self.passed(revision, commands),
            Event::TrialFailed { revision, why } => self.failed(revision, why, commands),
            Event::Handled { revision, messages } => self.handled(revision, messages, commands),
            Event::FellBack {
                from,
                to,
                succeeded,
            } => self.fell_back(from, to, succeeded, commands),
            Event::RollBack => self.roll_back("somebody asked for it".to_owned(), commands),
            Event::Timer => {}
        }
        self.remember(commands);
    }

    /// The revision that runs.
    pub fn running(&self) -> Option<RevisionId> {
        self.running.map(|running| running.revision)
    }

    /// Whether this content runs, as it is configured now.
    pub fn runs(&self, digest: Digest) -> bool {
        let is_it = |one: Loaded| one.digest == digest && one.configuration == self.configuration;
        self.running.is_some_and(is_it)
    }

    /// The content of what runs.
    pub fn running_content(&self) -> Option<Digest> {
        self.running.map(|running| running.digest)
    }

    /// The revision that ran before it and can be had again.
    pub fn previous(&self) -> Option<RevisionId> {
        self.previous.map(|previous| previous.revision)
    }

    /// The revision that stands by while the one that runs is on probation.
    pub fn fallback(&self) -> Option<RevisionId> {
        self.term.as_ref().and(self.previous())
    }

    /// Votes against the revision that runs, while it is on probation.
    pub fn votes(&self) -> Option<u32> {
        self.term.as_ref().map(|term| term.votes)
    }

    /// When the probation under way has been passed.
    pub fn until(&self) -> Option<Duration> {
        self.term.as_ref().map(|term| term.until)
    }

    /// What is not taken, and why.
    pub fn refused(&self) -> Option<&Refusal> {
        self.refused.as_ref()
    }

    /// The content of what runs, of what ran before, of what is on its way, and of what the next life is to know: all
    /// others need not be kept.
    pub fn needed(&self) -> impl Iterator<Item = Digest> {
        let loaded = [self.running, self.previous].into_iter().flatten();
        let candidate = self.candidate.map(Candidate::digest);
        let good = self.memory.good;
        loaded
            .map(|loaded| loaded.digest)
            .chain(candidate)
            .chain(good)
    }

    /// Whether content is on its way to run.
    pub fn is_busy(&self) -> bool {
        self.candidate.is_some()
    }

    /// What was rolled back with another configuration than there is now says nothing of it.
    fn remembered(&mut self, memory: Memory) {
        let now = self.configuration;
        let of_now = |r: &&RolledBack| r.configuration.is_none_or(|it| it == now);
        let rolled_back = memory.rolled_back.as_ref().filter(of_now);
        self.refused = rolled_back.map(|r| r.refusal.clone());
        self.memory = memory;
    }

    fn changed(&mut self, digest: Digest, commands: &mut Vec<Command>) {
        self.missing = false;
        let before = self.file.replace(digest);
        if before.is_some_and(|before| before != digest) {
            self.refused = None;
        }
        self.want(digest, commands);
    }

    /// What was wrong with content may have been the configuration, or what it was tried with.
    fn configured(
        &mut self,
        configuration: Configuration,
        probation: Option<Probation>,
        commands: &mut Vec<Command>,
    ) {
        self.probation = probation;
        self.configuration = configuration;
        self.refused = None;
        if self.running.is_none() {
            self.kept_tried = false;
        }
        match self.file.or(self.running.map(|running| running.digest)) {
            Some(digest) => self.want(digest, commands),
            None => self.use_kept(commands),
        }
    }

    /// This content is to run, with the configuration of now.
    fn want(&mut self, digest: Digest, commands: &mut Vec<Command>) {
        match self.candidate {
            Some(candidate) => {
                let on_its_way = candidate.will_run(digest, self.configuration);
                self.waiting = (!on_its_way).then_some(digest);
            }
            None => self.consider(digest, commands),
        }
    }

    /// Content that is to run, when nothing else is under way.
    fn consider(&mut self, digest: Digest, commands: &mut Vec<Command>) {
        let configuration = self.configuration;
        let is_it = |one: &Loaded| one.digest == digest && one.configuration == configuration;
        if self.running.as_ref().is_some_and(is_it) {
            return;
        }
        if let Some(previous) = self.previous.filter(is_it) {
            self.put_back(previous, commands);
        } else if let Some(refused) = self.refused.clone().filter(|r| r.digest == digest) {
            if self.running.is_none() && !self.kept_tried {
                commands.push(Command::Refuse(refused));
                self.use_kept(commands);
            }
        } else {
            self.load(digest, Purpose::Run, commands);
        }
    }

    fn load(&mut self, digest: Digest, purpose: Purpose, commands: &mut Vec<Command>) {
        self.candidate = Some(Candidate::loading(digest, self.configuration, purpose));
        commands.push(Command::Load { digest });
    }

    /// Content that was kept, as it was configured when it proved good.
    fn load_as_it_was(
        &mut self,
        digest: Digest,
        configuration: Configuration,
        purpose: Purpose,
        commands: &mut Vec<Command>,
    ) {
        self.candidate = Some(Candidate::loading(digest, configuration, purpose));
        commands.push(Command::LoadKept {
            digest,
            configuration,
        });
    }

    /// What is to run is what ran before, which is still there: it needs no load and no trial.
    fn put_back(&mut self, previous: Loaded, commands: &mut Vec<Command>) {
        let from = self.running.take();
        self.running = Some(previous);
        commands.push(Command::Swap {
            to: previous.revision,
            from: from.map(|from| from.revision),
        });
        if self.term.take().is_some() {
            self.previous = None;
            commands.extend(from.map(|from| Command::Retire {
                revision: from.revision,
            }));
        } else {
            self.previous = from;
        }
        self.begin_term(commands);
    }

    /// A revision that passed its trial runs from now on.
    fn swap_in(&mut self, new: Loaded, commands: &mut Vec<Command>) {
        let proved = self.has_proved();
        self.term = None;
        let before = self.running.replace(new);
        // What has not proved good is not what to come back to.
        let gone = match before {
            Some(_) if proved => std::mem::replace(&mut self.previous, before),
            _ => before,
        };
        commands.push(Command::Swap {
            to: new.revision,
            from: before.map(|before| before.revision),
        });
        commands.extend(gone.map(|gone| Command::Retire {
            revision: gone.revision,
        }));
        if self.previous.is_some() {
            self.kept_tried = true;
            self.begin_term(commands);
        }
    }

    /// Brings the revision before back, and refuses the one that ran.
    fn roll_back(&mut self, why: String, commands: &mut Vec<Command>) {
        let (Some(from), Some(to)) = (self.running, self.previous.take()) else {
            return;
        };
        self.term = None;
        self.running = Some(to);
        self.memory.good = Some(to.digest);
        self.memory.configuration = Some(to.configuration);
        // Where the file holds something else already, or is configured otherwise, that came since: it counts.
        let is_wanted = self.file.is_none_or(|file| file == from.digest)
            && from.configuration == self.configuration;
        if is_wanted {
            let refusal = Refusal {
                digest: from.digest,
                why: format!("it was rolled back: {why}"),
            };
            self.refused = Some(refusal.clone());
            self.memory.rolled_back = Some(RolledBack {
                refusal,
                configuration: Some(from.configuration),
            });
        }
        commands.push(Command::RollBack {
            from: from.revision,
            to: to.revision,
            why,
        });
        commands.push(Command::Remember(self.memory.clone()));
        commands.push(Command::Retire {
            revision: from.revision,
        });
    }

    /// Says what is new of what the next life should know: a roll-back that is not refused any more, and what
    /// proved good without a probation.
    fn remember(&mut self, commands: &mut Vec<Command>) {
        let proved = self.running.filter(|_| self.has_proved());
        let refused = self.refused.as_ref().map(|refused| refused.digest);
        let forgotten = self
            .memory
            .rolled_back
            .take_if(|rolled_back| refused != Some(rolled_back.refusal.digest));
        let memory = &mut self.memory;
        let known = |r: &Loaded| {
            memory.good == Some(r.digest) && memory.configuration == Some(r.configuration)
        };
        let news = proved.filter(|running| !known(running));
        if let Some(proved) = news {
            memory.good = Some(proved.digest);
            memory.configuration = Some(proved.configuration);
        }
        if news.is_some() || forgotten.is_some() {
            commands.push(Command::Remember(self.memory.clone()));
        }
    }

    /// Whether what runs has passed its probation, or there is none for it to pass.
    fn has_proved(&self) -> bool {
        self.term.is_none() && (self.kept_tried || !self.has_kept()) && !self.awaits_stand_by()
    }
}

//! Content on its way to run: load, trial, and what becomes of it.

use pelton_types::RevisionId;

use super::{Loaded, Revisions};
use crate::{Command, Configuration, Digest, Refusal};

/// Content on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    digest: Digest,
    configuration: Configuration,
    /// `None` while it is being loaded, then the revision that is being tried.
    trying: Option<RevisionId>,
    purpose: Purpose,
}

/// What content is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The file holds it: it is to run.
    Run,
    /// It was kept, and is to run because the file can't be used.
    RunKept,
    /// It was kept, and is to stand by.
    StandBy,
}

impl Candidate {
    pub fn loading(digest: Digest, configuration: Configuration, purpose: Purpose) -> Self {
        Self {
            digest,
            configuration,
            trying: None,
            purpose,
        }
    }

    pub fn digest(self) -> Digest {
        self.digest
    }

    /// Whether this content is on its way to run with this configuration.
    pub fn will_run(self, digest: Digest, configuration: Configuration) -> bool {
        self.purpose != Purpose::StandBy
            && self.digest == digest
            && self.configuration == configuration
    }
}

impl Revisions {
    pub(super) fn loaded(
        &mut self,
        digest: Digest,
        revision: RevisionId,
        commands: &mut Vec<Command>,
    ) {
        let waited_for = |c: &Candidate| c.digest == digest && c.trying.is_none();
        let Some(candidate) = self.candidate.filter(waited_for) else {
            return;
        };
        if self.waiting.is_some() && candidate.purpose == Purpose::Run {
            // Newer content is there already: this one never runs.
            commands.push(Command::Retire { revision });
            self.next(commands);
            return;
        }
        self.candidate = Some(Candidate {
            trying: Some(revision),
            ..candidate
        });
        commands.push(Command::Trial { revision });
    }

    pub(super) fn passed(&mut self, revision: RevisionId, commands: &mut Vec<Command>) {
        let Some(Candidate {
            digest,
            configuration,
            purpose,
            ..
        }) = self.tried(revision)
        else {
            return;
        };
        let new = Loaded {
            digest,
            configuration,
            revision,
        };
        let is_wanted =
            |r: Loaded| self.waiting == Some(r.digest) && r.configuration == self.configuration;
        let back = self.running.is_some_and(is_wanted);
        match purpose {
            // The file is again what runs: a swap would only be undone.
            Purpose::Run if back => commands.push(Command::Retire { revision }),
            Purpose::Run | Purpose::RunKept => self.swap_in(new, commands),
            Purpose::StandBy => {
                self.previous = Some(new);
                self.begin_term(commands);
            }
        }
        self.next(commands);
    }

    pub(super) fn failed(
        &mut self,
        revision: RevisionId,
        why: String,
        commands: &mut Vec<Command>,
    ) {
        if let Some(candidate) = self.tried(revision) {
            commands.push(Command::Retire { revision });
            self.refuse(candidate, why, commands);
        }
    }

    pub(super) fn not_loaded(&mut self, digest: Digest, why: String, commands: &mut Vec<Command>) {
        let waited_for = |c: &Candidate| c.digest == digest && c.trying.is_none();
        if let Some(candidate) = self.candidate.filter(waited_for) {
            self.refuse(candidate, why, commands);
        }
    }

    fn tried(&self, revision: RevisionId) -> Option<Candidate> {
        self.candidate.filter(|c| c.trying == Some(revision))
    }

    fn refuse(&mut self, candidate: Candidate, why: String, commands: &mut Vec<Command>) {
        let digest = candidate.digest;
        let refusal = Refusal { digest, why };
        // Where the file or the configuration has changed since, it is that which counts.
        if self.file == Some(digest) && candidate.configuration == self.configuration {
            self.refused = Some(refusal.clone());
        }
        commands.push(Command::Refuse(refusal));
        self.next(commands);
        self.keep_up(digest, commands);
    }

    /// Where the file's content is refused, what runs gets the configuration that was meant for both.
    fn keep_up(&mut self, refused: Digest, commands: &mut Vec<Command>) {
        let rolled_back = self.refused.as_ref().map(|refusal| refusal.digest);
        let outdated = self.running.filter(|r| {
            r.configuration != self.configuration
                && r.digest != refused
                && Some(r.digest) != rolled_back
        });
        if let Some(running) = outdated.filter(|_| self.candidate.is_none()) {
            self.load(running.digest, Purpose::Run, commands);
        }
    }

    fn next(&mut self, commands: &mut Vec<Command>) {
        self.candidate = None;
        if let Some(digest) = self.waiting.take() {
            self.consider(digest, commands);
        }
        if self.candidate.is_none() {
            self.use_kept(commands);
        }
    }

    /// Where an earlier life kept other content than what runs, it is loaded: to run if nothing does, else to
    /// stand by. Once: what doesn't work is not tried again.
    pub(super) fn use_kept(&mut self, commands: &mut Vec<Command>) {
        if self.kept_tried || self.candidate.is_some() {
            return;
        }
        let Some(digest) = self.memory.good else {
            return;
        };
        let as_it_was = self.as_it_was();
        // The configuration is in its way, or whatever else has changed around it.
        let refused = self.refused.as_ref().is_some_and(|r| r.digest == digest);
        if refused && as_it_was.is_none() {
            return;
        }
        let purpose = match self.running {
            None => Purpose::RunKept,
            Some(running) if running.digest != digest && self.probation.is_some() => {
                Purpose::StandBy
            }
            Some(_) => return,
        };
        self.kept_tried = true;
        if purpose == Purpose::RunKept {
            commands.push(Command::UseKept {
                digest,
                as_it_was: as_it_was.is_some(),
            });
        }
        match as_it_was {
            Some(configuration) => self.load_as_it_was(digest, configuration, purpose, commands),
            None => self.load(digest, purpose, commands),
        }
    }

    /// How what was kept was configured, if that is what is to be gone back to: where a revision was rolled back, the one
    /// that it was rolled back to runs in the next life too.
    fn as_it_was(&self) -> Option<Configuration> {
        let rolled_back = self.memory.rolled_back.is_some();
        let then = self.memory.configuration.filter(|_| rolled_back);
        then.filter(|then| *then != self.configuration)
    }

    /// Whether what was kept is on its way to stand by.
    pub(super) fn awaits_stand_by(&self) -> bool {
        self.candidate
            .is_some_and(|c| c.purpose == Purpose::StandBy)
    }

    /// Whether an earlier life has kept content that could stand by.
    pub(super) fn has_kept(&self) -> bool {
        let running = self.running.map(|running| running.digest);
        self.probation.is_some() && self.memory.good.is_some_and(|good| Some(good) != running)
    }
}

//! What must be true of a handler's revisions, whatever decides about them.

use std::{collections::BTreeSet, time::Duration};

use pelton_revisions::{Command, Event, Memory};

use super::world::{Content, LASTS, MESSAGES, Name, VOTES, content, name};
use crate::model::{Violation, ensure};

/// The account of one handler.
#[derive(Default)]
pub(super) struct Judge {
    /// What passed its trial in this life.
    passed: BTreeSet<Name>,
    running: Option<Name>,
    /// The probation under way.
    term: Option<Term>,
    /// What was rolled back, as long as the file holds it.
    rolled_back: Option<Name>,
    /// Somebody asks for the one before in this step.
    asked: bool,
    /// What is written down.
    pub memory: Memory,
}

struct Term {
    began: Duration,
    against: Name,
    stands_by: Name,
    votes: u32,
    handled: u64,
}

impl Judge {
    /// Takes in what happens, before the machine hears of it.
    pub fn happens(&mut self, now: Duration, event: &Event) {
        self.asked = matches!(event, Event::RollBack);
        let Some(term) = &mut self.term else { return };
        let over = now >= term.began + LASTS;
        match event {
            Event::FellBack {
                from,
                to,
                succeeded: true,
            } if !over && (from.0[0], to.0[0]) == (term.against, term.stands_by) => {
                term.votes += 1;
            }
            Event::Handled { revision, messages } if revision.0[0] == term.against => {
                term.handled += messages;
            }
            _ => {}
        }
    }

    pub fn trial_passed(&mut self, content: Name) {
        self.passed.insert(content);
    }

    /// The file holds other content than before, or is configured otherwise, or somebody insists on what it holds.
    pub fn forgive(&mut self) {
        self.rolled_back = None;
    }

    /// The file is seen for the first time, and holds this.
    pub fn forgive_all_but(&mut self, held: Content) {
        self.rolled_back = self.rolled_back.filter(|name| content(*name) == held);
    }

    /// The daemon begins anew.
    pub fn restarts(&mut self) {
        self.passed.clear();
        self.running = None;
        self.term = None;
    }

    /// Judges one command.
    pub fn observe(
        &mut self,
        now: Duration,
        command: &Command,
        (held, configuration): (Option<Content>, u8),
    ) -> Result<(), Violation> {
        match command {
            Command::Swap { to, .. } => {
                self.runs(to.0[0])?;
                ensure!(
                    self.rolled_back != Some(to.0[0]),
                    "{} runs again, which was rolled back, and the file is the same",
                    to.0[0]
                );
                self.term = None;
            }
            Command::Probation {
                revision, fallback, ..
            } => {
                ensure!(
                    self.passed.contains(&fallback.0[0]),
                    "{} stands by without a trial",
                    fallback.0[0]
                );
                self.term = Some(Term {
                    began: now,
                    against: revision.0[0],
                    stands_by: fallback.0[0],
                    votes: 0,
                    handled: 0,
                });
            }
            Command::RollBack { from, to, .. } => {
                let votes = self.term.take().map_or(0, |term| term.votes);
                ensure!(
                    self.asked || votes >= VOTES,
                    "{} was rolled back with {votes} votes",
                    from.0[0]
                );
                self.runs(to.0[0])?;
                let from = from.0[0];
                let held = held.unwrap_or(content(from));
                self.rolled_back = Some(from).filter(|from| name(held, configuration) == *from);
            }
            Command::Confirm { revision } => {
                let term = self.term.take();
                let due = |term: &Term| now >= term.began + LASTS || term.handled >= MESSAGES;
                ensure!(
                    term.as_ref().is_some_and(due),
                    "{} was confirmed before its time",
                    revision.0[0]
                );
            }
            Command::Remember(memory) => self.memory = memory.clone(),
            _ => {}
        }
        Ok(())
    }

    fn runs(&mut self, content: Name) -> Result<(), Violation> {
        ensure!(
            self.passed.contains(&content),
            "{content} runs without a trial"
        );
        self.running = Some(content);
        Ok(())
    }

    /// Judges how things stand after a step.
    pub fn settle(&self, now: Duration, running: Option<Name>) -> Result<(), Violation> {
        ensure!(
            running == self.running,
            "{running:?} is said to run, but {:?} does",
            self.running
        );
        if let Some(term) = &self.term {
            ensure!(
                term.votes < VOTES,
                "{} votes, and {} still runs",
                term.votes,
                term.against
            );
            ensure!(
                now < term.began + LASTS,
                "the probation of {} is over and was not ended",
                term.against
            );
        }
        let good = self.memory.good.map(|digest| digest[0]);
        let unproved = self.term.as_ref().map(|term| term.against);
        // The same content may have proved good with another configuration.
        let new = self
            .term
            .as_ref()
            .filter(|t| content(t.against) != content(t.stands_by));
        ensure!(
            good.is_none() || good != new.map(|term| content(term.against)),
            "{good:?} is kept as good while on probation"
        );
        let proved = running.filter(|running| unproved != Some(*running));
        let lost = proved.is_some() && good.is_none();
        ensure!(!lost, "{proved:?} has proved good, and nothing is kept");
        let told = self.memory.rolled_back.as_ref();
        let told = told.and_then(|r| Some(name(r.refusal.digest[0], r.configuration?[0])));
        let rolled_back = self.rolled_back;
        ensure!(
            rolled_back.is_none() || told == rolled_back,
            "{rolled_back:?} was rolled back, and {told:?} is written down"
        );
        Ok(())
    }

    /// Nothing is under way any more: what can run does. `file` is what it holds if that can run.
    pub fn at_rest(&self, file: Option<Name>, can_anything_run: bool) -> Result<(), Violation> {
        if !can_anything_run {
            return Ok(());
        }
        let usable = file.filter(|file| self.rolled_back != Some(*file));
        ensure!(
            usable.is_none() || self.running == usable,
            "the file holds {usable:?}, and {:?} runs",
            self.running
        );
        ensure!(
            self.running.is_some() || self.memory.good.is_none(),
            "nothing runs, though {:?} is kept",
            self.memory.good.map(|digest| digest[0])
        );
        Ok(())
    }
}

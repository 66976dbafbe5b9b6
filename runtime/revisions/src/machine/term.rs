//! A revision's probation: how long it lasts, and what is said against it.

use std::time::Duration;

use pelton_types::RevisionId;

use super::Revisions;
use crate::Command;

/// A probation under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub until: Duration,
    pub votes: u32,
    handled: u64,
}

impl Revisions {
    /// What runs is on probation from now on, if there is something to come back to.
    pub(super) fn begin_term(&mut self, commands: &mut Vec<Command>) {
        let (Some(probation), Some(running), Some(previous)) =
            (self.probation, self.running, self.previous)
        else {
            return;
        };
        let until = self.now.saturating_add(probation.time);
        self.term = Some(Term {
            until,
            votes: 0,
            handled: 0,
        });
        commands.push(Command::Probation {
            revision: running.revision,
            fallback: previous.revision,
            until,
        });
    }

    pub(super) fn end_term_in_time(&mut self, commands: &mut Vec<Command>) {
        if self.term.is_some_and(|term| term.until <= self.now) {
            self.confirm(commands);
        }
    }

    /// The revision before stays loaded: somebody may still ask for it.
    fn confirm(&mut self, commands: &mut Vec<Command>) {
        self.term = None;
        commands.extend(self.running().map(|revision| Command::Confirm { revision }));
    }

    pub(super) fn handled(
        &mut self,
        revision: RevisionId,
        messages: u64,
        commands: &mut Vec<Command>,
    ) {
        let runs = self.running() == Some(revision);
        let most = self.probation.and_then(|probation| probation.messages);
        let Some(term) = self.term.as_mut().filter(|_| runs) else {
            return;
        };
        term.handled = term.handled.saturating_add(messages);
        if most.is_some_and(|most| term.handled >= most.get()) {
            self.confirm(commands);
        }
    }

    /// Only what the one before succeeded with is a vote: what fails by both is poison.
    pub(super) fn fell_back(
        &mut self,
        from: RevisionId,
        to: RevisionId,
        succeeded: bool,
        commands: &mut Vec<Command>,
    ) {
        let theirs = self.running() == Some(from) && self.previous() == Some(to);
        let Some(of) = self.probation.map(|probation| probation.votes.get()) else {
            return;
        };
        let Some(term) = self.term.as_mut().filter(|_| theirs && succeeded) else {
            return;
        };
        term.votes = term.votes.saturating_add(1);
        let votes = term.votes;
        commands.push(Command::Vote {
            revision: from,
            votes,
            of,
        });
        if votes >= of {
            let why = format!(
                "{votes} messages that it could not handle were handled by the revision before"
            );
            self.roll_back(why, commands);
        }
    }
}

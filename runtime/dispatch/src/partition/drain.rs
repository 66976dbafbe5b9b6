//! The end of an assignment: drained, or lost; and the pause, which begins like a drain.
//!
//! Invariant: a drain ends at its deadline at the latest, with exactly one `Drained`; what waits for a
//! time (a retry, a refused dead letter) never holds it up (delivery rules 9, 10 and 12).

use std::time::Duration;

use pelton_types::{Failure, FailureKind};

use super::{
    Partition,
    entry::{Entry, State},
};
use crate::{Command, Guarantee};

impl Partition {
    /// Begins nothing new from here on. A second drain can only bring the deadline forward.
    pub(super) fn begin_drain(&mut self, deadline: Duration, commands: &mut Vec<Command>) {
        self.drain = Some(self.drain.map_or(deadline, |earlier| earlier.min(deadline)));
        self.curtail(commands);
    }

    /// Begins nothing from here on, and fetches nothing, until it goes on.
    pub(super) fn suspend(&mut self, commands: &mut Vec<Command>) {
        self.suspended = true;
        self.curtail(commands);
    }

    /// Asks each call under way to stop at its next message boundary, once.
    pub(super) fn curtail(&mut self, commands: &mut Vec<Command>) {
        for active in self.active.iter_mut().filter(|active| !active.curtailed) {
            active.curtailed = true;
            commands.push(Command::Curtail { call: active.call });
        }
    }

    /// Ends the drain if nothing is under way any more, or if its deadline has come.
    /// Returns whether it ended.
    pub(super) fn end_drain(&mut self, commands: &mut Vec<Command>) -> bool {
        let Some(deadline) = self.drain else {
            return false;
        };
        let under_way =
            !self.active.is_empty() || self.in_delivery > 0 || self.awaits_transaction();
        if under_way && self.now < deadline {
            return false;
        }
        self.cancel(commands);
        self.spoil_what_is_handed_over(commands);
        let (last, written) = self.checkpoint();
        let repeatable = |entry: &&Entry| {
            let untold = written.cut.is_some_and(|cut| entry.offset >= cut);
            entry.is_in_doubt() || untold && matches!(entry.state, State::Finished)
        };
        let held = self.backlog.iter().filter(repeatable).count() as u64;
        // What an earlier owner finished and told, and this last commit can't tell any more, may be repeated too.
        let untold = written.cut.map_or(0, |cut| self.inherited_from(cut));
        let unfinished = held.saturating_add(untold);
        commands.push(Command::Drained {
            last: self.is_last_commit_owed().then_some(last),
            unfinished: u32::try_from(unfinished).unwrap_or(u32::MAX),
        });
        self.over = true;
        true
    }

    /// Outputs that are not acknowledged when the time is up have no place in any checkpoint: a transaction
    /// that holds them must not be committed.
    fn spoil_what_is_handed_over(&mut self, commands: &mut Vec<Command>) {
        let handed_over =
            |entry: &&Entry| matches!(entry.state, State::Producing | State::DeadLettering(_));
        let offset = self.backlog.iter().find(handed_over).map(|e| e.offset);
        if let Some(offset) = offset {
            let text = "the drain ran into its deadline before it was acknowledged";
            self.spoil(offset, &Failure::new(FailureKind::Produce, text), commands);
        }
    }

    /// What a transaction under way is committing is owed no second time.
    fn is_last_commit_owed(&self) -> bool {
        match self.policy.guarantee {
            Guarantee::AtLeastOnce => !self.commits.is_settled(),
            Guarantee::ExactlyOnce => self.commits.has_news(),
        }
    }

    /// The partition belongs to someone else: stop at once.
    pub(super) fn lose(&mut self, commands: &mut Vec<Command>) {
        self.cancel(commands);
        self.over = true;
    }

    fn cancel(&mut self, commands: &mut Vec<Command>) {
        for active in self.active.drain(..) {
            commands.push(Command::Cancel { call: active.call });
        }
    }
}

//! What partitions and the producer say, and what comes of it.

use std::collections::BTreeMap;

use super::{
    ABORT_DELAY, AssignmentId, Ended, FENCES_WITHIN, FREE_ABORTS, MOST_ABORT_DELAY, MOST_FENCES,
    Member, MemberCommand, RENEW_DELAY, State, Trouble, seat::Seat,
};
use crate::{Checkpoint, Outcome};

impl Member {
    pub(super) fn assigned(
        &mut self,
        assignment: AssignmentId,
        start: Checkpoint,
        commands: &mut Vec<MemberCommand>,
    ) {
        let mut seat = Seat::new(start);
        // Otherwise it hears of the next transaction together with the others.
        if matches!(self.state, State::Open) {
            seat.begin_transaction(Outcome::Committed);
            let outcome = Outcome::Committed;
            commands.push(MemberCommand::Tell {
                assignment,
                outcome,
            });
        }
        self.seats.insert(assignment, seat);
    }

    pub(super) fn progressed(
        &mut self,
        assignment: AssignmentId,
        messages: u32,
        bytes: u64,
        urgent: bool,
    ) {
        let Some(seat) = self.seats.get_mut(&assignment) else {
            return;
        };
        seat.progressed();
        self.messages += u64::from(messages);
        self.bytes = self.bytes.saturating_add(bytes);
        self.urgent |= urgent;
        self.since.get_or_insert(self.now);
    }

    pub(super) fn sealed(&mut self, assignment: AssignmentId, checkpoint: Option<Checkpoint>) {
        if let Some(seat) = self.seats.get_mut(&assignment) {
            seat.sealed(checkpoint);
        }
    }

    pub(super) fn drained(
        &mut self,
        assignment: AssignmentId,
        last: Option<Checkpoint>,
        commands: &mut Vec<MemberCommand>,
    ) {
        let ending = self.is_ending();
        let Some(seat) = self.seats.get_mut(&assignment) else {
            return;
        };
        let nothing_under_way = seat.checkpoint().is_none() && !seat.takes_part();
        if last.is_none() && nothing_under_way {
            self.seats.remove(&assignment);
            let outcome = Outcome::Committed;
            return commands.push(MemberCommand::Left {
                assignment,
                outcome,
            });
        }
        seat.drained(last, ending);
    }

    /// What a lost partition handed over is someone else's to hand over: it must not be committed without its
    /// offset, and with it the group would refuse it. One that isn't sealed may have handed over what it has not told
    /// of yet: the loss is heard of on another way.
    pub(super) fn lost(&mut self, assignment: AssignmentId, commands: &mut Vec<MemberCommand>) {
        let ending = self.is_ending();
        let Some(seat) = self.seats.get_mut(&assignment) else {
            return;
        };
        if ending && seat.checkpoint().is_some() {
            return seat.lose();
        }
        let spoils = seat.takes_part() || !seat.is_sealed();
        self.seats.remove(&assignment);
        commands.push(MemberCommand::Left {
            assignment,
            outcome: Outcome::Aborted,
        });
        if spoils {
            self.spoiled(commands);
        }
    }

    pub(super) fn spoiled(&mut self, commands: &mut Vec<MemberCommand>) {
        if matches!(self.state, State::Open | State::Sealing) {
            self.abort(commands);
        }
    }

    /// Whether the transaction is past the point where a partition can add to it.
    fn is_ending(&self) -> bool {
        !matches!(self.state, State::Open | State::Sealing)
    }

    pub(super) fn ended(&mut self, ended: Ended, commands: &mut Vec<MemberCommand>) {
        let attempted = match &mut self.state {
            State::Committing { checkpoints, .. } => std::mem::take(checkpoints),
            State::Renewing { attempted, .. } => std::mem::take(attempted),
            State::Aborting { .. } => BTreeMap::new(),
            State::Waiting { .. }
            | State::Open
            | State::Sealing
            | State::Resting { .. }
            | State::Over => return,
        };
        match ended {
            Ended::Committed => {
                self.aborts = 0;
                self.tell_all(Outcome::Committed, commands);
            }
            Ended::Aborted => self.aborted(commands),
            Ended::MustAbort => self.abort(commands),
            Ended::Unknown => self.renew(attempted, false, commands),
            Ended::NotRenewed => {
                let until = self.now.saturating_add(RENEW_DELAY);
                self.state = State::Waiting { attempted, until };
            }
            Ended::Renewed(committed) => self.renewed(&attempted, &committed, commands),
            Ended::Fenced if self.is_fenced_by_a_namesake() => {
                self.fence(Trouble::Namesake, commands);
            }
            Ended::Fenced => self.renew(attempted, false, commands),
            Ended::Refused(why) => self.fence(Trouble::Refused(why), commands),
        }
    }

    /// A coordinator fences whose transaction outlived its time-out, and a late request of one's own making may: so one
    /// time says nothing. A namesake fences again and again.
    fn is_fenced_by_a_namesake(&mut self) -> bool {
        let timed_out = self
            .began
            .is_some_and(|began| self.now.saturating_sub(began) >= self.policy.timeout);
        if timed_out {
            return false;
        }
        let recent = self.now.saturating_sub(FENCES_WITHIN);
        self.fences.retain(|at| *at >= recent);
        self.fences.push(self.now);
        self.fences.len() > MOST_FENCES
    }

    /// What is aborted again and again is redone later each time: each redoing is work for every partition.
    fn aborted(&mut self, commands: &mut Vec<MemberCommand>) {
        self.aborts = self.aborts.saturating_add(1);
        match self.aborts.checked_sub(FREE_ABORTS + 1) {
            None => self.tell_all(Outcome::Aborted, commands),
            Some(n) => {
                let delay = ABORT_DELAY.saturating_mul(1 << n.min(16));
                let until = self.now.saturating_add(delay.min(MOST_ABORT_DELAY));
                self.state = State::Resting { until };
            }
        }
    }

    /// The old producer is fenced, and its last transaction has ended for good: the group's offsets say how.
    fn renewed(
        &mut self,
        attempted: &BTreeMap<AssignmentId, Checkpoint>,
        committed: &BTreeMap<AssignmentId, Checkpoint>,
        commands: &mut Vec<MemberCommand>,
    ) {
        let (mut is_committed, mut is_aborted) = (false, false);
        for (assignment, attempt) in attempted {
            let Some(seat) = self.seats.get(assignment) else {
                continue;
            };
            match committed.get(assignment) {
                // What would have changed nothing tells nothing.
                Some(found) if found == attempt && found == seat.committed() => {}
                Some(found) if found == attempt => is_committed = true,
                Some(found) if found == seat.committed() => is_aborted = true,
                // Its next owner has gone on.
                _ if seat.is_lost() => {}
                _ => return self.fence(Trouble::Foreign, commands),
            }
        }
        let first = std::mem::replace(&mut self.first, false);
        match (is_committed, is_aborted) {
            (true, true) => self.fence(Trouble::Foreign, commands),
            (true, false) => {
                self.aborts = 0;
                self.tell_all(Outcome::Committed, commands);
            }
            // Nothing was attempted by a producer that is the first.
            (false, _) if first => self.tell_all(Outcome::Aborted, commands),
            (false, _) => self.aborted(commands),
        }
    }
}

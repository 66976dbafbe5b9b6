//! How an assignment ends: drained and committed, lost, or with its process.

use pelton_dispatch::{Checkpoint, Event};

use super::{
    coverage::Seen,
    queue::{AssignmentId, MemberId},
    world::{Life, Phase, World},
};
use crate::model::{Violation, ensure};

impl World {
    /// Asks an assignment to drain.
    pub fn drain(&mut self, id: AssignmentId) -> Result<(), Violation> {
        let deadline = self.clock(id) + self.plan.drain_limit;
        let Some(assignment) = self.working(id) else {
            return Ok(());
        };
        let snapshot = assignment.machine.snapshot();
        let waits = snapshot.retrying > 0 || snapshot.dead_letters_waiting > 0;
        if waits {
            self.saw(Seen::DrainedWaiting);
        }
        self.feed(id, Event::Drain { deadline })
    }

    /// The machine says that it is drained: the last commit is sent, if there is one.
    pub fn drained(
        &mut self,
        id: AssignmentId,
        last: Option<Checkpoint>,
        unfinished: u32,
    ) -> Result<(), Violation> {
        self.saw(if unfinished == 0 {
            Seen::DrainedClean
        } else {
            Seen::DrainedUnclean
        });
        let Some(assignment) = self.assignments.get_mut(id) else {
            return Ok(());
        };
        ensure!(
            assignment.phase == Phase::Working,
            "assignment #{id} drained twice"
        );
        assignment.phase = Phase::Committing { unfinished };
        assignment.unclean |= unfinished > 0;
        if !assignment.runs.is_empty() || assignment.machine.snapshot().in_delivery > 0 {
            self.saw(Seen::DrainedLate);
        }
        match last {
            Some(last) => self.commit(id, last, true),
            None => self.last_commit_decided(id, true)?,
        }
        Ok(())
    }

    /// The partition is given up, now that its last commit succeeded or failed.
    pub fn last_commit_decided(
        &mut self,
        id: AssignmentId,
        committed: bool,
    ) -> Result<(), Violation> {
        let Some(assignment) = self.assignments.get_mut(id) else {
            return Ok(());
        };
        let Phase::Committing { unfinished } = assignment.phase else {
            return Ok(());
        };
        let clean = committed && unfinished == 0 && !assignment.unclean;
        assignment.phase = Phase::Over;
        assignment.unclean |= !clean;
        let (partition, member) = (assignment.partition, assignment.member);
        if let Some(ledger) = self.ledgers.get_mut(partition) {
            ledger.ended(id, clean)?;
        }
        let dead = self
            .members
            .get(member)
            .is_none_or(|member| member.life == Life::Dead);
        // A dead process gives nothing back: that waits for its session's end.
        if !dead && self.group.give_back(partition, id) {
            self.offer(partition);
        }
        self.leave_if_done(member)
    }

    /// A process dies: all that it knew is gone, and what it wrote may be written again.
    pub fn kill(&mut self, member: MemberId) -> Result<(), Violation> {
        let Some(dead) = self.members.get_mut(member) else {
            return Ok(());
        };
        dead.life = Life::Dead;
        for id in dead.assignments.clone() {
            self.ends_badly(id)?;
        }
        Ok(())
    }

    /// What this assignment wrote and has not committed may be written again by others, from now on.
    pub fn ends_badly(&mut self, id: AssignmentId) -> Result<(), Violation> {
        let Some(assignment) = self
            .assignments
            .get_mut(id)
            .filter(|a| a.phase != Phase::Over)
        else {
            return Ok(());
        };
        assignment.unclean = true;
        let partition = assignment.partition;
        self.ledgers
            .get_mut(partition)
            .map_or(Ok(()), |ledger| ledger.ended(id, false))
    }

    /// A fenced member learns that its partitions are someone else's.
    pub fn learns_lost(&mut self, member: MemberId) -> Result<(), Violation> {
        let Some(zombie) = self
            .members
            .get_mut(member)
            .filter(|member| member.life == Life::Zombie)
        else {
            return Ok(());
        };
        zombie.life = Life::Running;
        for id in zombie.assignments.clone() {
            if self.working(id).is_some() {
                self.saw(Seen::Lost);
                self.feed(id, Event::Lost)?;
                if let Some(assignment) = self.assignments.get_mut(id) {
                    assignment.phase = Phase::Over;
                }
            }
        }
        self.join(member)
    }

    /// A stopping member leaves the group once nothing of it is left.
    pub fn leave_if_done(&mut self, member: MemberId) -> Result<(), Violation> {
        let over = |id: &AssignmentId| {
            self.assignments
                .get(*id)
                .is_none_or(|a| a.phase == Phase::Over)
        };
        let done = self.members.get(member).is_some_and(|leaving| {
            leaving.life == Life::Stopping && leaving.assignments.iter().all(over)
        });
        if done {
            if let Some(leaving) = self.members.get_mut(member) {
                leaving.life = Life::Dead;
            }
            self.group.remove(member);
            self.rebalance()?;
        }
        Ok(())
    }
}

//! The broker's side: writes that land, and commits that are accepted or not.

use pelton_dispatch::{Checkpoint, Event};
use pelton_types::Offset;

use super::{
    coverage::Seen,
    queue::{AssignmentId, Item},
    world::{Life, Phase, World},
};
use crate::model::Violation;

impl World {
    /// A write reaches the log. What a dead process or an ended assignment left in its queue may be lost.
    pub fn landed(
        &mut self,
        id: AssignmentId,
        offset: Offset,
        letter: bool,
    ) -> Result<(), Violation> {
        let mut purged = self.chance(0.5);
        let Some(assignment) = self.assignments.get(id) else {
            return Ok(());
        };
        let (partition, unclean) = (assignment.partition, assignment.unclean);
        let dead = self
            .members
            .get(assignment.member)
            .is_none_or(|member| member.life == Life::Dead);
        let ended = assignment.phase != Phase::Working || dead;
        if let Some(assignment) = self.assignments.get_mut(id).filter(|_| ended) {
            purged = *assignment.purges.get_or_insert(purged);
        }
        if ended && purged {
            self.saw(Seen::Purged);
            return Ok(());
        }
        if ended {
            self.saw(Seen::LandedAfterEnd);
        }
        self.say(|_| {
            format!("landed: partition {partition} offset {offset} of #{id}, dead letter: {letter}")
        });
        if let Some(ledger) = self.ledgers.get_mut(partition) {
            ledger.landed(offset, id, letter, unclean, &mut self.coverage)?;
        }
        self.soon(Item::Answered {
            assignment: id,
            offset,
            refused: false,
        });
        Ok(())
    }

    /// A member sends a commit. Commits of one member arrive in their order.
    pub fn commit(&mut self, id: AssignmentId, checkpoint: Checkpoint, last: bool) {
        let at = self.now + self.latency();
        let Some(assignment) = self.assignments.get_mut(id) else {
            return;
        };
        assignment.commits_arrive = assignment.commits_arrive.max(at);
        self.queue.push(
            assignment.commits_arrive,
            Item::CommitArrives {
                assignment: id,
                next: checkpoint.next,
                metadata: checkpoint.metadata,
                last,
            },
        );
    }

    /// The coordinator accepts a commit of whoever owns the partition, unless something goes wrong.
    pub fn commit_arrives(
        &mut self,
        id: AssignmentId,
        checkpoint: Checkpoint,
        last: bool,
    ) -> Result<(), Violation> {
        let next = checkpoint.next;
        let fails = self.chance(if self.calm {
            0.0
        } else {
            self.plan.commit_fails
        });
        let lies = self.chance(0.3);
        let Some(assignment) = self.assignments.get(id) else {
            return Ok(());
        };
        let partition = assignment.partition;
        let limit = self.plan.policy_of(assignment.member).metadata_bytes;
        let owned = self
            .group
            .owners
            .get(partition)
            .is_some_and(|owner| owner.is(id));
        let takes_effect = owned && (!fails || lies);
        let succeeded = owned && !fails;
        if takes_effect {
            self.saw(Seen::Committed);
            self.say(|_| format!("committed: partition {partition} {checkpoint:?} by #{id}"));
            if let Some(ledger) = self.ledgers.get_mut(partition) {
                ledger.commit(checkpoint, id, limit, &mut self.coverage)?;
            }
        }
        match (owned, succeeded) {
            (false, _) => self.saw(Seen::CommitFenced),
            (true, false) if takes_effect => self.saw(Seen::CommitLied),
            (true, false) => self.saw(Seen::CommitFailed),
            (true, true) => {}
        }
        if !last {
            self.soon(Item::CommitAnswered {
                assignment: id,
                next,
                succeeded,
            });
            return Ok(());
        }
        if !succeeded {
            self.saw(Seen::LastCommitFailed);
        }
        self.last_commit_decided(id, takes_effect)
    }

    pub fn commit_answered(
        &mut self,
        id: AssignmentId,
        next: Offset,
        succeeded: bool,
    ) -> Result<(), Violation> {
        let Some(assignment) = self.living(id) else {
            return Ok(());
        };
        if assignment.phase != Phase::Working {
            self.saw(Seen::Stale);
        }
        self.feed(
            id,
            if succeeded {
                Event::Committed { next }
            } else {
                Event::CommitFailed { next }
            },
        )
    }
}

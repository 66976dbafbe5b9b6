//! Outputs and dead letters on their way to the broker, and what is given up without them.

use std::time::Duration;

use pelton_dispatch::Event;
use pelton_types::{Failure, FailureKind, Offset};
use rand::Rng;

use super::{
    behaviour::Behaviour,
    coverage::Seen,
    ledger::GivenUp,
    queue::{AssignmentId, Item},
    world::{Phase, World},
};
use crate::model::{Violation, ensure};

impl World {
    pub fn produce(&mut self, id: AssignmentId, offset: Offset) -> Result<(), Violation> {
        self.saw(Seen::Produced);
        let assignment = self.holding(id, offset)?;
        let message = self.logs.get(assignment).and_then(|log| log.get(offset));
        if message.is_some_and(|message| message.behaviour == Behaviour::Refused) {
            self.saw(Seen::OutputRefused);
            self.soon(Item::Answered {
                assignment: id,
                offset,
                refused: true,
            });
        } else {
            self.write(id, offset, false);
        }
        Ok(())
    }

    pub fn dead_letter(
        &mut self,
        id: AssignmentId,
        offset: Offset,
        failure: &Failure,
    ) -> Result<(), Violation> {
        let partition = self.holding(id, offset)?;
        let guilty = self
            .ledgers
            .get_mut(partition)
            .is_some_and(|ledger| ledger.is_guilty(offset));
        ensure!(
            guilty,
            "{partition}@{offset} is innocent and was dead-lettered: {failure:?}"
        );
        self.gave_up_passed_over(partition, offset);
        if self
            .assignments
            .get(id)
            .is_some_and(|a| a.refused_letters.contains(&offset))
        {
            self.saw(Seen::LetterAgain);
        }
        let (from, to) = self.plan.letters_refused;
        if !self.calm && self.now >= from && self.now < to {
            self.saw(Seen::LetterRefused);
            if let Some(assignment) = self.assignments.get_mut(id) {
                assignment.refused_letters.push(offset);
            }
            self.soon(Item::Answered {
                assignment: id,
                offset,
                refused: true,
            });
        } else {
            self.saw(Seen::DeadLettered);
            self.write(id, offset, true);
        }
        Ok(())
    }

    pub fn write(&mut self, id: AssignmentId, offset: Offset, letter: bool) {
        let late = if self.calm { 0.0 } else { self.plan.late_write };
        let order = self.plan.policy.order;
        let mut at = self.now + self.latency();
        if self.chance(late) {
            self.saw(Seen::LateWrite);
            at += self
                .rng
                .random_range(Duration::ZERO..Duration::from_secs(3));
        }
        if let Some(assignment) = self.assignments.get_mut(id).filter(|_| !letter) {
            let log = self.logs.get(assignment.partition);
            if let Some(message) = log.and_then(|log| log.get(offset)) {
                let lands = assignment.lands.entry(message.row(order)).or_default();
                at = at.max(*lands);
                *lands = at;
            }
        }
        self.queue.push(
            at,
            Item::Landed {
                assignment: id,
                offset,
                letter,
            },
        );
    }

    pub fn gave_up(
        &mut self,
        id: AssignmentId,
        offset: Offset,
        how: GivenUp,
    ) -> Result<(), Violation> {
        let partition = self.holding(id, offset)?;
        self.gave_up_passed_over(partition, offset);
        self.ledgers
            .get_mut(partition)
            .map_or(Ok(()), |ledger| ledger.gave_up(offset, how))
    }

    pub fn gave_up_passed_over(&mut self, partition: usize, offset: Offset) {
        let message = self.logs.get(partition).and_then(|log| log.get(offset));
        if message.is_some_and(|message| message.behaviour == Behaviour::PassedOver) {
            self.saw(Seen::PassedOver);
        }
    }

    /// The partition of an assignment that must still hold the bytes of this message.
    pub fn holding(&mut self, id: AssignmentId, offset: Offset) -> Result<usize, Violation> {
        let Some(assignment) = self.assignments.get(id) else {
            return Ok(0);
        };
        assignment.holds(offset)?;
        Ok(assignment.partition)
    }

    /// A delivery report reaches the driver, unless its process is dead.
    pub fn answered(
        &mut self,
        id: AssignmentId,
        offset: Offset,
        refused: bool,
    ) -> Result<(), Violation> {
        let Some(assignment) = self.living(id) else {
            return Ok(());
        };
        if assignment.phase != Phase::Working {
            self.saw(Seen::Stale);
        }
        let failure = || Failure::new(FailureKind::Produce, "the broker refuses");
        self.feed(
            id,
            if refused {
                Event::Refused {
                    offset,
                    failure: failure(),
                    partly: true,
                }
            } else {
                Event::Delivered {
                    offsets: vec![offset],
                }
            },
        )
    }
}

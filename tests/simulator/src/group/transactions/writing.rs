//! Outputs and dead letters: kept, handed over into the transaction, and acknowledged or refused.

use pelton_dispatch::Event;
use pelton_types::{Failure, FailureKind, Offset};

use super::{
    broker::Write,
    queue::{Item, Seat},
    seen::Seen,
    world::{Outputs, World},
};
use crate::{group::behaviour::Behaviour, model::Violation};

impl World {
    /// The driver keeps what a call returned only where it is told to.
    pub fn hold(&mut self, seat: Seat, offset: Offset) -> Result<(), Violation> {
        self.saw(Seen::Held);
        self.holding(seat, offset)?;
        let Some(assignment) = self.seats.get_mut(seat) else {
            return Ok(());
        };
        let outputs = assignment.returned.get(&offset).copied();
        let Some(outputs) = outputs else {
            return Err(Violation(format!(
                "held for {offset}, which returned nothing"
            )));
        };
        assignment.held.insert(offset, outputs);
        Ok(())
    }

    pub fn produce(&mut self, seat: Seat, offset: Offset) -> Result<(), Violation> {
        let partition = self.holding(seat, offset)?;
        let Some(assignment) = self.seats.get_mut(seat) else {
            return Ok(());
        };
        let held = assignment.held.remove(&offset);
        let Some(outputs) = assignment.returned.get(&offset).copied().or(held) else {
            return Err(Violation(format!(
                "produced for {offset}, whose outputs nobody keeps"
            )));
        };
        let message = self.logs.get(partition).and_then(|log| log.get(offset));
        let refused = message.is_some_and(|message| message.behaviour == Behaviour::Refused);
        // A property of the message: what is refused is refused again.
        let partly = offset % 2 == 0;
        self.hand_over(seat, offset, outputs, false, refused.then_some(partly));
        Ok(())
    }

    pub fn dead_letter(
        &mut self,
        seat: Seat,
        offset: Offset,
        failure: &Failure,
    ) -> Result<(), Violation> {
        let partition = self.holding(seat, offset)?;
        if failure.kind == FailureKind::Produce {
            self.saw(Seen::Doomed);
        }
        let (from, to) = self.plan.letters_refused;
        let refused = !self.calm && self.now >= from && self.now < to;
        let partly = self.chance(0.5);
        self.steps += 1;
        let outputs = Outputs {
            count: 1,
            of: (seat, u64::MAX - self.steps),
        };
        self.judge.lettered(partition, offset, failure)?;
        self.saw(if refused {
            Seen::LetterRefused
        } else {
            Seen::DeadLettered
        });
        self.hand_over(seat, offset, outputs, true, refused.then_some(partly));
        Ok(())
    }

    /// Into the transaction that the task was given; where that has ended, or is being ended, nothing comes of it.
    fn hand_over(
        &mut self,
        seat: Seat,
        offset: Offset,
        outputs: Outputs,
        letter: bool,
        refused: Option<bool>,
    ) {
        let Some(assignment) = self.seats.get(seat) else {
            return;
        };
        let (process, transaction) = (assignment.process, assignment.transaction);
        let client = self.processes.get(process).map(|p| &p.client);
        if client.is_none_or(|client| client.closed || client.transaction != transaction) {
            self.saw(Seen::HandedOverLate);
            return;
        }
        match refused {
            Some(partly) if !letter => self.saw(if partly {
                Seen::Refused
            } else {
                Seen::RefusedClean
            }),
            _ => {}
        }
        if refused == Some(false) {
            return self.soon(Item::Answered {
                seat,
                transaction,
                offset,
                refused,
            });
        }
        let write = Write {
            seat,
            offset,
            outputs,
            letter,
            refused: refused.is_some(),
            transaction,
            epoch: 0,
        };
        self.write(process, write);
    }

    /// A delivery report. Those of an earlier transaction are dropped.
    pub fn answered(
        &mut self,
        seat: Seat,
        transaction: u64,
        offset: Offset,
        refused: Option<bool>,
    ) -> Result<(), Violation> {
        let present = self
            .working(seat)
            .is_some_and(|assignment| assignment.transaction == transaction);
        if !present {
            return Ok(());
        }
        let event = match refused {
            None => Event::Delivered {
                offsets: vec![offset],
            },
            Some(partly) => Event::Refused {
                offset,
                failure: Failure::new(FailureKind::Produce, "the broker refuses"),
                partly,
            },
        };
        self.feed(seat, event)
    }
}

//! Which commands about a transaction are allowed, and which are owed.

use pelton_dispatch::{Checkpoint, Command};
use pelton_types::Offset;

use super::{Gate, Told};
use crate::model::{Fate, Known, Model, Violation, ensure};

impl Model {
    pub(in crate::model) fn observe_hold(
        &mut self,
        offset: Offset,
        command: &Command,
    ) -> Result<(), Violation> {
        let known = self.known(offset, command)?;
        let fate = &known.fate;
        ensure!(
            *fate == Fate::OweHold,
            "held for offset {offset}, which is {fate:?}"
        );
        known.fate = Fate::Held;
        Ok(())
    }

    pub(in crate::model) fn observe_progress(
        &mut self,
        messages: u32,
        bytes: u64,
        urgent: bool,
    ) -> Result<(), Violation> {
        let (most, most_bytes) = (self.policy.buffer_messages.get(), self.buffer_bytes);
        let (news, part) = (self.news, self.part()?);
        let (taking_part, taking_bytes) = part.taking_part;
        let half_full = taking_part * 2 >= most || taking_bytes * 2 >= u64::from(most_bytes);
        let joined = part.joined;
        ensure!(
            (messages, bytes) == joined,
            "told of {messages} messages and {bytes} bytes, it was {joined:?}"
        );
        ensure!(messages > 0 || news && !part.told, "told of nothing, again");
        let is_urgent = half_full && taking_part > 0;
        ensure!(
            urgent == is_urgent,
            "told that it is urgent: {urgent}, it is: {is_urgent}"
        );
        if let Some(part) = &mut self.part {
            (part.joined, part.told) = ((0, 0), true);
        }
        Ok(())
    }

    /// Only when it was asked for, with nothing in delivery; and it tells exactly what is finished.
    pub(in crate::model) fn observe_sealed(
        &mut self,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), Violation> {
        self.look_at_crowd();
        let in_delivery = self.count(Known::is_in_delivery);
        let part = self.part()?;
        ensure!(part.gate == Gate::Closing, "sealed while {:?}", part.gate);
        ensure!(!part.spoiled, "sealed though the transaction is spoiled");
        ensure!(
            in_delivery == 0,
            "sealed while {in_delivery} deliveries are under way"
        );
        ensure!(
            checkpoint.is_some() == self.news,
            "sealed with {checkpoint:?}, something new: {}",
            self.news
        );
        if let Some(checkpoint) = checkpoint {
            let told = self.tells(checkpoint)?;
            self.crowded.surely = !told.complete;
            self.crowded.perhaps = !told.complete;
            for known in self.messages.values_mut() {
                if known.fate == Fate::Finished && known.told == Told::Not {
                    known.told = Told::Sealed;
                }
            }
        }
        self.news = false;
        if let Some(part) = &mut self.part {
            part.gate = Gate::Closed;
            part.sealed = checkpoint.map(|checkpoint| checkpoint.next);
            (part.told, part.taking_part) = (false, (0, 0));
        }
        Ok(())
    }

    /// For a refusal, or for what is not acknowledged when the time of a drain is up.
    pub(in crate::model) fn observe_spoil(&mut self, offset: Offset) -> Result<(), Violation> {
        let late = self.drain.is_some_and(|deadline| deadline <= self.now);
        let first = self
            .messages
            .iter()
            .find(|(_, known)| known.is_in_delivery());
        let left_behind = late && first.is_some_and(|(first, _)| *first == offset);
        let Some(part) = &mut self.part else {
            return Err(Violation("there is no transaction to spoil".to_owned()));
        };
        let owed = part.owes_spoil.take_if(|owed| *owed == offset).is_some();
        ensure!(
            owed || left_behind,
            "the transaction is spoiled for offset {offset}, without cause"
        );
        part.spoiled = true;
        Ok(())
    }

    /// Whether calls are void because what stands before them is called again.
    pub(in crate::model) fn is_void(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.void > 0)
    }

    pub(in crate::model) fn voided(&mut self, offsets: &[Offset]) {
        for offset in offsets {
            if let Some(known) = self.messages.get_mut(offset) {
                known.fate = Fate::Queued;
            }
        }
        if let Some(part) = &mut self.part {
            part.void -= 1;
        }
    }

    pub(in crate::model) fn void_calls_are_cancelled(&self) -> Result<(), Violation> {
        ensure!(!self.is_void(), "a call that is void was not cancelled");
        Ok(())
    }

    /// What takes part is told of, a refusal is, and a checkpoint that is asked for is given as soon as it can be.
    pub(in crate::model) fn takes_part_in_time(&self) -> Result<(), Violation> {
        self.void_calls_are_cancelled()?;
        let in_delivery = self.count(Known::is_in_delivery);
        let part = self.part()?;
        let joined = part.joined;
        ensure!(joined.0 == 0, "{joined:?} takes part and was not told of");
        ensure!(
            !self.news || part.told,
            "there is something to commit, and it was not told"
        );
        ensure!(
            part.owes_spoil.is_none(),
            "a refusal of {:?} was not told",
            part.owes_spoil
        );
        ensure!(
            part.gate != Gate::Closing || part.spoiled || in_delivery > 0,
            "it could have been sealed"
        );
        Ok(())
    }
}

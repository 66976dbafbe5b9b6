//! What must have been done by the end of a step.
//!
//! Safety alone is kept by a machine that does nothing; so whatever could be done must be done, and what
//! waits for a time must have a timer that doesn't come later.

use std::collections::HashSet;

use pelton_types::Offset;

use super::{Called, End, Fate, Known, Model, RETRY_FLOOR, Violation, ensure};

impl Model {
    /// Judges that nothing is left undone.
    pub fn settle(&mut self) -> Result<(), Violation> {
        if self.end == End::Losing {
            ensure!(
                self.calls.is_empty(),
                "a call under way was not cancelled for a lost partition"
            );
            self.end = End::Over;
        }
        if self.end == End::Over {
            return Ok(());
        }
        self.look_at_crowd();
        self.nothing_owed()?;
        let due = self.releasable();
        ensure!(
            self.released == due,
            "released below {}, due is {due}",
            self.released
        );
        if self.part.is_some() {
            self.takes_part_in_time()?;
        } else {
            self.committed_in_time()?;
        }
        if self.drain.is_some() {
            return self.drains();
        }
        self.called_in_time()?;
        ensure!(
            self.paused || !self.wants_pause(),
            "fetching goes on though the buffer is full, or it is halted or paused"
        );
        ensure!(
            !self.paused || !self.wants_resume(),
            "fetching stays paused though there is room"
        );
        let letter = |known: &Known| match known.fate {
            Fate::LetterRefused { at, .. } => {
                Some(at + self.policy.retry.max_backoff.max(RETRY_FLOOR))
            }
            _ => None,
        };
        let letters = self.messages.values().filter_map(letter);
        let letter = letters.min().filter(|_| self.is_open());
        ensure!(
            letter.is_none_or(|latest| self.wakes_by(latest)),
            "no timer for a refused dead letter"
        );
        Ok(())
    }

    /// Whether every message got what this step owed it.
    pub(super) fn nothing_owed(&self) -> Result<(), Violation> {
        let owed = |known: &Known| {
            matches!(
                known.fate,
                Fate::OweProduce
                    | Fate::OweHold
                    | Fate::OweRetry(_)
                    | Fate::OweFallBack(_)
                    | Fate::OweEnd(_)
            )
        };
        match self.messages.iter().find(|(_, known)| owed(known)) {
            None => Ok(()),
            Some((offset, known)) => Err(Violation(format!(
                "offset {offset} did not get its due: {:?}",
                known.fate
            ))),
        }
    }

    fn committed_in_time(&self) -> Result<(), Violation> {
        if self.news && self.commit.is_none() {
            ensure!(
                self.commit_at > self.now,
                "what is new could have been committed, watermark {}",
                self.watermark()
            );
            ensure!(
                self.wakes_by(self.commit_at),
                "no timer for the next commit"
            );
        }
        Ok(())
    }

    /// With a call free, no message may be left whose lane is free, whose time has come, and for which there
    /// is room.
    fn called_in_time(&self) -> Result<(), Violation> {
        let forgotten = self
            .calls
            .iter()
            .find(|call| call.outdated && !call.curtailed);
        ensure!(
            forgotten.is_none(),
            "a call under way was not curtailed by the swap"
        );
        if self.halted {
            let halt = self.halts_at();
            let behind = |call: &&Called| call.offsets.iter().any(|offset| *offset >= halt);
            let curtailed = self.calls.iter().filter(behind).all(|call| call.curtailed);
            ensure!(curtailed, "a call under way was not curtailed by the halt");
        }
        if self.suspended {
            let curtailed = self.calls.iter().all(|call| call.curtailed);
            ensure!(curtailed, "a call under way was not curtailed by the pause");
            return Ok(());
        }
        let free = self.calls.len() < self.most_calls(self.surely_waits());
        let room = self.count(Known::is_in_flight) < self.policy.in_flight.get() as usize
            && self.surely_tells_of_all();
        let owed_below = self.crowded.looked.map_or(Offset::MAX, |(_, owed)| owed);
        let owed_below = owed_below.min(self.halts_at());
        let (watermark, mut busy) = (self.watermark(), HashSet::new());
        for (offset, known) in &self.messages {
            let due = match known.fate {
                Fate::Queued => room || *offset == watermark,
                Fate::Retrying { due } if due > self.now => {
                    ensure!(
                        self.wakes_by(due) || !self.goes_on(),
                        "no timer for the retry of offset {offset}"
                    );
                    false
                }
                Fate::Retrying { .. } => true,
                _ => false,
            };
            let lane = self.lane(*offset, known);
            ensure!(
                !(due && free && *offset < owed_below) || busy.contains(&lane),
                "offset {offset} could have been called"
            );
            if known.is_undecided() {
                busy.insert(lane);
            }
        }
        Ok(())
    }

    fn drains(&self) -> Result<(), Violation> {
        let Some(deadline) = self.drain else {
            return Ok(());
        };
        let waits = |known: &Known| known.is_in_delivery() || known.awaits_transaction();
        ensure!(
            !self.calls.is_empty() || self.messages.values().any(waits),
            "nothing is under way and it is not drained"
        );
        ensure!(
            deadline > self.now,
            "the drain's deadline has come and it is not drained"
        );
        ensure!(self.wakes_by(deadline), "no timer for the drain's deadline");
        ensure!(
            self.calls.iter().all(|call| call.curtailed),
            "a call was not curtailed by the drain"
        );
        Ok(())
    }

    fn wakes_by(&self, latest: std::time::Duration) -> bool {
        self.timer.is_some_and(|timer| timer <= latest)
    }

    pub(super) fn wants_pause(&self) -> bool {
        let messages = self.messages.len() as u64 >= u64::from(self.policy.buffer_messages.get());
        let bytes = self.bytes >= u64::from(self.buffer_bytes) && !self.messages.is_empty();
        self.halted || self.suspended || messages || bytes
    }

    pub(super) fn wants_resume(&self) -> bool {
        let messages =
            self.messages.len() as u64 <= u64::from(self.policy.buffer_messages.get() / 2);
        let bytes = self.bytes <= u64::from(self.buffer_bytes / 2);
        !self.halted && !self.suspended && messages && bytes
    }
}

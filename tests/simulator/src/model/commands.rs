//! Which commands are allowed.
//!
//! Every command that ends or repeats a message must have been owed to it; nothing is commanded twice,
//! and nothing out of turn.

use std::time::Duration;

use pelton_dispatch::{Checkpoint, Command, OnExhausted};
use pelton_types::{Failure, Offset};

use super::{End, Fate, Known, Model, Violation, ensure};

impl Model {
    /// Judges one command and takes it in.
    pub fn observe(&mut self, command: &Command) -> Result<(), Violation> {
        ensure!(
            self.end != End::Over,
            "commanded after the end: {command:?}"
        );
        let cancels = matches!(command, Command::Cancel { .. });
        ensure!(
            self.end == End::NotYet || cancels,
            "commanded for a lost partition: {command:?}"
        );
        match command {
            Command::Call {
                call,
                messages,
                fresh,
                fallback,
            } => self.observe_call(*call, messages, *fresh, *fallback),
            Command::Curtail { call } => self.observe_curtail(*call),
            Command::Cancel { call } => self.observe_cancel(*call),
            Command::Produce { offset } => self.observe_produce(*offset, command),
            Command::DeadLetter { .. } | Command::Skip { .. } | Command::Halt { .. } => {
                self.observe_end(command)
            }
            Command::Retry {
                offset,
                attempt,
                failure,
                due,
            } => self.observe_retry(*offset, *attempt, failure, *due),
            Command::FallBack {
                offset,
                attempts,
                failure,
            } => self.observe_fall_back(*offset, *attempts, failure),
            Command::Release { below } => self.observe_release(*below),
            Command::Commit(checkpoint) => self.observe_commit(checkpoint),
            Command::PauseFetch => {
                self.look_at_crowd();
                ensure!(!self.paused && self.wants_pause(), "paused without need");
                self.paused = true;
                Ok(())
            }
            Command::ResumeFetch => {
                self.look_at_crowd();
                ensure!(self.paused && self.wants_resume(), "resumed without room");
                self.paused = false;
                Ok(())
            }
            Command::SetTimer { at } => {
                ensure!(
                    *at >= self.now,
                    "a timer in the past: {at:?}, now {:?}",
                    self.now
                );
                self.timer = Some(*at);
                Ok(())
            }
            Command::Drained { last, unfinished } => {
                self.observe_drained(last.as_ref(), *unfinished)
            }
            Command::Hold { offset } => self.observe_hold(*offset, command),
            Command::Progress {
                messages,
                bytes,
                urgent,
            } => self.observe_progress(*messages, *bytes, *urgent),
            Command::Sealed(checkpoint) => self.observe_sealed(checkpoint.as_ref()),
            Command::Spoil { offset, .. } => self.observe_spoil(*offset),
        }
    }

    /// At once what is finished; exactly-once, what is committed.
    fn observe_release(&mut self, below: Offset) -> Result<(), Violation> {
        let watermark = self.watermark();
        let due = self.releasable();
        ensure!(
            below == due && below > self.released,
            "released below {below}, due is {due}, watermark {watermark}"
        );
        self.released = below;
        if self.part.is_some() {
            self.forget_committed(below);
        } else {
            self.news = true;
        }
        Ok(())
    }

    pub(super) fn known(
        &mut self,
        offset: Offset,
        command: &Command,
    ) -> Result<&mut Known, Violation> {
        self.messages
            .get_mut(&offset)
            .ok_or_else(|| Violation(format!("not fetched, or released already: {command:?}")))
    }

    fn observe_produce(&mut self, offset: Offset, command: &Command) -> Result<(), Violation> {
        ensure!(self.is_open(), "produced for offset {offset} while sealed");
        let known = self.known(offset, command)?;
        let bytes = known.bytes;
        let fate = &known.fate;
        ensure!(
            *fate == Fate::OweProduce,
            "produced for offset {offset}, which is {fate:?}"
        );
        known.fate = Fate::Producing;
        self.joins(bytes);
        Ok(())
    }

    /// A message is given up: as configured, for the failure that it was owed, or because its dead letter
    /// was refused a while ago.
    fn observe_end(&mut self, command: &Command) -> Result<(), Violation> {
        let (offset, attempts, failure, configured) = match command {
            Command::DeadLetter {
                offset,
                attempts,
                failure,
            } => (offset, attempts, failure, OnExhausted::DeadLetter),
            Command::Skip {
                offset,
                attempts,
                failure,
            } => (offset, attempts, failure, OnExhausted::Skip),
            Command::Halt {
                offset,
                attempts,
                failure,
            } => (offset, attempts, failure, OnExhausted::Stop),
            _ => return Ok(()),
        };
        let policy = self.policy.on_exhausted;
        ensure!(
            policy == configured,
            "configured is {policy:?}: {command:?}"
        );
        let (now, draining) = (self.now, self.drain.is_some());
        let letter = configured == OnExhausted::DeadLetter;
        ensure!(
            self.is_open() || !letter,
            "dead-lettered while sealed: {command:?}"
        );
        let known = self.known(*offset, command)?;
        let owed = match &known.fate {
            Fate::OweEnd(why) => why == failure,
            Fate::LetterRefused { failure: why, at } => why == failure && *at < now && !draining,
            _ => false,
        };
        ensure!(owed, "given up without cause: {command:?}, it is {known:?}");
        ensure!(
            known.attempts == *attempts,
            "{} attempts were made: {command:?}",
            known.attempts
        );
        known.fate = match configured {
            OnExhausted::DeadLetter => Fate::Lettering(failure.clone()),
            OnExhausted::Skip => Fate::Finished,
            OnExhausted::Stop => Fate::Halted,
        };
        let bytes = known.bytes;
        if configured != OnExhausted::Stop {
            self.joins(bytes);
        }
        self.halted |= configured == OnExhausted::Stop;
        self.news |= configured == OnExhausted::Skip;
        self.forget_finished();
        self.rises();
        Ok(())
    }

    fn observe_retry(
        &mut self,
        offset: Offset,
        attempt: u32,
        failure: &Failure,
        due: Duration,
    ) -> Result<(), Violation> {
        let now = self.now;
        let retry = self.policy.retry.clone();
        let doubled = retry
            .backoff
            .saturating_mul(1 << (attempt - 1).min(20))
            .min(retry.max_backoff);
        let spread = doubled.mul_f64(f64::from(retry.jitter_percent) / 100.0);
        let rounding = Duration::from_micros(1);
        let bounds = match failure.retry_after {
            Some(wish) => (wish.min(retry.max_backoff), wish.min(retry.max_backoff)),
            None => (
                doubled.saturating_sub(spread + rounding),
                retry.max_backoff.min(doubled + spread + rounding),
            ),
        };
        let delay = due.saturating_sub(now);
        ensure!(
            due >= now && delay >= bounds.0 && delay <= bounds.1,
            "a retry of {offset} after {delay:?}, not {bounds:?}"
        );
        let Some(known) = self.messages.get_mut(&offset) else {
            return Err(Violation(format!(
                "a retry of offset {offset}, which is not there"
            )));
        };
        ensure!(
            known.fate == Fate::OweRetry(failure.clone()) && known.attempts == attempt,
            "a retry of offset {offset} after attempt {attempt}, it is {known:?}"
        );
        known.fate = Fate::Retrying { due };
        known.due = due;
        self.news = true;
        Ok(())
    }

    fn observe_fall_back(
        &mut self,
        offset: Offset,
        attempts: u32,
        failure: &Failure,
    ) -> Result<(), Violation> {
        let Some(known) = self.messages.get_mut(&offset) else {
            return Err(Violation(format!(
                "fell back with offset {offset}, which is not there"
            )));
        };
        ensure!(
            known.fate == Fate::OweFallBack(failure.clone()) && known.attempts == attempts,
            "fell back with offset {offset} after {attempts} attempts, it is {known:?}"
        );
        known.fate = Fate::Queued;
        known.suspect = true;
        known.fallback = true;
        self.news = true;
        Ok(())
    }

    /// Never past an unfinished message, never backwards, one at a time, at its interval, with need;
    /// and it tells exactly what is known.
    fn observe_commit(&mut self, checkpoint: &Checkpoint) -> Result<(), Violation> {
        ensure!(
            self.part.is_none(),
            "committed {checkpoint:?}, which its member does"
        );
        self.look_at_crowd();
        let (next, watermark) = (checkpoint.next, self.watermark());
        ensure!(
            next <= watermark,
            "commit of {next} passes the unfinished message {watermark}"
        );
        ensure!(
            next >= self.committed,
            "commit of {next} goes back from {}",
            self.committed
        );
        ensure!(
            self.commit.is_none(),
            "commit of {next} while {:?} is under way",
            self.commit
        );
        ensure!(
            self.now >= self.commit_at,
            "commit of {next} before {:?}",
            self.commit_at
        );
        ensure!(self.news, "commit of {next} without news");
        let told = self.tells(checkpoint)?;
        self.crowded.surely = !told.complete;
        self.crowded.perhaps = !told.complete;
        self.commit = Some(next);
        self.commit_at = self.now + self.policy.commit_interval;
        self.news = false;
        Ok(())
    }

    fn observe_drained(
        &mut self,
        last: Option<&Checkpoint>,
        unfinished: u32,
    ) -> Result<(), Violation> {
        let Some(deadline) = self.drain else {
            return Err(Violation("drained, though nobody asked for it".to_owned()));
        };
        ensure!(self.calls.is_empty(), "drained while a call is under way");
        let in_delivery = self.count(Known::is_in_delivery);
        ensure!(
            in_delivery == 0 || deadline <= self.now,
            "drained while {in_delivery} deliveries are under way"
        );
        let waits = self.count(Known::awaits_transaction);
        ensure!(
            waits == 0 || deadline <= self.now,
            "drained while {waits} messages wait for a transaction"
        );
        ensure!(
            in_delivery == 0 || self.is_spoiled(),
            "drained with {in_delivery} deliveries under way, and the transaction is not spoiled"
        );
        let owed = self.news || self.commit.is_some();
        ensure!(
            last.is_some() == owed,
            "drained with {last:?} to be committed, owed a last commit: {owed}"
        );
        if let Some(last) = last {
            self.tells(last)?;
        }
        let repeatable = self.count(Known::is_in_doubt) as u64 + self.untold();
        ensure!(
            u64::from(unfinished) == repeatable,
            "drained with {unfinished} unfinished, not {repeatable}"
        );
        ensure!(
            self.nothing_owed().is_ok(),
            "drained while something is owed"
        );
        self.end = End::Over;
        Ok(())
    }
}

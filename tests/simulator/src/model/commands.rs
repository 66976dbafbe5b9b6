//! Which commands are allowed.
//!
//! Every command that ends or repeats a message must have been owed to it; nothing is commanded twice,
//! and nothing out of turn.

use std::time::Duration;

use pelton_dispatch::{Attempt, CallId, Command, OnExhausted};
use pelton_types::{Failure, Offset};

use super::{Called, End, Fate, Known, Model, Violation, ensure};

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
            } => self.observe_call(*call, messages, *fresh),
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
            Command::Release { below } => {
                let watermark = self.watermark();
                ensure!(
                    *below == watermark && *below > self.released,
                    "released below {below}, watermark {watermark}"
                );
                self.released = *below;
                Ok(())
            }
            Command::Commit { next } => self.observe_commit(*next),
            Command::PauseFetch => {
                ensure!(!self.paused && self.wants_pause(), "paused without need");
                self.paused = true;
                Ok(())
            }
            Command::ResumeFetch => {
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
            Command::Drained { next, unfinished } => self.observe_drained(*next, *unfinished),
        }
    }

    fn known(&mut self, offset: Offset, command: &Command) -> Result<&mut Known, Violation> {
        self.messages
            .get_mut(&offset)
            .ok_or_else(|| Violation(format!("not fetched, or released already: {command:?}")))
    }

    /// One call at a time, in partition order, within limits; suspects alone and on fresh instances.
    fn observe_call(
        &mut self,
        call: CallId,
        messages: &[Attempt],
        fresh: bool,
    ) -> Result<(), Violation> {
        self.may_call(call, messages.len())?;
        self.next_call = call.0 + 1;
        let mut undecided = self
            .messages
            .iter_mut()
            .filter(|(_, known)| known.is_undecided());
        let mut bytes = 0;
        for Attempt { offset, attempt } in messages {
            let Some((expected, known)) = undecided.next() else {
                return Err(Violation(format!(
                    "offset {offset} called, which is finished or was not fetched"
                )));
            };
            ensure!(
                expected == offset,
                "offset {offset} called before {expected}"
            );
            let Fate::Open { due } = known.fate else {
                return Err(Violation(format!(
                    "offset {offset} called, which is {:?}",
                    known.fate
                )));
            };
            ensure!(
                due <= self.now,
                "offset {offset} called at {:?}, due at {due:?}",
                self.now
            );
            ensure!(
                *attempt == known.attempts + 1,
                "offset {offset} attempt {attempt}, were {}",
                known.attempts
            );
            let alone = messages.len() == 1;
            ensure!(
                fresh == known.suspect && (alone || !fresh),
                "offset {offset}: fresh {fresh}, alone {alone}"
            );
            bytes += u64::from(known.bytes);
            ensure!(
                alone || bytes <= u64::from(self.policy.batch_bytes),
                "{bytes} bytes in call {}",
                call.0
            );
            known.fate = Fate::Called;
        }
        let offsets = messages.iter().map(|attempt| attempt.offset).collect();
        self.call = Some(Called {
            call,
            offsets,
            fresh,
            curtailed: false,
        });
        Ok(())
    }

    /// Whether a call of so many messages may begin at all.
    fn may_call(&self, call: CallId, messages: usize) -> Result<(), Violation> {
        ensure!(
            self.call.is_none(),
            "call {} while another is under way",
            call.0
        );
        ensure!(self.drain.is_none(), "call {} while draining", call.0);
        ensure!(!self.halted, "call {} after a halt", call.0);
        ensure!(call.0 >= self.next_call, "call {} was used before", call.0);
        ensure!(messages > 0, "an empty call {}", call.0);
        let most = self.policy.batch_messages.get() as usize;
        ensure!(
            messages <= most,
            "{} messages in call {}, at most {most}",
            messages,
            call.0
        );
        Ok(())
    }

    fn observe_curtail(&mut self, call: CallId) -> Result<(), Violation> {
        let stopping = self.drain.is_some() || self.halted;
        let Some(called) = self
            .call
            .as_mut()
            .filter(|c| c.call == call && !c.curtailed && stopping)
        else {
            return Err(Violation(format!("call {} curtailed without need", call.0)));
        };
        called.curtailed = true;
        Ok(())
    }

    fn observe_cancel(&mut self, call: CallId) -> Result<(), Violation> {
        let late = self.drain.is_some_and(|deadline| deadline <= self.now);
        ensure!(
            late || self.end == End::Losing,
            "call {} cancelled before its time",
            call.0
        );
        let Some(called) = self.call.take_if(|called| called.call == call) else {
            return Err(Violation(format!(
                "call {} cancelled, which is not under way",
                call.0
            )));
        };
        self.cancelled = Some((call, called.offsets.len()));
        Ok(())
    }

    fn observe_produce(&mut self, offset: Offset, command: &Command) -> Result<(), Violation> {
        let known = self.known(offset, command)?;
        let fate = &known.fate;
        ensure!(
            *fate == Fate::OweProduce,
            "produced for offset {offset}, which is {fate:?}"
        );
        known.fate = Fate::Producing;
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
        self.halted |= configured == OnExhausted::Stop;
        self.forget_finished();
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
        known.fate = Fate::Open { due };
        Ok(())
    }

    /// Never past an unfinished message, never backwards, one at a time, at its interval.
    fn observe_commit(&mut self, next: Offset) -> Result<(), Violation> {
        let watermark = self.watermark();
        ensure!(
            next <= watermark,
            "commit of {next} passes the unfinished message {watermark}"
        );
        ensure!(
            next > self.committed,
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
        self.commit = Some(next);
        self.commit_at = self.now + self.policy.commit_interval;
        Ok(())
    }

    fn observe_drained(&mut self, next: Option<Offset>, unfinished: u32) -> Result<(), Violation> {
        let Some(deadline) = self.drain else {
            return Err(Violation("drained, though nobody asked for it".to_owned()));
        };
        ensure!(self.call.is_none(), "drained while a call is under way");
        let in_delivery = self
            .messages
            .values()
            .filter(|known| known.is_in_delivery())
            .count();
        ensure!(
            in_delivery == 0 || deadline <= self.now,
            "drained while {in_delivery} deliveries are under way"
        );
        let watermark = self.watermark();
        let expected = (watermark > self.committed).then_some(watermark);
        ensure!(
            next == expected,
            "drained with {next:?} to be committed, not {expected:?}"
        );
        let begun = self
            .messages
            .values()
            .filter(|known| known.is_begun())
            .count();
        ensure!(
            unfinished as usize == begun,
            "drained with {unfinished} unfinished, not {begun}"
        );
        ensure!(
            self.nothing_owed().is_ok(),
            "drained while something is owed"
        );
        self.end = End::Over;
        Ok(())
    }
}

//! Which events can come, after what was commanded, and what they mean for the messages.
//!
//! An order of events that a recording of a real run shows and that isn't allowed here is either a
//! defect of the driver, or something that the simulator doesn't know yet and must learn to do.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use pelton_dispatch::{Arrival, CallId, Event};
use pelton_types::{Failure, FailureKind, Offset, Verdict};

use super::{
    Called, End, Fate, Known, Lane, Model, PASSED_OVER_LIMIT, RETRY_FLOOR, Violation, ensure,
};

impl Model {
    /// Whether this event can come now.
    pub fn allows(&self, at: Duration, event: &Event) -> Result<(), Violation> {
        ensure!(
            at >= self.now,
            "time runs backwards, from {:?} to {at:?}",
            self.now
        );
        match event {
            Event::Fetched(arrivals) => self.allows_fetched(arrivals),
            Event::Called { call, verdicts, .. } => self.allows_called(*call, verdicts),
            Event::Delivered { offsets } => {
                let distinct: BTreeSet<_> = offsets.iter().collect();
                ensure!(
                    distinct.len() == offsets.len() && !offsets.is_empty(),
                    "deliveries of {offsets:?}, each of which can come once"
                );
                offsets
                    .iter()
                    .try_for_each(|offset| self.allows_delivery(*offset))
            }
            Event::Refused {
                offset, failure, ..
            } => {
                ensure!(
                    failure.kind == FailureKind::Produce,
                    "offset {offset} refused as {}",
                    failure.kind
                );
                self.allows_delivery(*offset)
            }
            Event::Committed { next } | Event::CommitFailed { next } => {
                ensure!(
                    self.commit == Some(*next),
                    "an answer to a commit of {next}, under way is {:?}",
                    self.commit
                );
                Ok(())
            }
            Event::Timer
            | Event::Buffer { .. }
            | Event::Swapped
            | Event::Pause
            | Event::Resume
            | Event::Drain { .. }
            | Event::Lost => Ok(()),
            Event::Seal => self.allows_seal(),
            Event::TransactionEnded(outcome) => self.allows_end(*outcome),
        }
    }

    fn allows_fetched(&self, arrivals: &[Arrival]) -> Result<(), Violation> {
        ensure!(!arrivals.is_empty(), "a fetch without a message");
        let mut least = self.fetched;
        for arrival in arrivals {
            ensure!(
                arrival.offset >= least,
                "offset {} fetched, expected {least} or above",
                arrival.offset
            );
            least = arrival.offset + 1;
        }
        Ok(())
    }

    fn allows_called(&self, call: CallId, verdicts: &[Verdict]) -> Result<(), Violation> {
        let under_way = self.calls.iter().map(|c| (c.call, c.offsets.len()));
        let answers = under_way.chain(self.cancelled.iter().copied());
        let Some(messages) = answers
            .into_iter()
            .find(|(c, _)| *c == call)
            .map(|(_, messages)| messages)
        else {
            return Err(Violation(format!(
                "an answer of call {} that is not under way",
                call.0
            )));
        };
        ensure!(
            verdicts.len() == messages,
            "{} verdicts for {messages} messages of call {}",
            verdicts.len(),
            call.0
        );
        let of_broker = |verdict| {
            matches!(
                verdict,
                &Verdict::Failed(Failure {
                    kind: FailureKind::Produce,
                    ..
                })
            )
        };
        ensure!(
            !verdicts.iter().any(of_broker),
            "call {} answered with the broker's refusal",
            call.0
        );
        Ok(())
    }

    fn allows_delivery(&self, offset: Offset) -> Result<(), Violation> {
        let under_way = self
            .messages
            .get(&offset)
            .is_some_and(Known::is_in_delivery);
        ensure!(
            under_way,
            "a delivery of offset {offset}, for which nothing is under way"
        );
        Ok(())
    }

    /// Takes in an event that is allowed.
    pub fn happened(&mut self, at: Duration, event: &Event) {
        self.now = at;
        let over = self.is_over();
        match event {
            Event::Fetched(arrivals) => self.fetched(arrivals, over),
            Event::Called {
                call,
                verdicts,
                took,
                waited,
                probation,
            } => self.answered(*call, verdicts, (*took, *waited), *probation),
            Event::Delivered { offsets } => {
                for offset in offsets {
                    self.fate(*offset, Fate::Finished);
                }
                self.news = true;
            }
            Event::Refused {
                offset,
                failure,
                partly,
            } => self.refused(*offset, failure, *partly),
            Event::Seal => self.seals(),
            Event::TransactionEnded(outcome) => self.transaction_ended(*outcome),
            Event::Committed { next } => {
                self.commit = None;
                self.committed = *next;
            }
            Event::CommitFailed { .. } => {
                self.commit = None;
                self.news = true;
                self.commit_at = at + self.policy.commit_interval.max(RETRY_FLOOR);
            }
            Event::Timer => self.timer = None,
            Event::Buffer { bytes } => self.buffer_bytes = self.policy.buffer_bytes.min(*bytes),
            Event::Swapped => self.calls.iter_mut().for_each(|call| call.outdated = true),
            Event::Pause => self.suspended = true,
            Event::Resume => self.suspended = false,
            Event::Drain { deadline } => {
                self.drain = Some(
                    self.drain
                        .map_or(*deadline, |earlier| earlier.min(*deadline)),
                );
            }
            Event::Lost => self.end = if over { End::Over } else { End::Losing },
        }
        if !over {
            self.forget_finished();
        }
    }

    fn fetched(&mut self, arrivals: &[Arrival], over: bool) {
        for arrival in arrivals {
            self.fetched = arrival.offset + 1;
            if self.drain.is_none() && !over {
                self.position = self.fetched;
                self.bytes += u64::from(arrival.bytes);
                self.arrives(arrival);
            }
        }
    }

    fn fate(&mut self, offset: Offset, fate: Fate) {
        if let Some(known) = self.messages.get_mut(&offset) {
            known.fate = fate;
        }
    }

    /// Rule 17: a dead letter is written again; rule 24: a refused output ends its message.
    fn refused(&mut self, offset: Offset, failure: &Failure, partly: bool) {
        let at = self.now;
        let spoils = partly && self.spoils(offset);
        let Some(known) = self.messages.get_mut(&offset) else {
            return;
        };
        match &known.fate {
            Fate::Lettering(failure) => {
                known.fate = Fate::LetterRefused {
                    failure: failure.clone(),
                    at,
                };
            }
            _ if spoils => {
                known.doomed = Some(failure.clone());
                known.fate = Fate::Doomed(failure.clone());
            }
            _ => self.ends(offset, failure),
        }
    }

    /// Rules 39 and 40: which results of a call count. Those before which all of their lane and call is done;
    /// and the first death of an instance that others had used, which took the results before it along.
    fn answered(
        &mut self,
        call: CallId,
        verdicts: &[Verdict],
        (took, waited): (Duration, Duration),
        probation: bool,
    ) {
        self.cancelled.retain(|(cancelled, _)| *cancelled != call);
        let Some(index) = self.calls.iter().position(|called| called.call == call) else {
            return;
        };
        let called = self.calls.remove(index);
        self.learn(&called, verdicts, took, waited);
        let mut unsure: HashSet<Lane> = HashSet::new();
        let mut any_failed = false;
        for (offset, verdict) in called.offsets.iter().zip(verdicts) {
            let lane = self
                .messages
                .get(offset)
                .map_or(Lane::Own(*offset), |known| self.lane(*offset, known));
            let counts = !unsure.contains(&lane);
            match verdict {
                Verdict::Done { outputs } if counts => {
                    self.succeeded(*offset, *outputs);
                    continue;
                }
                Verdict::Failed(failure)
                    if counts
                        || !any_failed && !called.fresh && failure.kind.is_instance_fault() =>
                {
                    any_failed = true;
                    self.failed(*offset, failure, called.fresh, probation);
                }
                _ => self.fate(*offset, Fate::Queued),
            }
            unsure.insert(lane);
        }
        let first = called.offsets.first();
        let passed_over =
            first.filter(|offset| self.messages.get(offset).is_some_and(Known::is_undecided));
        if !any_failed && !called.curtailed {
            self.passed_over(passed_over.copied(), called.fresh, probation);
        }
    }

    /// Whether the handler waits, as far as its calls tell. A fresh instance tells of its making.
    fn learn(&mut self, called: &Called, verdicts: &[Verdict], took: Duration, waited: Duration) {
        let attempted = verdicts
            .iter()
            .any(|verdict| *verdict != Verdict::NotAttempted);
        if attempted && !called.fresh {
            self.waiting.once |= 2 * waited > took;
            // Near a half it depends on the rounding.
            self.waiting.not_always |=
                waited.as_nanos() * 10 < took.as_nanos() * 6 || took.as_micros() < 10;
        }
    }

    fn succeeded(&mut self, offset: Offset, outputs: u32) {
        let open = self.is_open();
        if let Some(known) = self.messages.get_mut(&offset) {
            known.attempts += 1;
            let bytes = known.bytes;
            known.fate = match outputs {
                0 => Fate::Finished,
                _ if open => Fate::OweProduce,
                _ => Fate::OweHold,
            };
            if outputs == 0 {
                self.news = true;
                self.joins(bytes);
            }
        }
    }

    fn failed(&mut self, offset: Offset, failure: &Failure, fresh: bool, probation: bool) {
        let Some(known) = self.messages.get_mut(&offset) else {
            return;
        };
        known.passed_over = 0;
        if failure.kind.is_instance_fault() && !fresh {
            known.suspect = true;
            known.fate = Fate::Queued;
            return;
        }
        known.attempts += 1;
        let permanent = failure.kind.is_permanent();
        let exhausted = known.attempts >= self.policy.retry.attempts.get();
        known.fate = Fate::OweRetry(failure.clone());
        if exhausted && !permanent && probation && !known.fallback {
            known.fate = Fate::OweFallBack(failure.clone());
        } else if exhausted || permanent {
            self.ends(offset, failure);
        }
    }

    fn passed_over(&mut self, offset: Option<Offset>, fresh: bool, probation: bool) {
        let Some((offset, known)) = offset.and_then(|o| Some((o, self.messages.get_mut(&o)?)))
        else {
            return;
        };
        known.passed_over += 1;
        if known.passed_over >= PASSED_OVER_LIMIT {
            let text = format!("called {PASSED_OVER_LIMIT} times without coming to this message");
            self.failed(
                offset,
                &Failure::new(FailureKind::Contract, text),
                fresh,
                probation,
            );
        }
    }
}

//! Which calls are allowed: how many, of which messages, and in which order.
//!
//! Messages of a lane come one after the other; what is begun is bounded; suspects are called alone.

use std::collections::HashSet;

use pelton_dispatch::{Attempt, CallId, Order};
use pelton_types::Offset;

use super::{Called, End, Fate, Known, Lane, Model, Violation, ensure};

impl Model {
    /// Judges a call and takes it in.
    pub(super) fn observe_call(
        &mut self,
        call: CallId,
        messages: &[Attempt],
        fresh: bool,
        fallback: bool,
    ) -> Result<(), Violation> {
        self.look_at_crowd();
        self.void_calls_are_cancelled()?;
        self.may_call(call, messages.len())?;
        self.next_call = call.0 + 1;
        self.lanes_are_free(messages)?;
        let alone = messages.len() == 1;
        let mut bytes = 0;
        for Attempt { offset, attempt } in messages {
            self.may_begin(*offset)?;
            let Some(known) = self.messages.get_mut(offset) else {
                continue;
            };
            ensure!(
                *attempt == known.attempts + 1,
                "offset {offset} attempt {attempt}, were {}",
                known.attempts
            );
            ensure!(
                fresh == known.suspect && (alone || !fresh),
                "offset {offset}: fresh {fresh}, alone {alone}"
            );
            ensure!(
                fallback == known.fallback,
                "offset {offset}: by the revision before {fallback}, due {}",
                known.fallback
            );
            bytes += u64::from(known.bytes);
            known.fate = Fate::Called;
            self.begun = self.begun.max(offset + 1);
        }
        ensure!(
            alone || bytes <= u64::from(self.policy.batch_bytes),
            "{bytes} bytes in call {}",
            call.0
        );
        self.calls.push(Called {
            call,
            offsets: messages.iter().map(|attempt| attempt.offset).collect(),
            fresh,
            outdated: false,
            curtailed: false,
        });
        Ok(())
    }

    /// Whether a call of so many messages may begin at all.
    fn may_call(&self, call: CallId, messages: usize) -> Result<(), Violation> {
        let under_way = self.calls.len();
        let most = self.most_calls(self.waiting.once);
        ensure!(
            under_way < most,
            "call {} while {under_way} others are under way, at most {most}",
            call.0
        );
        ensure!(
            under_way == 0 || messages == 1,
            "{messages} messages in call {} beside others",
            call.0
        );
        ensure!(self.drain.is_none(), "call {} while draining", call.0);
        ensure!(!self.suspended, "call {} during a pause", call.0);
        ensure!(self.goes_on(), "call {} after a halt", call.0);
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

    /// Most calls at once, for a handler that spends its time waiting or doesn't.
    pub(super) fn most_calls(&self, waits: bool) -> usize {
        match self.policy.order {
            Order::Key | Order::None if waits => self.policy.calls.get() as usize,
            Order::Partition | Order::Key | Order::None => 1,
        }
    }

    /// Every message comes after all undecided ones of its lane, which stand before it in the same call.
    fn lanes_are_free(&self, messages: &[Attempt]) -> Result<(), Violation> {
        let mut expected = messages.iter().map(|attempt| attempt.offset).peekable();
        let mut busy: HashSet<Lane> = HashSet::new();
        for (offset, known) in &self.messages {
            let Some(next) = expected.peek() else {
                return Ok(());
            };
            let lane = self.lane(*offset, known);
            if offset == next {
                ensure!(
                    !busy.contains(&lane),
                    "offset {offset} called before an earlier message of its lane is decided"
                );
                expected.next();
            } else if known.is_undecided() {
                busy.insert(lane);
            }
        }
        match expected.next() {
            None => Ok(()),
            Some(offset) => Err(Violation(format!(
                "offset {offset} called out of order, or finished, or not fetched"
            ))),
        }
    }

    /// Its time has come, there is room for it in flight, and what is finished fits into the metadata.
    fn may_begin(&self, offset: Offset) -> Result<(), Violation> {
        let halt = self.halts_at();
        ensure!(
            offset < halt,
            "offset {offset} called after the halt at {halt}"
        );
        let fate = self.messages.get(&offset).map(|known| &known.fate);
        match fate {
            Some(Fate::Queued) => {
                let most = self.policy.in_flight.get() as usize;
                let in_flight = self.count(Known::is_in_flight);
                ensure!(
                    in_flight < most || offset == self.watermark(),
                    "offset {offset} called with {in_flight} in flight, at most {most}"
                );
            }
            Some(Fate::Retrying { due }) => ensure!(
                *due <= self.now,
                "offset {offset} called at {:?}, due at {due:?}",
                self.now
            ),
            _ => {
                return Err(Violation(format!(
                    "offset {offset} called, which is {fate:?}"
                )));
            }
        }
        let allowed = self
            .crowded
            .looked
            .map_or(Offset::MAX, |(allowed, _)| allowed);
        ensure!(
            offset < allowed,
            "offset {offset} called while the metadata is full, allowed below {allowed}"
        );
        Ok(())
    }

    pub(super) fn observe_curtail(&mut self, call: CallId) -> Result<(), Violation> {
        let stopping = self.drain.is_some() || self.halted || self.suspended;
        let called = self.calls.iter_mut().find(|c| c.call == call);
        let Some(called) = called.filter(|c| !c.curtailed && (stopping || c.outdated)) else {
            return Err(Violation(format!("call {} curtailed without need", call.0)));
        };
        called.curtailed = true;
        Ok(())
    }

    pub(super) fn observe_cancel(&mut self, call: CallId) -> Result<(), Violation> {
        let late = self.drain.is_some_and(|deadline| deadline <= self.now);
        let void = self.is_void();
        ensure!(
            late || void || self.end == End::Losing,
            "call {} cancelled before its time",
            call.0
        );
        let Some(index) = self.calls.iter().position(|called| called.call == call) else {
            return Err(Violation(format!(
                "call {} cancelled, which is not under way",
                call.0
            )));
        };
        let called = self.calls.remove(index);
        self.cancelled.push((call, called.offsets.len()));
        if void {
            self.voided(&called.offsets);
        }
        Ok(())
    }
}

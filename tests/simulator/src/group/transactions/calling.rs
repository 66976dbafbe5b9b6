//! Calls: the engine and the guest behind the machine of one assignment.

use pelton_dispatch::{Attempt, CallId, Event};
use pelton_types::Verdict;
use rand::Rng;

use super::{
    queue::{Item, Seat},
    seen::Seen,
    world::{Outputs, Phase, World},
};
use crate::{
    group::guest::{Conditions, Run},
    model::{Violation, ensure},
};

impl World {
    pub fn call(
        &mut self,
        seat: Seat,
        call: CallId,
        messages: &[Attempt],
        (fresh, fallback): (bool, bool),
    ) -> Result<(), Violation> {
        let swap = self.plan.swap;
        let cut = self.mischance(swap);
        let how = Conditions {
            now: self.now,
            fresh,
            packed: self.plan.packed,
            cut: cut.then(|| self.rng.random_range(0..messages.len().max(1))),
            order: self.plan.policy.order,
            goes_on: self.plan.goes_on,
            fallback,
        };
        let most = self.plan.policy.retry.attempts.get() + u32::from(fallback);
        for message in messages {
            let Attempt { offset, attempt } = message;
            let partition = self.holding(seat, *offset)?;
            ensure!(
                *attempt <= most,
                "attempt {attempt} of offset {offset}, of {most}"
            );
            let owns = self.owns(seat);
            if self.judge.called(partition, *message, owns)? {
                self.saw(Seen::Redone);
            }
        }
        let Some(assignment) = self.seats.get_mut(seat) else {
            return Ok(());
        };
        let Some(log) = self.logs.get(assignment.partition) else {
            return Ok(());
        };
        let kept = assignment.idle.pop().unwrap_or_default();
        let run = Run::begin(log, kept, call, messages, how);
        let ends = run.answer().ends;
        assignment.runs.push(run);
        for Attempt { offset, .. } in messages {
            assignment.held.remove(offset);
        }
        let at = ends + self.latency();
        self.queue.push(at, Item::Called(seat, call, 0));
        Ok(())
    }

    pub fn curtail(&mut self, seat: Seat, call: CallId) {
        let now = self.now;
        let Some(assignment) = self.seats.get_mut(seat) else {
            return;
        };
        let Some(run) = assignment.runs.iter_mut().find(|run| run.call == call) else {
            return;
        };
        run.curtail(now);
        let (version, ends) = (run.version, run.answer().ends.max(now));
        let at = ends + self.latency();
        self.queue.push(at, Item::Called(seat, call, version));
    }

    /// A cancelled call may have answered already, on a way that can't be cut off.
    pub fn cancel(&mut self, seat: Seat, call: CallId) {
        self.saw(Seen::Cancelled);
        let answers = self.chance(0.5);
        if let Some(assignment) = self.seats.get_mut(seat).filter(|_| !answers) {
            assignment.runs.retain(|run| run.call != call);
        }
    }

    pub fn call_returns(
        &mut self,
        seat: Seat,
        call: CallId,
        version: u32,
    ) -> Result<(), Violation> {
        let Some(assignment) = self.seats.get_mut(seat) else {
            return Ok(());
        };
        let returns = |run: &Run| run.call == call && run.version == version;
        let Some(index) = assignment.runs.iter().position(returns) else {
            return Ok(());
        };
        let run = assignment.runs.remove(index);
        let answer = run.answer();
        assignment.idle.push(answer.instance);
        if assignment.phase != Phase::Working {
            return Ok(());
        }
        let partition = assignment.partition;
        for (offset, verdict) in run.offsets.iter().zip(&answer.verdicts) {
            if let Verdict::Done { outputs } = verdict {
                let of = (seat, call.0);
                let outputs = Outputs {
                    count: *outputs,
                    of,
                };
                assignment.returned.insert(*offset, outputs);
                if outputs.count == 0 {
                    self.judge.filtered(partition, *offset)?;
                }
            }
        }
        let returned = Event::Called {
            call,
            verdicts: answer.verdicts,
            took: answer.took,
            waited: answer.waited,
            probation: self.plan.probation,
        };
        let fed = self.feed(seat, returned);
        if let Some(assignment) = self.seats.get_mut(seat) {
            assignment.returned.clear();
        }
        fed
    }
}

//! Calls: the engine and the guest behind the machine of one assignment.

use std::collections::BTreeSet;

use pelton_dispatch::{Attempt, CallId, Event, Order};
use pelton_types::{Offset, Verdict};
use rand::Rng;

use super::{
    coverage::Seen,
    guest::{Answer, Conditions, Run},
    queue::{AssignmentId, Item},
    topic::Log,
    world::{Assignment, Phase, World},
};
use crate::model::{Violation, ensure};

impl World {
    pub fn call(
        &mut self,
        id: AssignmentId,
        call: CallId,
        messages: &[Attempt],
        (fresh, fallback): (bool, bool),
    ) -> Result<(), Violation> {
        let swap = if self.calm { 0.0 } else { self.plan.swap };
        let cut = self
            .chance(swap)
            .then(|| self.rng.random_range(0..messages.len().max(1)));
        let how = Conditions {
            now: self.now,
            fresh,
            packed: self.plan.packed,
            cut,
            order: self.plan.policy.order,
            goes_on: self.plan.goes_on,
            fallback,
        };
        if cut.is_some() {
            self.saw(Seen::CutShort);
        }
        if messages.len() > 1 {
            self.saw(Seen::Batch);
        }
        if fresh {
            self.saw(Seen::Fresh);
        }
        self.may_attempt(id, messages)?;
        let Some(assignment) = self.assignments.get_mut(id) else {
            return Ok(());
        };
        let Some(log) = self.logs.get(assignment.partition) else {
            return Ok(());
        };
        // A fresh instance takes the place of one that is kept.
        let kept = assignment.idle.pop().unwrap_or_default();
        let run = Run::begin(log, kept, call, messages, how);
        let ends = run.answer().ends;
        assignment.runs.push(run);
        let at = ends + self.latency();
        self.queue.push(
            at,
            Item::Called {
                assignment: id,
                call,
                version: 0,
            },
        );
        Ok(())
    }

    pub fn curtail(&mut self, id: AssignmentId, call: CallId) {
        self.saw(Seen::Curtailed);
        let now = self.now;
        let Some(assignment) = self.assignments.get_mut(id) else {
            return;
        };
        let Some(run) = assignment.runs.iter_mut().find(|run| run.call == call) else {
            return;
        };
        run.curtail(now);
        let (version, ends) = (run.version, run.answer().ends.max(now));
        let at = ends + self.latency();
        self.queue.push(
            at,
            Item::Called {
                assignment: id,
                call,
                version,
            },
        );
    }

    /// A cancelled call may have answered already, on a way that can't be cut off.
    pub fn cancel(&mut self, id: AssignmentId, call: CallId) {
        self.saw(Seen::Cancelled);
        let answers = self.chance(0.5);
        let Some(assignment) = self.assignments.get_mut(id) else {
            return;
        };
        if !answers {
            assignment.runs.retain(|run| run.call != call);
        }
    }

    pub fn call_returns(
        &mut self,
        id: AssignmentId,
        call: CallId,
        version: u32,
    ) -> Result<(), Violation> {
        let Some(assignment) = self.living(id) else {
            return Ok(());
        };
        let returns = |run: &Run| run.call == call && run.version == version;
        let Some(index) = assignment.runs.iter().position(returns) else {
            return Ok(());
        };
        let run = assignment.runs.remove(index);
        let answer = run.answer();
        assignment.idle.push(answer.instance);
        let (over, partition) = (assignment.phase != Phase::Working, assignment.partition);
        self.note_verdicts(partition, &run, &answer, over)?;
        if answer.died {
            self.saw(Seen::InstanceDied);
        }
        if over {
            self.saw(Seen::LateAnswer);
            self.saw(Seen::Stale);
        }
        self.feed(
            id,
            Event::Called {
                call,
                verdicts: answer.verdicts,
                took: answer.took,
                waited: answer.waited,
                probation: self.plan.probation,
            },
        )
    }

    /// Counts what came back, and writes down as a fact what was filtered: that leaves no other trace.
    fn note_verdicts(
        &mut self,
        partition: usize,
        run: &Run,
        answer: &Answer,
        over: bool,
    ) -> Result<(), Violation> {
        let (Some(ledger), Some(log)) = (self.ledgers.get_mut(partition), self.logs.get(partition))
        else {
            return Ok(());
        };
        let order = self.plan.policy.order;
        let mut failed = BTreeSet::new();
        for (offset, verdict) in run.offsets.iter().zip(&answer.verdicts) {
            let row = log.get(*offset).map(|message| message.row(order));
            let kept = !failed.contains(&row);
            if kept && !failed.is_empty() && matches!(verdict, Verdict::Done { .. }) {
                self.coverage.saw(Seen::WentOn);
            }
            if !matches!(verdict, Verdict::Done { .. }) {
                failed.insert(row);
            }
            match verdict {
                Verdict::Done { outputs: 0 } if kept && !over => {
                    ledger.filtered(*offset)?;
                    self.coverage.saw(Seen::Filtered);
                }
                Verdict::Done { .. } if !kept => self.coverage.saw(Seen::Forbidden),
                Verdict::Done { .. } if run.fresh && !ledger.is_guilty(*offset) => {
                    self.coverage.saw(Seen::Innocent);
                }
                Verdict::Failed(_) if run.fresh => self.coverage.saw(Seen::GuiltyAlone),
                Verdict::NotAttempted => self.coverage.saw(Seen::NotAttempted),
                Verdict::Done { .. } | Verdict::Failed(_) => {}
            }
        }
        Ok(())
    }
}

impl World {
    /// Whether the ledger and the log have nothing against these attempts.
    fn may_attempt(&mut self, id: AssignmentId, messages: &[Attempt]) -> Result<(), Violation> {
        let order = self.plan.policy.order;
        let Some(assignment) = self.assignments.get_mut(id) else {
            return Ok(());
        };
        let partition = assignment.partition;
        let (Some(log), Some(ledger)) = (self.logs.get(partition), self.ledgers.get_mut(partition))
        else {
            return Ok(());
        };
        if !assignment.runs.is_empty() {
            self.coverage.saw(Seen::SeveralCalls);
        }
        let under_way = assignment.runs.iter().flat_map(|run| &run.offsets).min();
        let lowest_called = under_way.copied().unwrap_or(Offset::MAX);
        for Attempt { offset, attempt } in messages {
            assignment.holds(*offset)?;
            assignment.retrying.remove(offset);
            if assignment.called.contains(offset) {
                ledger.called(*offset, assignment.unclean)?;
            } else {
                let inherited = assignment.inherited_attempts(*offset);
                ledger.called(*offset, assignment.unclean)?;
                ensure!(
                    *attempt > inherited.min(self.plan.policy.retry.attempts.get() - 1),
                    "attempt {attempt} of offset {offset}, after {inherited} by earlier owners"
                );
                if inherited > 0 {
                    self.coverage.saw(Seen::AttemptsContinued);
                }
                assignment.first_attempt(log, *offset, order)?;
            }
            if lowest_called < *offset {
                self.coverage.saw(Seen::OvertookCall);
            }
            if assignment
                .retrying
                .first()
                .is_some_and(|retrying| retrying < offset)
            {
                self.coverage.saw(Seen::OvertookRetry);
            }
        }
        Ok(())
    }
}

impl Assignment {
    /// First attempts come in the order of their row, and none is left out.
    fn first_attempt(&mut self, log: &Log, offset: Offset, order: Order) -> Result<(), Violation> {
        if let Some(before) = log.before(offset, order).map(|message| message.offset) {
            let known = before < self.start
                || self.told.is_finished(before)
                || self.called.contains(&before);
            ensure!(
                known,
                "offset {offset} was called before the earlier {before} had its first attempt"
            );
        }
        self.called.insert(offset);
        Ok(())
    }

    fn inherited_attempts(&self, offset: Offset) -> u32 {
        let tried = self.told.tried.iter().find(|tried| tried.offset == offset);
        tried.map_or(0, |tried| tried.attempts)
    }
}

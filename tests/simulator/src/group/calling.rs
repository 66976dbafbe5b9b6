//! Calls: the engine and the guest behind the machine of one assignment.

use pelton_dispatch::{Attempt, CallId, Event};
use pelton_types::{Offset, Verdict};
use rand::Rng;

use super::{
    coverage::Seen,
    guest::{Answer, Conditions, Run},
    queue::{AssignmentId, Item},
    topic::Log,
    world::{Assignment, Phase, World},
};
use crate::{
    machine::Machine,
    model::{Violation, ensure},
};

impl<M: Machine> World<M> {
    pub fn call(
        &mut self,
        id: AssignmentId,
        call: CallId,
        messages: &[Attempt],
        fresh: bool,
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
        let Some(assignment) = self.assignments.get_mut(id) else {
            return Ok(());
        };
        let Some(log) = self.logs.get(assignment.partition) else {
            return Ok(());
        };
        for Attempt { offset, .. } in messages {
            assignment.holds(*offset)?;
            assignment.first_attempt(log, *offset)?;
        }
        let run = Run::begin(log, assignment.instance, call, messages, how);
        let ends = run.answer(assignment.instance).ends;
        assignment.run = Some(run);
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
        let instance = assignment.instance;
        let Some(run) = assignment.run.as_mut().filter(|run| run.call == call) else {
            return;
        };
        run.curtail(now);
        let (version, ends) = (run.version, run.answer(instance).ends.max(now));
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
            assignment.run.take_if(|run| run.call == call);
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
        let Some(run) = assignment
            .run
            .take_if(|run| run.call == call && run.version == version)
        else {
            return Ok(());
        };
        let answer = run.answer(assignment.instance);
        assignment.instance = answer.instance;
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
        let Some(ledger) = self.ledgers.get_mut(partition) else {
            return Ok(());
        };
        let not_done = |verdict| !matches!(verdict, &Verdict::Done { .. });
        let kept = answer
            .verdicts
            .iter()
            .position(not_done)
            .unwrap_or(run.offsets.len());
        for (index, (offset, verdict)) in run.offsets.iter().zip(&answer.verdicts).enumerate() {
            match verdict {
                Verdict::Done { outputs: 0 } if index < kept && !over => {
                    ledger.filtered(*offset)?;
                    self.coverage.saw(Seen::Filtered);
                }
                Verdict::Done { .. } if index > kept => self.coverage.saw(Seen::Forbidden),
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

impl<M> Assignment<M> {
    /// First attempts come in the order of the log, and none is left out.
    fn first_attempt(&mut self, log: &Log, offset: Offset) -> Result<(), Violation> {
        let expected = log.index_from(self.first_calls);
        if offset >= self.first_calls {
            ensure!(
                log.index_from(offset) == expected,
                "offset {offset} was called before an earlier message had its first attempt"
            );
            self.first_calls = offset + 1;
        }
        Ok(())
    }
}

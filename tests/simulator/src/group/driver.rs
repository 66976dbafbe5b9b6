//! Drives the machine of one assignment as the daemon does: feeds it, watches it, does what it commands.

use std::time::Duration;

use pelton_dispatch::{Attempt, CallId, Command, Event, Step};
use pelton_types::{Failure, FailureKind, Offset, Verdict};
use rand::Rng;

use super::{
    behaviour::Behaviour,
    coverage::Seen,
    guest::{Conditions, Run},
    ledger::GivenUp,
    queue::{AssignmentId, Item},
    world::{Assignment, Phase, World},
};
use crate::{
    machine::Machine,
    model::{Violation, ensure},
};

/// Most messages that one fetch brings.
const FETCH_MOST: usize = 25;

impl<M: Machine> World<M> {
    /// Gives a machine an event, lets the model judge, and carries out what it commands.
    pub fn feed(&mut self, id: AssignmentId, event: Event) -> Result<(), Violation> {
        let (now, judge) = (self.now, self.options.model);
        let Some(assignment) = self.assignments.get_mut(id) else {
            return Ok(());
        };
        let mut commands = Vec::new();
        assignment.machine.handle(now, event.clone(), &mut commands);
        let mut verdict = Ok(());
        if judge {
            verdict = assignment.model.step(now, &event, &commands);
            if verdict.is_ok() {
                verdict = assignment.model.agrees(&assignment.machine.snapshot());
            }
        }
        self.steps += 1;
        self.coverage.saw(Seen::Step);
        if self.trace.is_some() {
            let (member, partition) = self
                .assignments
                .get(id)
                .map_or((0, 0), |a| (a.member, a.partition));
            self.say(|_| format!("member {member} partition {partition} #{id}: {event:?}"));
            commands
                .iter()
                .for_each(|command| self.say(|_| format!("    {command:?}")));
        }
        if let Some((_, steps)) = self
            .assignments
            .get_mut(id)
            .and_then(|a| a.recording.as_mut())
        {
            steps.push(Step {
                at: now,
                event,
                commands: commands.clone(),
            });
        }
        verdict.map_err(|Violation(text)| Violation(format!("assignment #{id}: {text}")))?;
        commands
            .into_iter()
            .try_for_each(|command| self.carry_out(id, command))
    }

    fn carry_out(&mut self, id: AssignmentId, command: Command) -> Result<(), Violation> {
        match command {
            Command::Call {
                call,
                messages,
                fresh,
            } => self.call(id, call, &messages, fresh)?,
            Command::Curtail { call } => self.curtail(id, call),
            Command::Cancel { call } => self.cancel(id, call),
            Command::Produce { offset } => self.produce(id, offset)?,
            Command::DeadLetter {
                offset, failure, ..
            } => self.dead_letter(id, offset, &failure)?,
            Command::Skip { offset, .. } => {
                self.saw(Seen::Skipped);
                self.gave_up(id, offset, GivenUp::Skipped)?;
            }
            Command::Halt { offset, .. } => {
                self.saw(Seen::Halted);
                self.gave_up(id, offset, GivenUp::Halted)?;
            }
            Command::Retry { failure, .. } => {
                self.saw(Seen::Retried);
                if failure.retry_after.is_some() {
                    self.saw(Seen::RetryWish);
                }
            }
            Command::Release { below } => {
                if let Some(assignment) = self.assignments.get_mut(id) {
                    assignment.released = below;
                }
            }
            Command::Commit { next } => self.commit(id, next, false),
            Command::PauseFetch => {
                self.saw(Seen::Paused);
                if let Some(assignment) = self.assignments.get_mut(id) {
                    assignment.paused = true;
                }
            }
            Command::ResumeFetch => {
                self.saw(Seen::Resumed);
                self.resume(id);
            }
            Command::SetTimer { at } => self.set_timer(id, at),
            Command::Drained { next, unfinished } => self.drained(id, next, unfinished)?,
        }
        Ok(())
    }

    // Fetching.

    fn resume(&mut self, id: AssignmentId) {
        let Some(assignment) = self.assignments.get_mut(id) else {
            return;
        };
        assignment.paused = false;
        if !std::mem::replace(&mut assignment.fetching, true) {
            self.soon(Item::Fetch { assignment: id });
        }
    }

    pub fn fetch(&mut self, id: AssignmentId) -> Result<(), Violation> {
        let overshoots = self.chance(0.3);
        let now = self.now;
        let most = self.rng.random_range(1..FETCH_MOST);
        let Some(assignment) = self.living(id) else {
            return Ok(());
        };
        assignment.fetching = false;
        let (paused, partition, position) =
            (assignment.paused, assignment.partition, assignment.position);
        if paused && !overshoots || assignment.phase != Phase::Working {
            return Ok(());
        }
        let draining = assignment.model.is_draining();
        assignment.fetching = true;
        match self
            .logs
            .get(partition)
            .map_or(Err(None), |log| log.fetch(position, now, most))
        {
            Err(None) => Ok(()),
            Err(Some(at)) => {
                let at = at + self.latency();
                self.queue.push(at, Item::Fetch { assignment: id });
                Ok(())
            }
            Ok(arrivals) => {
                let next = arrivals
                    .last()
                    .map_or(position, |arrival| arrival.offset + 1);
                if let Some(assignment) = self.assignments.get_mut(id) {
                    assignment.position = next;
                    assignment.fetching = !paused;
                }
                if paused {
                    self.saw(Seen::Overshot);
                } else {
                    self.soon(Item::Fetch { assignment: id });
                }
                if draining {
                    self.saw(Seen::FetchedDraining);
                }
                self.feed(id, Event::Fetched(arrivals))
            }
        }
    }

    // Calling.

    fn call(
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
        for Attempt { offset, .. } in messages {
            assignment.holds(*offset)?;
            let first = *offset >= assignment.first_calls;
            let skipped = self.logs.get(assignment.partition).is_some_and(|log| {
                first && log.index_from(assignment.first_calls) != log.index_from(*offset)
            });
            ensure!(
                !skipped,
                "offset {offset} was called before an earlier message had its first attempt"
            );
            assignment.first_calls = assignment.first_calls.max(offset + 1);
        }
        let Some(log) = self.logs.get(assignment.partition) else {
            return Ok(());
        };
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

    fn curtail(&mut self, id: AssignmentId, call: CallId) {
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
    fn cancel(&mut self, id: AssignmentId, call: CallId) {
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
        let kept = answer
            .verdicts
            .iter()
            .position(|verdict| !matches!(verdict, Verdict::Done { .. }));
        let kept = kept.unwrap_or(run.offsets.len());
        for (index, (offset, verdict)) in run.offsets.iter().zip(&answer.verdicts).enumerate() {
            let Some(ledger) = self.ledgers.get_mut(partition) else {
                continue;
            };
            match verdict {
                Verdict::Done { outputs: 0 } if index < kept && !over => {
                    ledger.filtered(*offset)?;
                    self.coverage.saw(Seen::Filtered);
                }
                Verdict::Done { .. } if index > kept => self.coverage.saw(Seen::Forbidden),
                Verdict::Done { .. } if run.fresh && !ledger.is_guilty(*offset) => {
                    self.coverage.saw(Seen::Innocent)
                }
                Verdict::Failed(_) if run.fresh => self.coverage.saw(Seen::GuiltyAlone),
                Verdict::NotAttempted => self.coverage.saw(Seen::NotAttempted),
                Verdict::Done { .. } | Verdict::Failed(_) => {}
            }
        }
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

    // Writing.

    fn produce(&mut self, id: AssignmentId, offset: Offset) -> Result<(), Violation> {
        self.saw(Seen::Produced);
        let assignment = self.holding(id, offset)?;
        let message = self.logs.get(assignment).and_then(|log| log.get(offset));
        if message.is_some_and(|message| message.behaviour == Behaviour::Refused) {
            self.saw(Seen::OutputRefused);
            self.soon(Item::Answered {
                assignment: id,
                offset,
                refused: true,
            });
        } else {
            self.write(id, offset, false);
        }
        Ok(())
    }

    fn dead_letter(
        &mut self,
        id: AssignmentId,
        offset: Offset,
        failure: &Failure,
    ) -> Result<(), Violation> {
        let partition = self.holding(id, offset)?;
        let guilty = self
            .ledgers
            .get_mut(partition)
            .is_some_and(|ledger| ledger.is_guilty(offset));
        ensure!(
            guilty,
            "{partition}@{offset} is innocent and was dead-lettered: {failure:?}"
        );
        self.gave_up_passed_over(partition, offset);
        if self
            .assignments
            .get(id)
            .is_some_and(|a| a.refused_letters.contains(&offset))
        {
            self.saw(Seen::LetterAgain);
        }
        let (from, to) = self.plan.letters_refused;
        if !self.calm && self.now >= from && self.now < to {
            self.saw(Seen::LetterRefused);
            if let Some(assignment) = self.assignments.get_mut(id) {
                assignment.refused_letters.push(offset);
            }
            self.soon(Item::Answered {
                assignment: id,
                offset,
                refused: true,
            });
        } else {
            self.saw(Seen::DeadLettered);
            self.write(id, offset, true);
        }
        Ok(())
    }

    fn write(&mut self, id: AssignmentId, offset: Offset, letter: bool) {
        let late = if self.calm { 0.0 } else { self.plan.late_write };
        let mut at = self.now + self.latency();
        if self.chance(late) {
            self.saw(Seen::LateWrite);
            at += self
                .rng
                .random_range(Duration::ZERO..Duration::from_secs(3));
        }
        self.queue.push(
            at,
            Item::Landed {
                assignment: id,
                offset,
                letter,
            },
        );
    }

    fn gave_up(&mut self, id: AssignmentId, offset: Offset, how: GivenUp) -> Result<(), Violation> {
        let partition = self.holding(id, offset)?;
        self.gave_up_passed_over(partition, offset);
        self.ledgers
            .get_mut(partition)
            .map_or(Ok(()), |ledger| ledger.gave_up(offset, how))
    }

    fn gave_up_passed_over(&mut self, partition: usize, offset: Offset) {
        let message = self.logs.get(partition).and_then(|log| log.get(offset));
        if message.is_some_and(|message| message.behaviour == Behaviour::PassedOver) {
            self.saw(Seen::PassedOver);
        }
    }

    /// The partition of an assignment that must still hold the bytes of this message.
    fn holding(&mut self, id: AssignmentId, offset: Offset) -> Result<usize, Violation> {
        let Some(assignment) = self.assignments.get(id) else {
            return Ok(0);
        };
        assignment.holds(offset)?;
        Ok(assignment.partition)
    }

    /// A delivery report reaches the driver, unless its process is dead.
    pub fn answered(
        &mut self,
        id: AssignmentId,
        offset: Offset,
        refused: bool,
    ) -> Result<(), Violation> {
        let Some(assignment) = self.living(id) else {
            return Ok(());
        };
        if assignment.phase != Phase::Working {
            self.saw(Seen::Stale);
        }
        let failure = || Failure::new(FailureKind::Produce, "the broker refuses");
        self.feed(
            id,
            if refused {
                Event::Refused {
                    offset,
                    failure: failure(),
                }
            } else {
                Event::Delivered { offset }
            },
        )
    }

    // Time.

    fn set_timer(&mut self, id: AssignmentId, at: Duration) {
        let late = Duration::from_micros(self.rng.random_range(0..2_000));
        let Some(assignment) = self.assignments.get_mut(id) else {
            return;
        };
        assignment.timer += 1;
        let token = assignment.timer;
        self.queue.push(
            at.max(self.now) + late,
            Item::Timer {
                assignment: id,
                token,
            },
        );
    }

    pub fn timer(&mut self, id: AssignmentId, token: u64) -> Result<(), Violation> {
        let needless = self.chance(0.05);
        let Some(assignment) = self.working(id) else {
            return Ok(());
        };
        if assignment.timer == token {
            return self.feed(id, Event::Timer);
        }
        if needless {
            self.saw(Seen::SpuriousTimer);
            return self.feed(id, Event::Timer);
        }
        Ok(())
    }
}

impl<M> Assignment<M> {
    /// The driver has the message's bytes: it was fetched, and not released.
    fn holds(&self, offset: Offset) -> Result<(), Violation> {
        let held = offset >= self.released && offset < self.position;
        ensure!(
            held,
            "offset {offset} is not held, only {} to {}",
            self.released,
            self.position
        );
        Ok(())
    }
}

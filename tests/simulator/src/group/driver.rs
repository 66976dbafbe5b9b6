//! Drives the machine of one assignment as the daemon does: feeds it, watches it, does what it commands.

use std::time::Duration;

use pelton_dispatch::{Command, Event, Snapshot, Step};
use pelton_types::Offset;
use rand::Rng;

use super::{
    coverage::Seen,
    ledger::GivenUp,
    queue::{AssignmentId, Item},
    world::{Assignment, Phase, World},
};
use crate::model::{Violation, ensure};

/// Most messages that one fetch brings.
const FETCH_MOST: usize = 25;

impl World {
    /// Gives a machine an event, lets the model judge, and carries out what it commands.
    pub fn feed(&mut self, id: AssignmentId, event: Event) -> Result<(), Violation> {
        let (now, judge) = (self.clock(id), self.options.model);
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
        let snapshot = assignment.machine.snapshot();
        let was_crowded = std::mem::replace(&mut assignment.crowded, snapshot.crowded);
        self.note_snapshot(was_crowded, &snapshot);
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
                fallback,
            } => self.call(id, call, &messages, (fresh, fallback))?,
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
            Command::Retry {
                offset,
                attempt,
                failure,
                ..
            } => {
                self.saw(Seen::Retried);
                self.note_retry(id, offset, attempt)?;
                if failure.retry_after.is_some() {
                    self.saw(Seen::RetryWish);
                }
            }
            Command::FallBack { .. } => self.saw(Seen::FellBack),
            Command::Release { below } => {
                if let Some(assignment) = self.assignments.get_mut(id) {
                    assignment.released = below;
                }
            }
            Command::Commit(checkpoint) => self.commit(id, checkpoint, false),
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
            Command::Drained { last, unfinished } => self.drained(id, last, unfinished)?,
            Command::Hold { .. }
            | Command::Progress { .. }
            | Command::Sealed(_)
            | Command::Spoil { .. } => {
                return Err(Violation(format!("there is no transaction: {command:?}")));
            }
        }
        Ok(())
    }

    /// The time that an assignment's member goes by.
    pub fn clock(&self, id: AssignmentId) -> Duration {
        let member = self
            .assignments
            .get(id)
            .and_then(|assignment| self.members.get(assignment.member));
        self.now + member.map_or(Duration::ZERO, |member| member.skew)
    }

    fn note_snapshot(&mut self, was_crowded: bool, snapshot: &Snapshot) {
        match (was_crowded, snapshot.crowded) {
            (false, true) => self.saw(Seen::Crowded),
            (true, false) => self.saw(Seen::CrowdEnded),
            _ => {}
        }
        let in_flight = snapshot.calling
            + snapshot.in_delivery
            + snapshot.retrying
            + snapshot.dead_letters_waiting;
        if in_flight >= self.plan.policy.in_flight.get() as usize && in_flight < snapshot.messages {
            self.saw(Seen::InFlightFull);
        }
    }

    fn note_retry(
        &mut self,
        id: AssignmentId,
        offset: Offset,
        attempt: u32,
    ) -> Result<(), Violation> {
        let Some(assignment) = self.assignments.get_mut(id) else {
            return Ok(());
        };
        assignment.retrying.insert(offset);
        let (partition, unclean) = (assignment.partition, assignment.unclean);
        self.ledgers
            .get_mut(partition)
            .map_or(Ok(()), |ledger| ledger.failed(offset, id, attempt, unclean))
    }

    /// Calls under way are to make room for another revision.
    pub fn swap(&mut self, id: AssignmentId) -> Result<(), Violation> {
        if self.working(id).is_none() {
            return Ok(());
        }
        self.saw(Seen::Swapped);
        self.feed(id, Event::Swapped)
    }

    /// There is more or less memory for a partition from now on.
    pub fn change_buffer(&mut self, id: AssignmentId) -> Result<(), Violation> {
        let bytes = self.rng.random_range(0..=self.plan.policy.buffer_bytes * 2);
        if self.working(id).is_none() {
            return Ok(());
        }
        self.saw(Seen::BufferChanged);
        self.feed(id, Event::Buffer { bytes })
    }

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

    fn set_timer(&mut self, id: AssignmentId, at: Duration) {
        let late = Duration::from_micros(self.rng.random_range(0..2_000));
        let ahead = self.clock(id) - self.now;
        let Some(assignment) = self.assignments.get_mut(id) else {
            return;
        };
        assignment.timer += 1;
        let token = assignment.timer;
        self.queue.push(
            at.saturating_sub(ahead).max(self.now) + late,
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

impl Assignment {
    /// The driver has the message's bytes: it was fetched, and not released.
    pub fn holds(&self, offset: Offset) -> Result<(), Violation> {
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

//! Drives the machine of one assignment as the daemon does: feeds it, does what it commands.

use std::time::Duration;

use pelton_dispatch::{Command, Event, MemberEvent, Step};
use pelton_types::Offset;
use rand::Rng;

use super::{
    queue::{Item, Seat},
    seen::Seen,
    world::{Assignment, Phase, World},
};
use crate::model::{Violation, ensure};

/// Most messages that one fetch brings.
const FETCH_MOST: usize = 25;

impl World {
    /// An assignment that is neither drained nor lost.
    pub fn working(&mut self, seat: Seat) -> Option<&mut Assignment> {
        self.seats
            .get_mut(seat)
            .filter(|assignment| assignment.phase == Phase::Working)
    }

    /// Gives a machine an event, lets the model judge, and carries out what it commands.
    pub fn feed(&mut self, seat: Seat, event: Event) -> Result<(), Violation> {
        let (now, judge) = (self.now, self.options.model);
        let Some(assignment) = self.seats.get_mut(seat) else {
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
        self.saw(Seen::Step);
        if self.trace.is_some() {
            let whose = self.seats.get(seat).map(|a| (a.process, a.partition));
            self.say(|_| format!("process, partition {whose:?} #{seat}: {event:?}"));
            commands
                .iter()
                .for_each(|command| self.say(|_| format!("    {command:?}")));
        }
        if let Some((_, steps)) = self.seats.get_mut(seat).and_then(|a| a.recording.as_mut()) {
            steps.push(Step {
                at: now,
                event: event.clone(),
                commands: commands.clone(),
            });
        }
        verdict?;
        commands
            .into_iter()
            .try_for_each(|command| self.obey(seat, command))
    }

    fn obey(&mut self, seat: Seat, command: Command) -> Result<(), Violation> {
        match command {
            Command::Call {
                call,
                messages,
                fresh,
                fallback,
            } => self.call(seat, call, &messages, (fresh, fallback))?,
            Command::Curtail { call } => self.curtail(seat, call),
            Command::Cancel { call } => self.cancel(seat, call),
            Command::Produce { offset } => self.produce(seat, offset)?,
            Command::DeadLetter {
                offset, failure, ..
            } => self.dead_letter(seat, offset, &failure)?,
            Command::Hold { offset } => self.hold(seat, offset)?,
            Command::Skip { offset, .. } => {
                self.saw(Seen::Skipped);
                let partition = self.holding(seat, offset)?;
                self.judge.skipped(partition, offset)?;
            }
            Command::Halt { offset, .. } => {
                self.saw(Seen::Halted);
                let partition = self.holding(seat, offset)?;
                self.judge.halted(partition, offset)?;
            }
            Command::Retry { .. } => self.saw(Seen::Retried),
            Command::FallBack { .. } => self.saw(Seen::FellBack),
            Command::Release { below } => self.release(seat, below)?,
            Command::Commit(checkpoint) => {
                return Err(Violation(format!("committed by itself: {checkpoint:?}")));
            }
            Command::PauseFetch => {
                if let Some(assignment) = self.seats.get_mut(seat) {
                    assignment.paused = true;
                }
            }
            Command::ResumeFetch => self.resume(seat),
            Command::SetTimer { at } => self.set_timer(seat, at),
            Command::Progress {
                messages,
                bytes,
                urgent,
            } => {
                if urgent {
                    self.saw(Seen::Urgent);
                }
                let assignment = Self::name(seat);
                self.word(
                    seat,
                    MemberEvent::Progress {
                        assignment,
                        messages,
                        bytes,
                        urgent,
                    },
                );
            }
            Command::Sealed(checkpoint) => {
                let assignment = Self::name(seat);
                self.word(
                    seat,
                    MemberEvent::Sealed {
                        assignment,
                        checkpoint,
                    },
                );
            }
            Command::Spoil { .. } => {
                self.saw(Seen::Spoiled);
                self.word(seat, MemberEvent::Spoiled);
            }
            Command::Drained { last, .. } => {
                if let Some(assignment) = self.seats.get_mut(seat) {
                    assignment.phase = Phase::Drained;
                }
                let assignment = Self::name(seat);
                self.word(seat, MemberEvent::Drained { assignment, last });
            }
        }
        Ok(())
    }

    /// The partition of an assignment that must still hold the bytes of this message.
    pub fn holding(&mut self, seat: Seat, offset: Offset) -> Result<usize, Violation> {
        let Some(assignment) = self.seats.get(seat) else {
            return Ok(0);
        };
        ensure!(
            offset >= assignment.released && offset < assignment.position,
            "offset {offset} is not held, only {} to {}",
            assignment.released,
            assignment.position
        );
        Ok(assignment.partition)
    }

    /// An aborted transaction is redone from what is held, so nothing goes before it is committed.
    fn release(&mut self, seat: Seat, below: Offset) -> Result<(), Violation> {
        let Some(assignment) = self.seats.get_mut(seat) else {
            return Ok(());
        };
        let committed = self.judge.checkpoint(assignment.partition).next;
        ensure!(
            below <= committed,
            "released below {below}, of which only {committed} is committed"
        );
        assignment.released = below;
        assignment.held.retain(|offset, _| *offset >= below);
        Ok(())
    }

    fn resume(&mut self, seat: Seat) {
        let Some(assignment) = self.seats.get_mut(seat) else {
            return;
        };
        assignment.paused = false;
        if !std::mem::replace(&mut assignment.fetching, true) {
            self.soon(Item::Fetch(seat));
        }
    }

    pub fn fetch(&mut self, seat: Seat) -> Result<(), Violation> {
        let (now, most) = (self.now, self.rng.random_range(1..FETCH_MOST));
        let overshoots = self.chance(0.3);
        let Some(assignment) = self.working(seat) else {
            return Ok(());
        };
        assignment.fetching = false;
        let (paused, position) = (assignment.paused, assignment.position);
        let partition = assignment.partition;
        if paused && !overshoots {
            return Ok(());
        }
        assignment.fetching = true;
        let log = self.logs.get(partition);
        match log.map_or(Err(None), |log| log.fetch(position, now, most)) {
            Err(None) => Ok(()),
            Err(Some(at)) => {
                let at = at + self.latency();
                self.queue.push(at, Item::Fetch(seat));
                Ok(())
            }
            Ok(arrivals) => {
                if let Some(assignment) = self.seats.get_mut(seat) {
                    assignment.position = arrivals.last().map_or(position, |last| last.offset + 1);
                    assignment.fetching = !paused;
                }
                if !paused {
                    self.soon(Item::Fetch(seat));
                }
                self.feed(seat, Event::Fetched(arrivals))
            }
        }
    }

    fn set_timer(&mut self, seat: Seat, at: Duration) {
        let late = Duration::from_micros(self.rng.random_range(0..2_000));
        let Some(assignment) = self.seats.get_mut(seat) else {
            return;
        };
        assignment.timer += 1;
        let item = Item::Timer(seat, assignment.timer);
        self.queue.push(at.max(self.now) + late, item);
    }

    pub fn timer(&mut self, seat: Seat, token: u64) -> Result<(), Violation> {
        match self.working(seat) {
            Some(assignment) if assignment.timer == token => self.feed(seat, Event::Timer),
            _ => Ok(()),
        }
    }
}

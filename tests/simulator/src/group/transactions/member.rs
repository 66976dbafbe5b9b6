//! Drives a process's machine for transactions, and carries words between it and the partitions' tasks.
//!
//! Those tasks run on their own and may be busy, so what the member has for one waits in its inbox, and the member
//! may be transactions ahead. What a task said before it heard of an abort speaks of what was undone by it: such a
//! word is dropped, and so is the last checkpoint of a task that drained before it heard.

use std::{collections::BTreeMap, time::Duration};

use pelton_dispatch::{
    AssignmentId, Checkpoint, Event, MemberCommand, MemberEvent, Outcome, Trouble,
};
use rand::Rng;

use super::{
    queue::{Item, ProcessId, Seat},
    run::DriverFault,
    seen::Seen,
    world::{Phase, World},
};
use crate::model::Violation;

impl World {
    /// What an assignment is called between a member and its driver.
    pub fn name(seat: Seat) -> AssignmentId {
        AssignmentId(seat as u64)
    }

    fn seat(name: AssignmentId) -> Seat {
        usize::try_from(name.0).unwrap_or(usize::MAX)
    }

    /// How long something between a member and a task waits.
    fn lag(&mut self) -> Duration {
        let busy = self.limits.busy;
        if self.mischance(busy) {
            Duration::from_millis(self.rng.random_range(0..1_500))
        } else {
            Duration::from_micros(self.rng.random_range(0..500))
        }
    }

    /// A partition's task has a word for its member.
    pub fn word(&mut self, seat: Seat, word: MemberEvent) {
        let at = self.now + Duration::from_micros(self.rng.random_range(0..500));
        let Some(assignment) = self.seats.get_mut(seat) else {
            return;
        };
        assignment.words_at = assignment.words_at.max(at);
        let (at, heard) = (assignment.words_at, assignment.heard);
        self.queue.push(at, Item::Word(seat, word, heard));
    }

    /// The member hears a word.
    pub fn hears(
        &mut self,
        seat: Seat,
        mut word: MemberEvent,
        heard: u64,
    ) -> Result<(), Violation> {
        let believes = self.has(DriverFault::BelievesStaleWords);
        let Some(assignment) = self.seats.get(seat) else {
            return Ok(());
        };
        let process = assignment.process;
        let unheard = |(ending, aborts): &(u64, bool)| *aborts && *ending > heard;
        if assignment.on_the_way.iter().any(unheard) && !believes {
            match &mut word {
                MemberEvent::Sealed { .. } | MemberEvent::Spoiled => {
                    self.saw(Seen::StaleWord);
                    return Ok(());
                }
                MemberEvent::Drained { last, .. } => *last = None,
                _ => {}
            }
        }
        self.member_event(process, word)
    }

    fn tell(&mut self, seat: Seat, event: Event) {
        let at = self.now + self.lag();
        let Some(assignment) = self.seats.get_mut(seat) else {
            return;
        };
        if let Event::TransactionEnded(outcome) = event {
            assignment.endings += 1;
            let aborts = outcome == Outcome::Aborted;
            assignment.on_the_way.push((assignment.endings, aborts));
        }
        assignment.inbox_at = assignment.inbox_at.max(at);
        let (at, process) = (assignment.inbox_at, assignment.process);
        let client = self.processes.get(process).map(|p| &p.client);
        let transaction = client.map_or(0, |client| client.transaction);
        self.queue.push(at, Item::Told(seat, event, transaction));
    }

    /// Something comes out of a task's inbox.
    pub fn told(&mut self, seat: Seat, event: Event, transaction: u64) -> Result<(), Violation> {
        let Some(assignment) = self.working(seat) else {
            return Ok(());
        };
        if matches!(event, Event::TransactionEnded(_)) {
            assignment.transaction = transaction;
            assignment.heard += 1;
        }
        self.feed(seat, event)
    }

    /// Gives a member an event and carries out what it commands.
    pub fn member_event(
        &mut self,
        process: ProcessId,
        event: MemberEvent,
    ) -> Result<(), Violation> {
        let now = self.now;
        self.note_word(process, &event);
        let Some(member) = self
            .processes
            .get_mut(process)
            .and_then(|process| process.member.as_mut())
        else {
            return Ok(());
        };
        let mut commands = Vec::new();
        self.coverage.saw(Seen::MemberStep);
        let line = self.trace.is_some().then(|| format!("{event:?}"));
        member.handle(now, event, &mut commands);
        if let Some(line) = line {
            self.say(|_| format!("member {process}: {line}"));
        }
        commands
            .into_iter()
            .try_for_each(|command| self.obey_member(process, command))
    }

    /// Counts what the member is in the middle of when a partition has drained, and what a renewal found.
    fn note_word(&mut self, process: ProcessId, event: &MemberEvent) {
        let state = self
            .processes
            .get(process)
            .map(|p| (p.client.closed, p.seals));
        match (event, state) {
            (MemberEvent::Drained { last, .. }, Some((closed, seals))) => {
                self.saw(match (closed, seals) {
                    (true, _) => Seen::DrainedEnding,
                    (false, true) => Seen::DrainedSealing,
                    (false, false) => Seen::DrainedOpen,
                });
                if last.is_some() {
                    self.saw(Seen::DrainedWithLast);
                }
            }
            (MemberEvent::Assigned { .. }, Some((true, _))) => self.saw(Seen::AssignedEnding),
            _ => {}
        }
    }

    pub fn obey_member(
        &mut self,
        process: ProcessId,
        command: MemberCommand,
    ) -> Result<(), Violation> {
        self.say(|_| format!("    {command:?}"));
        match command {
            MemberCommand::Seal { assignment } => {
                if let Some(process) = self.processes.get_mut(process) {
                    process.seals = true;
                }
                self.tell(Self::seat(assignment), Event::Seal);
            }
            MemberCommand::Commit { checkpoints } => {
                let partition = |(name, checkpoint): (AssignmentId, Checkpoint)| {
                    Some((self.seats.get(Self::seat(name))?.partition, checkpoint))
                };
                let offsets = checkpoints.into_iter().filter_map(partition).collect();
                self.call_commit(process, offsets);
            }
            MemberCommand::Abort => self.call_abort(process),
            MemberCommand::Renew { committed_of, .. } => {
                let partition =
                    |name: AssignmentId| Some((self.seats.get(Self::seat(name))?.partition, name));
                let of: BTreeMap<_, _> = committed_of.into_iter().filter_map(partition).collect();
                if let Some(process) = self.processes.get_mut(process) {
                    process.attempted = !of.is_empty();
                }
                self.call_renew(process, of);
            }
            MemberCommand::Tell {
                assignment,
                outcome,
            } => {
                self.note_outcome(process, outcome);
                self.tell(Self::seat(assignment), Event::TransactionEnded(outcome));
            }
            MemberCommand::Left {
                assignment,
                outcome,
            } => {
                self.note_outcome(process, outcome);
                self.saw(match outcome {
                    Outcome::Committed => Seen::LeftCommitted,
                    Outcome::Aborted => Seen::LeftAborted,
                });
                self.left(Self::seat(assignment))?;
            }
            MemberCommand::SetTimer { at } => {
                if let Some(known) = self.processes.get_mut(process) {
                    known.timer += 1;
                    let item = Item::MemberTimer(process, known.timer);
                    self.queue.push(at.max(self.now), item);
                }
            }
            MemberCommand::Fence(why) => self.fenced(process, &why)?,
        }
        Ok(())
    }

    fn note_outcome(&mut self, process: ProcessId, outcome: Outcome) {
        let Some(process) = self.processes.get_mut(process) else {
            return;
        };
        process.seals = false;
        if std::mem::take(&mut process.attempted) {
            self.saw(match outcome {
                Outcome::Committed => Seen::RenewedCommitted,
                Outcome::Aborted => Seen::RenewedAborted,
            });
        }
    }

    pub fn member_timer(&mut self, process: ProcessId, token: u64) -> Result<(), Violation> {
        match self.processes.get(process) {
            Some(known) if known.timer == token => self.member_event(process, MemberEvent::Timer),
            _ => Ok(()),
        }
    }

    /// The member can't go on: its process ends, and somebody starts it again. Every transactional id here is its
    /// process's own, so a namesake is a wrong guess.
    fn fenced(&mut self, process: ProcessId, why: &Trouble) -> Result<(), Violation> {
        self.say(|_| format!("process {process} fences itself: {why}"));
        if matches!(why, Trouble::Namesake | Trouble::Refused(_)) {
            return Err(Violation(format!("process {process} fences itself: {why}")));
        }
        let foreign = *why == Trouble::Foreign;
        let owns = |seat: &Seat| self.owns(*seat);
        let seats = self.processes.get(process).map(|p| p.seats.clone());
        let all_owned = seats
            .unwrap_or_default()
            .iter()
            .all(|seat| self.seats.get(*seat).is_none_or(|a| a.phase == Phase::Over) || owns(seat));
        if foreign && all_owned {
            return Err(Violation(format!(
                "process {process} sees others at work on what is its own: {why}"
            )));
        }
        self.saw(Seen::Exited);
        self.kill(process);
        self.soon(Item::Start);
        Ok(())
    }
}

//! The group coordinator: who is a member, in which generation, and whose a partition is.
//!
//! Cooperative: a rebalance takes only the partitions that move, and a partition is given to its next owner only
//! after the last one gave it back, or was given up; and nobody starts from offsets that are not decided.

use std::{collections::BTreeMap, time::Duration};

use pelton_dispatch::{Checkpoint, Event, MemberEvent, RecordingHeader};
use rand::{Rng, seq::SliceRandom};

use super::{
    queue::{Item, ProcessId, Seat},
    run::DriverFault,
    seen::Seen,
    world::{Assignment, Life, Phase, World},
};
use crate::model::{Model, Violation};

/// What the coordinator knows.
#[derive(Debug)]
pub(super) struct Group {
    pub members: Vec<ProcessId>,
    /// Grows with every rebalance.
    pub generation: u64,
    owners: Vec<Owner>,
    targets: Vec<Option<ProcessId>>,
    /// What is committed, once the markers of its transaction are written.
    pub offsets: BTreeMap<usize, Checkpoint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Nobody,
    Held(Seat),
    /// Its owner was asked to give it back.
    Revoking(Seat),
    /// It was given to a process that is dead, which the coordinator doesn't know yet.
    Ghost(ProcessId),
}

impl Group {
    pub fn new(partitions: usize) -> Self {
        Self {
            members: Vec::new(),
            generation: 0,
            owners: vec![Owner::Nobody; partitions],
            targets: vec![None; partitions],
            offsets: BTreeMap::new(),
        }
    }

    pub fn is_held(&self, partition: usize) -> bool {
        matches!(self.owners.get(partition), Some(Owner::Held(_)))
    }

    /// What stands committed of a partition.
    pub fn committed(&self, partition: usize) -> Checkpoint {
        let nothing = || Checkpoint::at(0);
        self.offsets
            .get(&partition)
            .cloned()
            .unwrap_or_else(nothing)
    }

    fn owner(&mut self, partition: usize) -> Option<&mut Owner> {
        self.owners.get_mut(partition)
    }
}

impl World {
    pub fn join(&mut self, process: ProcessId) -> Result<(), Violation> {
        self.saw(Seen::Joined);
        self.group.members.push(process);
        self.rebalance()
    }

    /// Whether this assignment owns its partition, as the coordinator sees it.
    pub fn owns(&self, seat: Seat) -> bool {
        let owner = |assignment: &Assignment| self.group.owners.get(assignment.partition);
        matches!(
            self.seats.get(seat).and_then(owner),
            Some(Owner::Held(owner) | Owner::Revoking(owner)) if *owner == seat
        )
    }

    /// Works out who shall have what, and asks for the partitions that move.
    pub fn rebalance(&mut self) -> Result<(), Violation> {
        self.group.generation += 1;
        let generation = self.group.generation;
        for process in self.group.members.clone() {
            self.soon(Item::LearnsGeneration(process, generation));
        }
        let life = |process: &ProcessId| self.processes.get(*process).map(|p| p.life);
        let stays = |process: &&ProcessId| life(process) != Some(Life::Stopping);
        let mut order: Vec<_> = self.group.members.iter().filter(stays).copied().collect();
        if self.chance(0.5) {
            order.shuffle(&mut self.rng);
        }
        for (partition, target) in self.group.targets.iter_mut().enumerate() {
            *target = order.get(partition % order.len().max(1)).copied();
        }
        self.say(|world| {
            let group = &world.group;
            format!(
                "rebalance {}: {:?} of {:?}",
                group.generation, group.targets, group.owners
            )
        });
        for partition in 0..self.plan.partitions {
            let target = self.group.targets.get(partition).copied().flatten();
            match self.group.owners.get(partition).copied() {
                Some(Owner::Nobody) => self.soon(Item::Assign(partition)),
                Some(Owner::Held(seat)) if self.seats.get(seat).map(|a| a.process) != target => {
                    self.revoke(seat)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// An owner is asked to give a partition back. One that is dead, or silent, doesn't hear it yet.
    pub fn revoke(&mut self, seat: Seat) -> Result<(), Violation> {
        let deadline = self.now + self.plan.drain_limit;
        let Some(assignment) = self.seats.get(seat) else {
            return Ok(());
        };
        let (partition, process) = (assignment.partition, assignment.process);
        if self.owns(seat)
            && let Some(owner) = self.group.owner(partition)
        {
            *owner = Owner::Revoking(seat);
        }
        if self
            .processes
            .get(process)
            .is_some_and(|p| p.life != Life::Dead)
        {
            self.saw(Seen::Revoked);
            let heard = self.heard(seat);
            self.queue
                .push(self.now, Item::Told(seat, Event::Drain { deadline }, heard));
        }
        Ok(())
    }

    pub fn heard(&self, seat: Seat) -> u64 {
        self.seats.get(seat).map_or(0, |seat| seat.transaction)
    }

    /// A partition is given to its target, once its offsets are decided.
    pub fn assign(&mut self, partition: usize) -> Result<(), Violation> {
        let free = self.group.owners.get(partition) == Some(&Owner::Nobody);
        let target = self.group.targets.get(partition).copied().flatten();
        let Some(process) = target.filter(|target| free && self.group.members.contains(target))
        else {
            return Ok(());
        };
        if self.is_unstable(partition) && !self.has(DriverFault::FetchesUnstable) {
            self.saw(Seen::Unstable);
            self.soon(Item::Assign(partition));
            return Ok(());
        }
        let life = self.processes.get(process).map(|p| p.life);
        let owner = match life {
            Some(Life::Running) => Owner::Held(self.seats.len()),
            Some(Life::Dead) => Owner::Ghost(process),
            Some(Life::Stopping | Life::Expelled) | None => return Ok(()),
        };
        self.say(|_| format!("assigned: partition {partition} to process {process}: {owner:?}"));
        if let Some(slot) = self.group.owner(partition) {
            *slot = owner;
        }
        match owner {
            Owner::Held(_) => self.take_on(process, partition),
            _ => Ok(()),
        }
    }

    fn take_on(&mut self, process: ProcessId, partition: usize) -> Result<(), Violation> {
        self.saw(Seen::Assigned);
        let seat = self.seats.len();
        let start = self.group.committed(partition);
        if start.progress().is_ok_and(|told| !told.finished.is_empty()) {
            self.saw(Seen::InheritedFinished);
        }
        let policy = self.plan.policy_of(process);
        let recording = self.options.record.then(|| {
            let header = RecordingHeader {
                policy: policy.clone(),
                start: start.clone(),
                handler: "simulated".to_owned(),
                topic: "simulated".to_owned(),
                partition: i32::try_from(partition).unwrap_or(i32::MAX),
            };
            (header, Vec::new())
        });
        self.seats.push(Assignment {
            process,
            partition,
            machine: (self.machines.partition)(policy.clone(), &start),
            model: Model::new(policy, &start),
            phase: Phase::Working,
            position: start.next,
            fetching: true,
            paused: false,
            idle: Vec::new(),
            runs: Vec::new(),
            timer: 0,
            released: start.next,
            returned: BTreeMap::new(),
            held: BTreeMap::new(),
            transaction: u64::MAX,
            heard: 0,
            on_the_way: Vec::new(),
            endings: 0,
            inbox_at: Duration::ZERO,
            words_at: Duration::ZERO,
            recording,
        });
        if let Some(process) = self.processes.get_mut(process) {
            process.seats.push(seat);
        }
        self.soon(Item::Fetch(seat));
        if self.processes.get(process).is_some_and(|p| p.suspended) {
            self.feed(seat, Event::Pause)?;
        }
        let assignment = Self::name(seat);
        self.member_event(process, MemberEvent::Assigned { assignment, start })
    }

    /// Nothing of a drained partition is open any more: it is given back.
    pub fn left(&mut self, seat: Seat) -> Result<(), Violation> {
        let owns = self.owns(seat);
        let Some(assignment) = self.seats.get_mut(seat) else {
            return Ok(());
        };
        assignment.phase = Phase::Over;
        let (partition, process) = (assignment.partition, assignment.process);
        if owns && let Some(owner) = self.group.owner(partition) {
            *owner = Owner::Nobody;
            self.soon(Item::Assign(partition));
        }
        self.leave_if_done(process)
    }

    /// The coordinator gives a process up: its partitions are free at once.
    pub fn expel(&mut self, process: ProcessId) -> Result<(), Violation> {
        self.group.members.retain(|member| *member != process);
        for partition in 0..self.plan.partitions {
            let theirs = match self.group.owners.get(partition) {
                Some(Owner::Held(seat) | Owner::Revoking(seat)) => {
                    self.seats.get(*seat).is_some_and(|a| a.process == process)
                }
                Some(Owner::Ghost(ghost)) => *ghost == process,
                Some(Owner::Nobody) | None => false,
            };
            if let Some(owner) = self.group.owner(partition).filter(|_| theirs) {
                *owner = Owner::Nobody;
            }
        }
        self.rebalance()
    }

    /// A session ends, unless its process was heard again.
    pub fn session_expired(&mut self, process: ProcessId, silence: u64) -> Result<(), Violation> {
        let known = self.processes.get(process);
        let silent = known.is_some_and(|p| p.silences == silence);
        if !silent || !self.group.members.contains(&process) {
            return Ok(());
        }
        self.saw(Seen::Expired);
        self.say(|_| format!("the session of process {process} expires"));
        if let Some(known) = self.processes.get_mut(process)
            && known.life != Life::Dead
        {
            known.life = Life::Expelled;
            let after = Duration::from_millis(self.rng.random_range(1..1_000));
            let at = self.now.max(known.frozen_until) + after;
            self.queue.push(at, Item::LearnsLost(process));
        }
        self.expel(process)
    }
}

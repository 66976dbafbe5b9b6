//! The group coordinator: who is a member, who owns which partition, and who shall.
//!
//! Cooperative: a rebalance takes only the partitions that move, and a partition is given to its next
//! owner only after the last one gave it back, or was given up.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use pelton_dispatch::{Checkpoint, Event, RecordingHeader};
use rand::{Rng, seq::SliceRandom};

use super::{
    coverage::Seen,
    queue::{AssignmentId, Item, MemberId},
    world::{Assignment, Life, Phase, World},
};
use crate::model::{Model, Violation};

/// How likely a partition's handler gets another revision soon after the partition is assigned.
const SWAPPED: f64 = 0.3;

/// What the coordinator knows.
#[derive(Debug)]
pub(super) struct Group {
    /// In the order of joining.
    pub members: Vec<MemberId>,
    pub owners: Vec<Owner>,
    targets: Vec<Option<MemberId>>,
}

/// Whose a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Nobody,
    Held(AssignmentId),
    /// Its owner was asked to give it back.
    Revoking(AssignmentId),
    /// It was given to a member that is dead, which the coordinator doesn't know yet.
    Ghost(MemberId),
}

impl Owner {
    /// Whether this assignment owns the partition, as the coordinator sees it.
    pub fn is(self, id: AssignmentId) -> bool {
        match self {
            Self::Held(owner) | Self::Revoking(owner) => owner == id,
            Self::Nobody | Self::Ghost(_) => false,
        }
    }
}

impl Group {
    pub fn new(partitions: usize) -> Self {
        Self {
            members: Vec::new(),
            owners: vec![Owner::Nobody; partitions],
            targets: vec![None; partitions],
        }
    }

    pub fn remove(&mut self, member: MemberId) {
        self.members.retain(|other| *other != member);
    }

    /// An owner gives a partition back; false if it isn't its owner any more.
    pub fn give_back(&mut self, partition: usize, id: AssignmentId) -> bool {
        let owner = self.owners.get_mut(partition).filter(|owner| owner.is(id));
        owner.map(|owner| *owner = Owner::Nobody).is_some()
    }
}

impl World {
    /// A member joins, or joins again.
    pub fn join(&mut self, member: MemberId) -> Result<(), Violation> {
        self.saw(Seen::Joined);
        self.group.members.push(member);
        self.rebalance()
    }

    /// Works out who shall have what, and asks for the partitions that move.
    pub fn rebalance(&mut self) -> Result<(), Violation> {
        self.saw(Seen::Rebalanced);
        let shuffled = self.chance(0.5);
        let lives = |member: &MemberId| self.members.get(*member).map(|member| member.life);
        let staying = |member: &&MemberId| lives(member) != Some(Life::Stopping);
        let mut order: Vec<_> = self.group.members.iter().filter(staying).copied().collect();
        if shuffled {
            order.shuffle(&mut self.rng);
        }
        for (partition, target) in self.group.targets.iter_mut().enumerate() {
            *target = (!order.is_empty()).then(|| order[partition % order.len()]);
        }
        self.say(|world| {
            format!(
                "rebalance: {:?}, owners {:?}",
                world.group.targets, world.group.owners
            )
        });
        for partition in 0..self.plan.partitions {
            let target = self.group.targets.get(partition).copied().flatten();
            match self.group.owners.get(partition).copied() {
                Some(Owner::Nobody) => self.offer(partition),
                Some(Owner::Held(id)) if self.assignments.get(id).map(|a| a.member) != target => {
                    self.revoke(partition, id)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The owner is asked to give a partition back.
    pub fn revoke(&mut self, partition: usize, id: AssignmentId) -> Result<(), Violation> {
        if let Some(owner) = self.group.owners.get_mut(partition) {
            *owner = Owner::Revoking(id);
        }
        // A dead owner doesn't hear it; its session's end does the rest.
        if self.working(id).is_some() {
            self.saw(Seen::Revoked);
            self.drain(id)?;
        }
        Ok(())
    }

    /// A partition that nobody has is on its way to its target.
    pub fn offer(&mut self, partition: usize) {
        self.soon(Item::Assign { partition });
    }

    /// A partition is given to its target.
    pub fn assign(&mut self, partition: usize) -> Result<(), Violation> {
        let free = self.group.owners.get(partition) == Some(&Owner::Nobody);
        let target = self.group.targets.get(partition).copied().flatten();
        let Some(member) = target.filter(|member| free && self.group.members.contains(member))
        else {
            return Ok(());
        };
        let life = self.members.get(member).map(|member| member.life);
        let owner = match life {
            Some(Life::Running) => Owner::Held(self.take_on(member, partition)?),
            Some(Life::Dead) => Owner::Ghost(member),
            Some(Life::Stopping | Life::Zombie) | None => return Ok(()),
        };
        self.say(|_| format!("assigned: partition {partition} to member {member}: {owner:?}"));
        if let Some(slot) = self.group.owners.get_mut(partition) {
            *slot = owner;
        }
        Ok(())
    }

    /// What stands committed: now and then another program's word, with the same offset.
    fn committed(&mut self, partition: usize) -> Checkpoint {
        let foreign = self.chance(self.plan.foreign);
        let damaged = self.chance(0.3);
        let Some(ledger) = self.ledgers.get_mut(partition) else {
            return Checkpoint::at(0);
        };
        if foreign {
            let text = if damaged {
                "pelton:1:?"
            } else {
                "restored by the operator"
            };
            ledger.overwritten(text);
            self.coverage.saw(if damaged {
                Seen::DamagedMetadata
            } else {
                Seen::ForeignMetadata
            });
        }
        ledger.committed().clone()
    }

    fn take_on(&mut self, member: MemberId, partition: usize) -> Result<AssignmentId, Violation> {
        self.saw(Seen::Assigned);
        let id = self.assignments.len();
        let start = self.committed(partition);
        let told = start.progress().unwrap_or_default();
        if !told.finished.is_empty() {
            self.saw(Seen::InheritedFinished);
        }
        if !told.tried.is_empty() {
            self.saw(Seen::InheritedAttempts);
        }
        let policy = self.plan.policy_of(member);
        let recording = self.options.record.then(|| {
            let (handler, topic) = ("simulated".to_owned(), "simulated".to_owned());
            let partition = i32::try_from(partition).unwrap_or(i32::MAX);
            (
                RecordingHeader {
                    policy: policy.clone(),
                    start: start.clone(),
                    handler,
                    topic,
                    partition,
                },
                Vec::new(),
            )
        });
        let before = self
            .members
            .get(member)
            .map(|member| member.assignments.clone())
            .unwrap_or_default();
        if before.iter().any(|id| {
            self.assignments
                .get(*id)
                .is_some_and(|a| a.partition == partition)
        }) {
            self.saw(Seen::CameBack);
        }
        self.assignments.push(Assignment {
            member,
            partition,
            machine: (self.new_machine)(policy.clone(), &start),
            model: Model::new(policy, &start),
            phase: Phase::Working,
            unclean: false,
            position: start.next,
            fetching: true,
            paused: false,
            idle: Vec::new(),
            runs: Vec::new(),
            timer: 0,
            commits_arrive: self.now,
            start: start.next,
            told,
            called: BTreeSet::new(),
            retrying: BTreeSet::new(),
            lands: BTreeMap::new(),
            purges: None,
            crowded: false,
            released: start.next,
            refused_letters: Vec::new(),
            recording,
        });
        if let Some(member) = self.members.get_mut(member) {
            member.assignments.push(id);
        }
        self.soon(Item::Fetch { assignment: id });
        if self.members.get(member).is_some_and(|m| m.suspended) {
            self.saw(Seen::AssignedSuspended);
            self.feed(id, Event::Pause)?;
        }
        if self.chance(self.plan.buffer_changes) {
            let after = Duration::from_millis(self.rng.random_range(0..3_000));
            self.queue
                .push(self.now + after, Item::Buffer { assignment: id });
        }
        if self.chance(SWAPPED) {
            let after = Duration::from_millis(self.rng.random_range(0..3_000));
            self.queue
                .push(self.now + after, Item::Swap { assignment: id });
        }
        Ok(id)
    }

    /// The coordinator gives a member up: its partitions are free at once.
    pub fn expel(&mut self, member: MemberId) -> Result<(), Violation> {
        self.group.remove(member);
        for partition in 0..self.plan.partitions {
            let theirs = match self.group.owners.get(partition) {
                Some(Owner::Held(id) | Owner::Revoking(id)) => self
                    .assignments
                    .get(*id)
                    .is_some_and(|a| a.member == member),
                Some(Owner::Ghost(ghost)) => *ghost == member,
                Some(Owner::Nobody) | None => false,
            };
            if let Some(owner) = self.group.owners.get_mut(partition).filter(|_| theirs) {
                *owner = Owner::Nobody;
            }
        }
        self.rebalance()
    }

    /// The session of a dead member ends.
    pub fn session_expired(&mut self, member: MemberId) -> Result<(), Violation> {
        if !self.group.members.contains(&member) {
            return Ok(());
        }
        self.saw(Seen::Expired);
        self.say(|_| format!("session of member {member} expired"));
        self.expel(member)
    }
}

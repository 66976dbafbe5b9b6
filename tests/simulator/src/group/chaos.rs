//! What happens to the group: members start, stop, crash, are fenced; and the calm at the end.

use pelton_dispatch::Event;
use rand::{Rng, seq::IndexedRandom};

use super::{
    coordinator::Owner,
    coverage::Seen,
    plan::Disturbance,
    queue::{Item, MemberId},
    world::{Life, Member, World},
};
use crate::model::Violation;

/// Most members that are in the group at a time.
const MOST_MEMBERS: usize = 5;

impl World {
    /// A process starts and joins.
    pub fn start(&mut self) -> Result<(), Violation> {
        let member = self.members.len();
        let skew = self
            .rng
            .random_range(std::time::Duration::ZERO..=self.plan.most_skew);
        self.members.push(Member {
            life: Life::Running,
            suspended: false,
            skew,
            assignments: Vec::new(),
        });
        self.say(|_| format!("member {member} starts"));
        self.join(member)
    }

    pub fn disturb(&mut self, disturbance: Disturbance) -> Result<(), Violation> {
        let lives = if disturbance == Disturbance::Crash {
            &Life::ALIVE[..]
        } else {
            &[Life::Running]
        };
        let victim = self.those(lives).choose(&mut self.rng).copied();
        match (disturbance, victim) {
            (Disturbance::Join, _) if self.those(&[Life::Running]).len() < MOST_MEMBERS => {
                self.start()
            }
            (Disturbance::Join, _) | (_, None) => Ok(()),
            (Disturbance::Crash, Some(member)) => self.crash(member),
            (Disturbance::Stop, Some(member)) => self.stop(member),
            (Disturbance::Fence, Some(member)) => self.fence(member),
            (Disturbance::Shuffle, Some(_)) => self.rebalance(),
            (Disturbance::Pause, Some(member)) => self.pause_member(member),
        }
    }

    fn those(&self, lives: &[Life]) -> Vec<MemberId> {
        let members = self.members.iter().enumerate();
        members
            .filter(|(_, member)| lives.contains(&member.life))
            .map(|(id, _)| id)
            .collect()
    }

    /// kill -9. Often somebody starts it again.
    fn crash(&mut self, member: MemberId) -> Result<(), Violation> {
        self.saw(Seen::Crashed);
        self.say(|_| format!("member {member} is killed"));
        self.kill(member)?;
        let expires = self.now + self.plan.session;
        self.queue.push(expires, Item::SessionExpired { member });
        if self.chance(0.6) {
            let after = std::time::Duration::from_millis(self.rng.random_range(10..2_000));
            self.queue.push(self.now + after, Item::Start);
        }
        Ok(())
    }

    /// Nothing of it is handled until an operator lets it go on.
    fn pause_member(&mut self, member: MemberId) -> Result<(), Violation> {
        self.saw(Seen::Suspended);
        self.say(|_| format!("member {member} is paused"));
        let after = std::time::Duration::from_millis(self.rng.random_range(1..4_000));
        self.queue.push(self.now + after, Item::Resume { member });
        self.suspend(member, true)
    }

    pub fn resume_member(&mut self, member: MemberId) -> Result<(), Violation> {
        self.say(|_| format!("member {member} goes on"));
        self.suspend(member, false)
    }

    fn suspend(&mut self, member: MemberId, suspended: bool) -> Result<(), Violation> {
        let Some(told) = self.members.get_mut(member) else {
            return Ok(());
        };
        told.suspended = suspended;
        let event = if suspended {
            Event::Pause
        } else {
            Event::Resume
        };
        for id in told.assignments.clone() {
            if self.working(id).is_some() {
                self.feed(id, event.clone())?;
            }
        }
        Ok(())
    }

    /// SIGTERM: everything drains, then the member leaves.
    fn stop(&mut self, member: MemberId) -> Result<(), Violation> {
        self.saw(Seen::Stopped);
        self.say(|_| format!("member {member} stops"));
        let Some(stopping) = self.members.get_mut(member) else {
            return Ok(());
        };
        stopping.life = Life::Stopping;
        for id in stopping.assignments.clone() {
            let Some(partition) = self.working(id).map(|assignment| assignment.partition) else {
                continue;
            };
            if let Some(owner) = self
                .group
                .owners
                .get_mut(partition)
                .filter(|owner| owner.is(id))
            {
                *owner = Owner::Revoking(id);
            }
            self.drain(id)?;
        }
        self.leave_if_done(member)
    }

    /// The coordinator gives up a member that is alive: a long pause, a cut network.
    fn fence(&mut self, member: MemberId) -> Result<(), Violation> {
        self.saw(Seen::Fenced);
        self.say(|_| format!("member {member} is fenced"));
        let Some(fenced) = self.members.get_mut(member) else {
            return Ok(());
        };
        fenced.life = Life::Zombie;
        for id in fenced.assignments.clone() {
            self.ends_badly(id)?;
        }
        let after = std::time::Duration::from_millis(self.rng.random_range(1..3_000));
        self.queue
            .push(self.now + after, Item::LearnsLost { member });
        self.expel(member)
    }

    /// Nothing fails any more, and somebody is there to finish the work.
    pub fn calm_down(&mut self) -> Result<(), Violation> {
        self.say(|_| "calm".to_owned());
        self.calm = true;
        if self.those(&[Life::Running]).is_empty() {
            self.start()
        } else {
            Ok(())
        }
    }
}

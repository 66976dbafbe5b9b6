//! What happens to the group: processes start, stop, crash, freeze, are given up; and the calm at the end.

use std::time::Duration;

use pelton_dispatch::{Event, MemberEvent};
use rand::{Rng, seq::IndexedRandom};

use super::{
    broker::Transactional,
    client::Client,
    plan::Disturbance,
    queue::{Item, ProcessId, Seat},
    run::DriverFault,
    seen::Seen,
    world::{Life, Phase, Process, World},
};
use crate::model::Violation;

/// Most members that are in the group at a time.
const MOST_MEMBERS: usize = 4;

impl World {
    /// A process starts and joins, with a transactional id of its own.
    pub fn start(&mut self) -> Result<(), Violation> {
        let process = self.processes.len();
        let mut commands = Vec::new();
        let member = (self.machines.member)(self.limits.policy, self.now, &mut commands);
        self.broker.push(Transactional::default());
        self.processes.push(Process {
            life: Life::Running,
            suspended: false,
            frozen_until: Duration::ZERO,
            stalled: Vec::new(),
            member: Some(member),
            timer: 0,
            client: Client::default(),
            generation: 0,
            seals: false,
            attempted: false,
            silences: 0,
            seats: Vec::new(),
        });
        self.say(|_| format!("process {process} starts"));
        for command in commands {
            self.obey_member(process, command)?;
        }
        self.join(process)
    }

    pub fn disturb(&mut self, disturbance: Disturbance) -> Result<(), Violation> {
        let lives: &[Life] = match disturbance {
            Disturbance::Crash | Disturbance::Freeze => {
                &[Life::Running, Life::Stopping, Life::Expelled]
            }
            _ => &[Life::Running],
        };
        let victim = self.those(lives).choose(&mut self.rng).copied();
        match (disturbance, victim) {
            (Disturbance::Join, _) if self.those(&[Life::Running]).len() < MOST_MEMBERS => {
                self.start()
            }
            (Disturbance::Join, _) | (_, None) => Ok(()),
            (Disturbance::Crash, Some(process)) => {
                self.saw(Seen::Crashed);
                self.kill(process);
                if self.chance(0.6) {
                    let after = Duration::from_millis(self.rng.random_range(10..2_000));
                    self.queue.push(self.now + after, Item::Start);
                }
                Ok(())
            }
            (Disturbance::Stop, Some(process)) => self.stop(process),
            (Disturbance::Expel, Some(process)) => self.give_up(process),
            (Disturbance::Shuffle, Some(_)) => self.rebalance(),
            (Disturbance::Pause, Some(process)) => {
                self.pause_process(process);
                Ok(())
            }
            (Disturbance::Freeze, Some(process)) => {
                self.freeze(process);
                Ok(())
            }
        }
    }

    fn those(&self, lives: &[Life]) -> Vec<ProcessId> {
        let processes = self.processes.iter().enumerate();
        processes
            .filter(|(_, process)| lives.contains(&process.life))
            .map(|(id, _)| id)
            .collect()
    }

    /// Nothing of it is handled until an operator lets it go on.
    fn pause_process(&mut self, process: ProcessId) {
        self.saw(Seen::Suspended);
        let after = Duration::from_millis(self.rng.random_range(1..4_000));
        self.queue.push(self.now + after, Item::Resume(process));
        self.suspend(process, true);
    }

    /// An operator pauses a process, or lets it go on.
    pub fn suspend(&mut self, process: ProcessId, suspended: bool) {
        self.say(|_| format!("process {process} is paused: {suspended}"));
        let Some(told) = self.processes.get_mut(process) else {
            return;
        };
        told.suspended = suspended;
        let event = if suspended {
            Event::Pause
        } else {
            Event::Resume
        };
        for seat in told.seats.clone() {
            let heard = self.heard(seat);
            self.queue
                .push(self.now, Item::Told(seat, event.clone(), heard));
        }
    }

    /// kill -9. What it has sent is on its way.
    pub fn kill(&mut self, process: ProcessId) {
        self.say(|_| format!("process {process} dies"));
        if let Some(dead) = self.processes.get_mut(process) {
            dead.life = Life::Dead;
            dead.member = None;
            dead.silences += 1;
            let expires = self.now + self.plan.session;
            self.queue
                .push(expires, Item::SessionExpired(process, dead.silences));
        }
    }

    /// SIGTERM: everything drains, then the process leaves.
    fn stop(&mut self, process: ProcessId) -> Result<(), Violation> {
        self.saw(Seen::Stopped);
        self.say(|_| format!("process {process} stops"));
        let Some(stopping) = self.processes.get_mut(process) else {
            return Ok(());
        };
        stopping.life = Life::Stopping;
        for seat in stopping.seats.clone() {
            if self.working(seat).is_some() {
                self.revoke(seat)?;
            }
        }
        self.leave_if_done(process)
    }

    /// A stopping process leaves the group once nothing of it is left.
    pub fn leave_if_done(&mut self, process: ProcessId) -> Result<(), Violation> {
        let Some(known) = self.processes.get(process) else {
            return Ok(());
        };
        let over = |seat: &usize| self.seats.get(*seat).is_none_or(|a| a.phase == Phase::Over);
        if known.life == Life::Stopping && known.seats.iter().all(over) {
            self.saw(Seen::Left);
            self.kill(process);
            return self.expel(process);
        }
        Ok(())
    }

    /// The coordinator gives up a process that is alive: a cut network, or too long between two polls.
    fn give_up(&mut self, process: ProcessId) -> Result<(), Violation> {
        self.saw(Seen::Expelled);
        let Some(known) = self.processes.get_mut(process) else {
            return Ok(());
        };
        known.life = Life::Expelled;
        let after = Duration::from_millis(self.rng.random_range(1..3_000));
        self.queue.push(self.now + after, Item::LearnsLost(process));
        self.say(|_| format!("process {process} is given up"));
        self.expel(process)
    }

    fn freeze(&mut self, process: ProcessId) {
        self.saw(Seen::Frozen);
        let long = Duration::from_millis(self.rng.random_range(10..9_000));
        let session = self.plan.session;
        let timeout = self.limits.policy.timeout;
        self.say(|_| format!("process {process} freezes for {long:?}"));
        let ongoing = self
            .broker
            .get(process)
            .is_some_and(|known| known.state != super::broker::State::Empty);
        if ongoing && long > timeout {
            self.saw(Seen::FrozenInTransaction);
        }
        let until = self.now + long;
        if let Some(known) = self.processes.get_mut(process) {
            known.frozen_until = known.frozen_until.max(until);
            self.queue.push(until, Item::Thaw(process));
            known.silences += 1;
            if long > session {
                let item = Item::SessionExpired(process, known.silences);
                self.queue.push(self.now + session, item);
            }
        }
    }

    /// A process learns that its partitions are someone else's, and joins again.
    pub fn learns_lost(&mut self, process: ProcessId) -> Result<(), Violation> {
        let Some(known) = self.processes.get_mut(process) else {
            return Ok(());
        };
        if known.life != Life::Expelled {
            return Ok(());
        }
        known.life = Life::Running;
        for seat in known.seats.clone() {
            let Some(assignment) = self.seats.get_mut(seat) else {
                continue;
            };
            let was = std::mem::replace(&mut assignment.phase, Phase::Over);
            if was == Phase::Working {
                self.saw(Seen::Lost);
                self.feed(seat, Event::Lost)?;
            }
            if was != Phase::Over {
                self.tell_lost(process, seat)?;
            }
        }
        self.join(process)
    }

    /// The member hears of it before its process takes part in the group's next generation: else it would commit, with
    /// that, what belongs to the generation before.
    fn tell_lost(&mut self, process: ProcessId, seat: Seat) -> Result<(), Violation> {
        let assignment = Self::name(seat);
        let lost = MemberEvent::Lost { assignment };
        if self.has(DriverFault::TellsOfLossLate) {
            let late = Duration::from_millis(self.rng.random_range(0..50));
            self.queue.push(self.now + late, Item::Word(seat, lost, 0));
            return Ok(());
        }
        self.member_event(process, lost)
    }

    /// Nothing fails any more, and somebody is there to finish the work.
    pub fn calm_down(&mut self) -> Result<(), Violation> {
        self.say(|_| "calm".to_owned());
        self.calm = true;
        if self.those(&[Life::Running, Life::Expelled]).is_empty() {
            return self.start();
        }
        Ok(())
    }
}

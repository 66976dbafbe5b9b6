//! The world of one run: who is there, what is under way, and the loop that lets it happen.

use std::{collections::BTreeMap, time::Duration};

use pelton_dispatch::{RecordingHeader, Step};
use pelton_types::Offset;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    broker::Transactional,
    client::Client,
    group::Group,
    judge::Judge,
    plan::Limits,
    queue::{Item, ProcessId, Queue, Seat},
    run::{DriverFault, Options},
    seen::{Coverage, Seen},
};
use crate::{
    group::{
        coverage::Coverage as Unused,
        guest::{Instance, Run},
        plan::Plan,
        topic::Log,
        trace::Trace,
    },
    machine::{Machine, NewMachine, NewTransactions, Transactions},
    model::{Model, Violation, ensure},
};

/// More happenings than any run should need: beyond this it does not come to rest.
const MOST_ITEMS: u64 = 300_000;

/// How the machines of partitions and members are made.
#[derive(Clone, Copy)]
pub(super) struct Machines {
    pub partition: NewMachine,
    pub member: NewTransactions,
}

/// Everything there is.
pub(super) struct World {
    pub machines: Machines,
    pub plan: Plan,
    pub limits: Limits,
    pub options: Options,
    pub rng: SmallRng,
    pub now: Duration,
    pub queue: Queue,
    pub logs: Vec<Log>,
    pub judge: Judge,
    pub group: Group,
    pub processes: Vec<Process>,
    pub seats: Vec<Assignment>,
    /// What the broker knows of each process's transactional id.
    pub broker: Vec<Transactional>,
    pub coverage: Coverage,
    pub trace: Option<Trace>,
    pub calm: bool,
    pub steps: u64,
}

/// A process that is or was a member.
pub(super) struct Process {
    pub life: Life,
    /// An operator has paused it.
    pub suspended: bool,
    /// It does nothing before this time.
    pub frozen_until: Duration,
    /// What would have happened to it meanwhile.
    pub stalled: Vec<Item>,
    pub member: Option<Box<dyn Transactions>>,
    pub timer: u64,
    pub client: Client,
    /// The group's generation, as far as it knows.
    pub generation: u64,
    /// Its member has asked partitions to seal, or attempted a commit of which nothing is known: only for counting.
    pub seals: bool,
    pub attempted: bool,
    /// Counts the times it was silent.
    pub silences: u64,
    pub seats: Vec<Seat>,
}

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Running,
    /// It was asked to stop.
    Stopping,
    /// The coordinator gave it up, and it doesn't know.
    Expelled,
    Dead,
}

/// One partition in the hands of one process, from assign to end.
pub(super) struct Assignment {
    pub process: ProcessId,
    pub partition: usize,
    pub machine: Box<dyn Machine>,
    pub model: Model,
    pub phase: Phase,
    pub position: Offset,
    pub fetching: bool,
    pub paused: bool,
    pub idle: Vec<Instance>,
    pub runs: Vec<Run>,
    pub timer: u64,
    pub released: Offset,
    /// Outputs of the call that has just returned.
    pub returned: BTreeMap<Offset, Outputs>,
    /// Outputs that the driver was told to keep.
    pub held: BTreeMap<Offset, Outputs>,
    /// The transaction that its task may hand over into.
    pub transaction: u64,
    /// Endings that its task has heard of, and those on their way: whether each is an abort.
    pub heard: u64,
    pub on_the_way: Vec<(u64, bool)>,
    pub endings: u64,
    /// When the last thing in its inbox, and the last of its words, comes out.
    pub inbox_at: Duration,
    pub words_at: Duration,
    pub recording: Option<(RecordingHeader, Vec<Step>)>,
}

/// What a call returned for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outputs {
    pub count: u32,
    /// Different for any two calls.
    pub of: (Seat, u64),
}

/// How far an assignment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Working,
    /// Drained; its last transaction is not yet ended.
    Drained,
    Over,
}

impl World {
    pub fn new(machines: Machines, seed: u64, options: Options, trace: Option<Trace>) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed ^ 0x5EED_0E05);
        let mut plan = Plan::draw(&mut rng);
        let limits = Limits::draw(&mut rng, &mut plan);
        let mut unused = Unused::default();
        let logs: Vec<_> = (0..plan.partitions)
            .map(|_| Log::draw(&mut rng, &plan, &mut unused))
            .collect();
        let mut queue = Queue::default();
        for _ in 0..plan.members {
            queue.push(Duration::from_millis(rng.random_range(0..500)), Item::Start);
        }
        for (at, disturbance) in &limits.disturbances {
            queue.push(*at, Item::Disturb(*disturbance));
        }
        queue.push(plan.calm_at, Item::Calm);
        Self {
            machines,
            judge: Judge::new(&logs, &plan.policy),
            group: Group::new(plan.partitions),
            plan,
            limits,
            options,
            rng,
            now: Duration::ZERO,
            queue,
            logs,
            processes: Vec::new(),
            seats: Vec::new(),
            broker: Vec::new(),
            coverage: Coverage::default(),
            trace,
            calm: false,
            steps: 0,
        }
    }

    /// Lets everything happen until nothing is left to happen, then judges what is.
    pub fn run(&mut self) -> Result<(), Violation> {
        let mut items = 0;
        while let Some((at, item)) = self.queue.pop() {
            items += 1;
            ensure!(items < MOST_ITEMS, "it does not come to rest");
            self.now = at;
            let process = self.whose(&item);
            match process.and_then(|process| self.processes.get_mut(process)) {
                Some(dead) if dead.life == Life::Dead => {}
                Some(frozen) if frozen.frozen_until > at || !frozen.stalled.is_empty() => {
                    frozen.stalled.push(item);
                }
                _ => self.happen(item)?,
            }
        }
        self.say(|_| "nothing happens any more".to_owned());
        for (partition, log) in self.logs.iter().enumerate() {
            ensure!(
                self.group.is_held(partition),
                "at rest, and nobody has partition {partition}"
            );
            self.judge.at_rest(partition, log.end())?;
        }
        self.seats
            .iter()
            .enumerate()
            .filter(|(seat, assignment)| assignment.phase == Phase::Working && self.owns(*seat))
            .try_for_each(|(_, assignment)| self.holds_little(assignment))
    }

    /// At rest nothing is held but what is not committed.
    fn holds_little(&self, assignment: &Assignment) -> Result<(), Violation> {
        let committed = self.judge.checkpoint(assignment.partition).next;
        ensure!(
            assignment.released == committed,
            "at rest, released below {} with {committed} committed",
            assignment.released
        );
        Ok(())
    }

    /// A process goes on: what it missed comes first, in its order.
    fn thaw(&mut self, process: ProcessId) -> Result<(), Violation> {
        let now = self.now;
        let thawed = |known: &&mut Process| known.frozen_until <= now;
        let Some(known) = self.processes.get_mut(process).filter(thawed) else {
            return Ok(());
        };
        for item in std::mem::take(&mut known.stalled) {
            if self
                .processes
                .get(process)
                .is_some_and(|known| known.life != Life::Dead)
            {
                self.happen(item)?;
            }
        }
        Ok(())
    }

    /// In whose process something happens; none for what happens at the broker, or to everybody.
    fn whose(&self, item: &Item) -> Option<ProcessId> {
        match item {
            Item::Fetch(seat)
            | Item::Called(seat, ..)
            | Item::Timer(seat, _)
            | Item::Told(seat, ..)
            | Item::Word(seat, ..)
            | Item::Answered { seat, .. } => self.seats.get(*seat).map(|seat| seat.process),
            Item::ProducerFails(process, _)
            | Item::MemberTimer(process, _)
            | Item::Replied(process, ..)
            | Item::RequestTimeout(process, _)
            | Item::Resend(process, _)
            | Item::LearnsGeneration(process, _)
            | Item::Resume(process)
            | Item::LearnsLost(process) => Some(*process),
            Item::Arrives(..)
            | Item::Lands(..)
            | Item::Completes(_)
            | Item::TransactionTimeout(..)
            | Item::Assign(_)
            | Item::SessionExpired(..)
            | Item::Thaw(_)
            | Item::Start
            | Item::Disturb(_)
            | Item::Calm => None,
        }
    }

    fn happen(&mut self, item: Item) -> Result<(), Violation> {
        match item {
            Item::Fetch(seat) => self.fetch(seat),
            Item::Called(seat, call, version) => self.call_returns(seat, call, version),
            Item::Timer(seat, token) => self.timer(seat, token),
            Item::Told(seat, event, transaction) => self.told(seat, event, transaction),
            Item::Word(seat, word, heard) => self.hears(seat, word, heard),
            Item::Answered {
                seat,
                transaction,
                offset,
                refused,
            } => self.answered(seat, transaction, offset, refused),
            Item::ProducerFails(process, transaction) => self.producer_fails(process, transaction),
            Item::MemberTimer(process, token) => self.member_timer(process, token),
            Item::Replied(process, serial, answer) => self.replied(process, serial, answer),
            Item::RequestTimeout(process, serial) => self.request_timeout(process, serial),
            Item::Resend(process, serial) => self.resend(process, serial),
            Item::LearnsGeneration(process, generation) => {
                if let Some(process) = self.processes.get_mut(process) {
                    process.generation = process.generation.max(generation);
                }
                Ok(())
            }
            Item::LearnsLost(process) => self.learns_lost(process),
            Item::Arrives(process, arriving) => self.arrives(process, arriving),
            Item::Lands(process, write) => self.lands(process, write),
            Item::Completes(process) => self.completes(process),
            Item::TransactionTimeout(process, serial) => self.transaction_timeout(process, serial),
            Item::Assign(partition) => self.assign(partition),
            Item::SessionExpired(process, silence) => self.session_expired(process, silence),
            Item::Thaw(process) => self.thaw(process),
            Item::Resume(process) => {
                self.suspend(process, false);
                Ok(())
            }
            Item::Start => self.start(),
            Item::Disturb(disturbance) => self.disturb(disturbance),
            Item::Calm => self.calm_down(),
        }
    }

    /// Writes a line for people, if anybody looks.
    pub fn say(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let line = format!("{:>12.6} {}", self.now.as_secs_f64(), line(self));
            if let Some(trace) = &mut self.trace {
                trace.line(line);
            }
        }
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    /// The chance of something that goes wrong, which nothing does any more once it is calm.
    pub fn mischance(&mut self, probability: f64) -> bool {
        let calm = self.calm;
        self.chance(probability) && !calm
    }

    pub fn latency(&mut self) -> Duration {
        self.plan.draw_latency(&mut self.rng)
    }

    /// Pushes something that happens after the network's latency.
    pub fn soon(&mut self, item: Item) {
        let at = self.now + self.latency();
        self.queue.push(at, item);
    }

    pub fn saw(&mut self, seen: Seen) {
        self.coverage.saw(seen);
    }

    pub fn has(&self, fault: DriverFault) -> bool {
        self.options.fault == Some(fault)
    }
}

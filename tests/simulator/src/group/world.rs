//! The world of one run: who is there, what is under way, and the loop that lets it happen.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use pelton_dispatch::{Checkpoint, Progress, RecordingHeader, Step};
use pelton_types::Offset;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    coordinator::{Group, Owner},
    coverage::{Coverage, Seen},
    guest::{Instance, Run},
    ledger::Ledger,
    plan::Plan,
    queue::{AssignmentId, Item, MemberId, Queue},
    run::Options,
    topic::{Log, Row},
    trace::Trace,
};
use crate::{
    machine::{Machine, NewMachine},
    model::{Model, Violation, ensure},
};

/// More happenings than any run should need: beyond this it does not come to rest.
const MOST_ITEMS: u64 = 1_000_000;

/// Everything there is.
pub(super) struct World {
    pub new_machine: NewMachine,
    pub plan: Plan,
    pub options: Options,
    pub rng: SmallRng,
    pub now: Duration,
    pub queue: Queue,
    pub logs: Vec<Log>,
    pub ledgers: Vec<Ledger>,
    pub group: Group,
    pub members: Vec<Member>,
    pub assignments: Vec<Assignment>,
    pub coverage: Coverage,
    pub trace: Option<Trace>,
    pub calm: bool,
    pub steps: u64,
}

/// A process that is or was a member.
#[derive(Debug)]
pub(super) struct Member {
    pub life: Life,
    /// An operator has paused it.
    pub suspended: bool,
    /// Its clock shows so much more than the world's.
    pub skew: Duration,
    pub assignments: Vec<AssignmentId>,
}

/// What a member is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Running,
    /// It was asked to stop, and drains.
    Stopping,
    /// It was fenced and doesn't know.
    Zombie,
    /// It is gone.
    Dead,
}

impl Life {
    /// Those in which a process runs.
    pub const ALIVE: [Self; 3] = [Self::Running, Self::Stopping, Self::Zombie];
}

/// One partition in the hands of one member, from assign to end.
pub(super) struct Assignment {
    pub member: MemberId,
    pub partition: usize,
    pub machine: Box<dyn Machine>,
    pub model: Model,
    pub phase: Phase,
    /// Its end was not clean, or its member was fenced: what it writes may be repeated.
    pub unclean: bool,
    /// The next offset to be fetched.
    pub position: Offset,
    pub fetching: bool,
    pub paused: bool,
    /// Instances that no call uses.
    pub idle: Vec<Instance>,
    pub runs: Vec<Run>,
    pub timer: u64,
    /// When the last commit arrives: commits of a member don't overtake each other.
    pub commits_arrive: Duration,
    /// Where it started, and what it was told beyond.
    pub start: Offset,
    pub told: Progress,
    /// What was called.
    pub called: BTreeSet<Offset>,
    /// What waits for its retry.
    pub retrying: BTreeSet<Offset>,
    /// When the last write of a row lands: writes of a producer don't overtake each other.
    pub lands: BTreeMap<Row, Duration>,
    /// Whether its writes that come after its end are lost.
    pub purges: Option<bool>,
    /// Its machine said that the metadata is full.
    pub crowded: bool,
    /// The bytes below are dropped.
    pub released: Offset,
    /// Messages whose dead letter was refused.
    pub refused_letters: Vec<Offset>,
    pub recording: Option<(RecordingHeader, Vec<Step>)>,
}

/// How far an assignment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Working,
    /// Drained; the last commit is on its way.
    Committing {
        unfinished: u32,
    },
    /// Over; late answers may still come as long as the process lives.
    Over,
}

impl World {
    pub fn new(new_machine: NewMachine, seed: u64, options: Options, trace: Option<Trace>) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut coverage = Coverage::default();
        let plan = Plan::draw(&mut rng);
        let logs: Vec<_> = (0..plan.partitions)
            .map(|_| Log::draw(&mut rng, &plan, &mut coverage))
            .collect();
        let ledgers = logs
            .iter()
            .enumerate()
            .map(|(number, log)| Ledger::new(number, log, &plan.policy))
            .collect();
        let mut queue = Queue::default();
        for _ in 0..plan.members {
            queue.push(
                rng.random_range(Duration::ZERO..Duration::from_millis(500)),
                Item::Start,
            );
        }
        for (at, disturbance) in &plan.disturbances {
            queue.push(*at, Item::Disturb(*disturbance));
        }
        queue.push(plan.calm_at, Item::Calm);
        Self {
            new_machine,
            group: Group::new(plan.partitions),
            plan,
            options,
            rng,
            now: Duration::ZERO,
            queue,
            logs,
            ledgers,
            members: Vec::new(),
            assignments: Vec::new(),
            coverage,
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
            self.happen(item)?;
        }
        self.say(|_| "nothing happens any more".to_owned());
        for (partition, (ledger, log)) in self.ledgers.iter().zip(&self.logs).enumerate() {
            let owned = matches!(self.group.owners.get(partition), Some(Owner::Held(_)));
            ensure!(owned, "at rest, and nobody has partition {partition}");
            ledger.at_rest(log.end())?;
        }
        Ok(())
    }

    fn happen(&mut self, item: Item) -> Result<(), Violation> {
        match item {
            Item::Fetch { assignment } => self.fetch(assignment),
            Item::Called {
                assignment,
                call,
                version,
            } => self.call_returns(assignment, call, version),
            Item::Landed {
                assignment,
                offset,
                letter,
            } => self.landed(assignment, offset, letter),
            Item::Answered {
                assignment,
                offset,
                refused,
            } => self.answered(assignment, offset, refused),
            Item::CommitArrives {
                assignment,
                next,
                metadata,
                last,
            } => self.commit_arrives(assignment, Checkpoint { next, metadata }, last),
            Item::CommitAnswered {
                assignment,
                next,
                succeeded,
            } => self.commit_answered(assignment, next, succeeded),
            Item::Timer { assignment, token } => self.timer(assignment, token),
            Item::Swap { assignment } => self.swap(assignment),
            Item::Buffer { assignment } => self.change_buffer(assignment),
            Item::Assign { partition } => self.assign(partition),
            Item::SessionExpired { member } => self.session_expired(member),
            Item::LearnsLost { member } => self.learns_lost(member),
            Item::Resume { member } => self.resume_member(member),
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

    /// An assignment whose process is alive.
    pub fn living(&mut self, id: AssignmentId) -> Option<&mut Assignment> {
        let assignment = self.assignments.get_mut(id)?;
        let alive = self
            .members
            .get(assignment.member)
            .is_some_and(|member| member.life != Life::Dead);
        alive.then_some(assignment)
    }

    /// An assignment that is neither drained nor lost, of a process that is alive.
    pub fn working(&mut self, id: AssignmentId) -> Option<&mut Assignment> {
        self.living(id)
            .filter(|assignment| assignment.phase == Phase::Working)
    }
}

//! The partitions a handler has right now, each with its task.

mod leaving;

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use pelton_dispatch::{AssignmentId, Checkpoint, Snapshot};
use pelton_kafka::{Assignment, Consumer, End, Epoch, Producer};
use pelton_types::TopicPartition;
use tokio::{
    sync::mpsc,
    task::{self, JoinSet},
};
use tracing::{error, info};

use super::{
    Broken, Handler, Shared, Transactions, Trouble, Undone, holdings::Holdings, membership::Writer,
    overtaken::Overtaken, watchdog::Watchdog,
};
use crate::{
    budget::Claim,
    in_use::InUse,
    metrics::Count,
    overview::Sighting,
    partition::{Ended, Inbox, PartitionTask},
    status::{Aspect, Standing, Status},
};

/// Reports, about a second each, after which a member that was told nothing has no partitions.
const STANDS_BY_AFTER: u32 = 10;
/// Messages to a partition's task that may wait; more than that and the router waits.
const INBOX: usize = 64;

struct Member {
    epoch: Epoch,
    inbox: mpsc::Sender<Inbox>,
    report: Arc<Mutex<Option<Snapshot>>>,
    task: task::Id,
    /// Its share of the memory.
    #[expect(dead_code, reason = "held for its drop")]
    claim: Claim,
}

impl Member {
    async fn tell(&self, what: Inbox) {
        // A task that ended on its own is handled where tasks are joined.
        let _ = self.inbox.send(what).await;
    }
}

/// The assigned partitions and their tasks.
pub(super) struct Members {
    shared: Arc<Shared>,
    status: Status,
    guests: tokio::runtime::Handle,
    template: Template,
    members: HashMap<TopicPartition, Member>,
    holdings: Holdings,
    tasks: JoinSet<Ended>,
    watchdog: Watchdog,
    overtaken: Overtaken,
    unfinished: u32,
    /// Last commits, and last transactions, that failed or whose end is not known.
    uncommitted: u32,
    /// Reports before the group has assigned anything, be it nothing.
    untold: Option<u32>,
}

struct Template {
    consumer: Consumer,
    /// `None` where there are transactions, whose producers come and go.
    producer: Option<Producer>,
    transactions: Option<Transactions>,
    trouble: Trouble,
    letter_bytes: usize,
    revision: tokio::sync::watch::Receiver<Option<InUse>>,
}

impl Members {
    pub(super) fn new(
        handler: &Handler,
        consumer: Consumer,
        writer: Writer,
        trouble: Trouble,
        letter_bytes: usize,
    ) -> Self {
        let (producer, transactions) = match writer {
            Writer::Plain(producer) => (Some(producer), None),
            Writer::Transactional(transactions) => (None, Some(transactions)),
        };
        Self {
            shared: handler.shared.clone(),
            status: handler.status.clone(),
            guests: handler.guests.clone(),
            template: Template {
                consumer,
                producer,
                transactions,
                trouble,
                letter_bytes,
                revision: handler.revision.clone(),
            },
            members: HashMap::new(),
            holdings: Holdings::default(),
            tasks: JoinSet::new(),
            watchdog: Watchdog::default(),
            overtaken: Overtaken::new(&handler.shared.name, &handler.status),
            unfinished: 0,
            uncommitted: 0,
            untold: Some(0),
        }
    }

    /// Begins a task for each newly assigned partition.
    pub(super) fn assign(&mut self, assignments: Vec<Assignment>) {
        self.untold = None;
        self.say_assigned(&assignments);
        if assignments.is_empty() {
            return;
        }
        self.shared.metrics.count(Count::Rebalances);
        for assignment in assignments {
            self.begin(assignment);
        }
        let share = *self.shared.budget.of_partition().borrow();
        self.template.consumer.hand_on_each(on_its_way(share));
    }

    /// Begins a partition's task.
    fn begin(&mut self, assignment: Assignment) {
        let Assignment {
            partition,
            epoch,
            start,
            metadata,
        } = assignment;
        let start = Checkpoint {
            next: start,
            // What isn't text was written by someone else.
            metadata: String::from_utf8(metadata).unwrap_or_default(),
        };
        self.shared.shown.assigned(&partition, start.next);
        self.overtaken.remove(&partition);
        let report = Arc::default();
        let claim = self.shared.budget.claim();
        let (inbox, receiver) = mpsc::channel(INBOX);
        let task = PartitionTask {
            shared: self.shared.clone(),
            partition: partition.clone(),
            epoch,
            consumer: self.template.consumer.clone(),
            producer: self.template.producer.clone(),
            seat: self
                .template
                .transactions
                .as_ref()
                .map(|transactions| transactions.seat(AssignmentId(epoch.0))),
            trouble: self.template.trouble.clone(),
            letter_bytes: self.template.letter_bytes,
            revision: self.template.revision.clone(),
            report: Arc::clone(&report),
            share: *self.shared.budget.of_partition().borrow(),
        };
        if let Some(transactions) = &self.template.transactions {
            let assignment = AssignmentId(epoch.0);
            transactions.assigned(assignment, partition.clone(), start.clone(), inbox.clone());
        }
        let task = self.tasks.spawn_on(task.run(start, receiver), &self.guests);
        self.members.insert(
            partition,
            Member {
                epoch,
                inbox,
                report,
                task: task.id(),
                claim,
            },
        );
    }

    fn say_assigned(&mut self, assignments: &[Assignment]) {
        let new = assignments.iter().map(|a| &a.partition);
        let taken_over = self
            .holdings
            .assigned(self.members.keys().chain(new.clone()));
        if !assignments.is_empty() {
            info!(handler = %self.shared.name, partitions = %list(new), "partitions assigned");
        }
        if taken_over > 0 {
            info!(handler = %self.shared.name, count = taken_over,
                "partitions taken over: a member of the group has left or is gone, or there are more partitions");
        }
    }

    /// From here on only what the stop leaves unfinished counts.
    pub(super) fn begin_stop(&mut self) {
        (self.unfinished, self.uncommitted) = (0, 0);
    }

    /// Something that should have been committed at the end was not.
    pub(super) fn left_uncommitted(&mut self) {
        self.uncommitted = self.uncommitted.saturating_add(1);
    }

    /// What this partition was to read next is not there any more: it stands still.
    pub(super) fn overtaken(&mut self, partition: &TopicPartition, epoch: Epoch, text: String) {
        if self.owns(partition, epoch) {
            error!(handler = %self.shared.name, "{text}");
            self.overtaken.add(partition, text);
        }
    }

    /// Hands over what was read of this partition.
    pub(super) async fn read(&mut self, partition: &TopicPartition, epoch: Epoch, what: Inbox) {
        self.overtaken.remove(partition);
        self.tell(partition, epoch, what).await;
    }

    /// Whether the partition is ours, under this epoch.
    pub(super) fn owns(&self, partition: &TopicPartition, epoch: Epoch) -> bool {
        self.members
            .get(partition)
            .is_some_and(|member| member.epoch == epoch)
    }

    /// Tells every partition how many bytes it may hold from now on.
    pub(super) async fn share(&self, bytes: u32) {
        self.template.consumer.hand_on_each(on_its_way(bytes));
        self.tell_all(|| Inbox::Share { bytes }).await;
    }

    /// Pauses every partition, or lets them go on.
    pub(super) async fn pause(&self, pause: bool) {
        self.shared.metrics.paused(pause);
        self.tell_all(|| Inbox::Pause(pause)).await;
    }

    /// Tells a partition's task, if the partition is ours under this epoch.
    pub(super) async fn tell(&self, partition: &TopicPartition, epoch: Epoch, what: Inbox) {
        let member = self.members.get(partition);
        if let Some(member) = member.filter(|member| member.epoch == epoch) {
            member.tell(what).await;
        }
    }

    async fn tell_all(&self, what: impl Fn() -> Inbox) {
        for member in self.members.values() {
            member.tell(what()).await;
        }
    }

    /// Waits until a partition's task ends without having been asked to: only a panic does that.
    pub(super) async fn ended_by_themselves(&mut self) {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Ok(_)) => {}
            Some(Err(error)) => self.died(&error),
        }
    }

    fn died(&self, error: &task::JoinError) {
        error!(handler = %self.shared.name, %error, "a partition's task died");
        self.template.trouble.happened_to(Broken::Task);
    }

    /// Whether the group seems to have nothing for this member: under KIP-848 nobody tells it so. True once.
    pub(super) fn stands_by(&mut self) -> bool {
        let reports = self.untold.map(|reports| reports + 1);
        self.untold = reports.filter(|reports| *reports < STANDS_BY_AFTER);
        reports == Some(STANDS_BY_AFTER)
    }

    /// Lets every task publish its figures, and says where messages can't move (as of the report before).
    pub(super) fn report(&mut self, ends: &[(TopicPartition, End)]) {
        let ends: HashMap<_, _> = ends.iter().map(|(p, end)| (p, *end)).collect();
        let mut stuck = Vec::new();
        self.watchdog.begin_round();
        for (partition, member) in &self.members {
            let end = ends.get(partition).copied();
            let high = end.map(|end| end.high);
            // A task whose inbox is full has more urgent things to do; it is asked again in a second.
            let _ = member.inbox.try_send(Inbox::Report { high });
            if let Some(snapshot) = &*member.report.lock() {
                let stalled = self.watchdog.look(&self.shared, partition, snapshot, end);
                stuck.extend(stalled.clone());
                let sighting = Sighting {
                    snapshot,
                    end,
                    stalled,
                    now: self.shared.clock.now(),
                };
                self.shared.shown.seen(partition, sighting);
            }
        }
        self.watchdog.end_round(&self.shared);
        self.shared.floods.round(self.shared.clock.now());
        let (name, status) = (&self.shared.name, &self.status);
        match stuck.is_empty() {
            true => status.clear(name, Aspect::Stuck),
            false => status.set(name, Aspect::Stuck, Standing::Troubled(stuck.join("; "))),
        }
    }
}

/// How much of a partition's share it may get before it has had a chance to say that this is enough.
fn on_its_way(share: u32) -> u64 {
    u64::from(share / 4)
}

fn list<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> String {
    let mut names: Vec<_> = partitions.map(ToString::to_string).collect();
    names.sort();
    names.join(" ")
}

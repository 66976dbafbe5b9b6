//! The task that feeds the machine.

mod calls;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use pelton_dispatch::{
    AssignmentId, Member, MemberCommand, MemberEvent, Outcome, TransactionPolicy,
};
use pelton_kafka::{Consumer, Producer, ProducerHealth, TransactionSettings};
use pelton_types::TopicPartition;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{debug, warn};

use self::calls::Called;
use super::{Word, broken};
use crate::{
    clock::sleep_until,
    handler::{Handler, Shared, Trouble},
    liveness::Liveness,
    partition::Inbox,
    status::{Aspect, Standing, Status},
};

/// Aborts in a row after which the handler counts as troubled.
const TROUBLED: u32 = 3;

struct Seat {
    partition: TopicPartition,
    inbox: mpsc::Sender<Inbox>,
    /// The transaction that began with the last abort that its task was told of. What the task says before it has heard
    /// of that speaks of what was undone.
    since_abort: u64,
}

pub(super) struct Driver {
    shared: Arc<Shared>,
    status: Status,
    liveness: Liveness,
    trouble: Trouble,
    calls: Arc<pelton_kafka::Transactions>,
    settings: TransactionSettings,
    consumer: Consumer,
    policy: TransactionPolicy,
    seats: HashMap<AssignmentId, Seat>,
    producer: Option<Producer>,
    /// The number of the transaction that is open.
    transaction: u64,
    /// Why it can't be committed, as a partition's task said.
    spoiled: Option<String>,
    /// Partitions whose last checkpoint speaks of what was undone.
    undone: HashSet<AssignmentId>,
    health: Option<watch::Receiver<ProducerHealth>>,
    under_way: Option<BoxFuture<'static, Called>>,
    timer: Option<Duration>,
    /// How the last transactions of given-up partitions ended, until somebody asks.
    left: HashMap<AssignmentId, Outcome>,
    waiting: Vec<Waiting>,
    aborts: u32,
    over: bool,
}

struct Waiting {
    assignments: Vec<AssignmentId>,
    answer: oneshot::Sender<Vec<(AssignmentId, Outcome)>>,
}

impl Driver {
    pub(super) fn new(
        handler: &Handler,
        policy: TransactionPolicy,
        (settings, calls): (TransactionSettings, pelton_kafka::Transactions),
        consumer: Consumer,
        trouble: Trouble,
    ) -> Self {
        Self {
            shared: handler.shared.clone(),
            status: handler.status.clone(),
            liveness: handler.liveness.clone(),
            trouble,
            calls: Arc::new(calls),
            settings,
            consumer,
            policy,
            seats: HashMap::new(),
            producer: None,
            transaction: 0,
            spoiled: None,
            undone: HashSet::new(),
            health: None,
            under_way: None,
            timer: None,
            left: HashMap::new(),
            waiting: Vec::new(),
            aborts: 0,
            over: false,
        }
    }

    /// Runs until every handle is gone, or the machine gives up.
    pub(super) async fn run(mut self, mut words: mpsc::UnboundedReceiver<Word>) {
        let clock = self.shared.clock;
        let mut commands = Vec::new();
        let mut member = Member::new(self.policy, clock.now(), &mut commands);
        self.carry_out(commands).await;
        while !self.over {
            let timer = self.timer.map(|at| clock.instant(at));
            let event = tokio::select! {
                word = words.recv() => match word {
                    Some(word) => self.heard(word),
                    None => return,
                },
                called = or_never(self.under_way.as_mut()) => {
                    self.under_way = None;
                    Some(self.called(called))
                }
                () = changed(self.health.as_mut()) => self.producer_health(),
                () = sleep_until(timer) => {
                    self.timer = None;
                    Some(MemberEvent::Timer)
                }
            };
            if let Some(event) = event {
                let mut commands = Vec::new();
                member.handle(clock.now(), event, &mut commands);
                self.carry_out(commands).await;
            }
            self.answer();
        }
    }

    fn heard(&mut self, word: Word) -> Option<MemberEvent> {
        match word {
            Word::Assigned {
                assignment,
                partition,
                start,
                inbox,
            } => {
                let seat = Seat {
                    partition,
                    inbox,
                    since_abort: 0,
                };
                self.seats.insert(assignment, seat);
                Some(MemberEvent::Assigned { assignment, start })
            }
            Word::Event {
                assignment,
                heard,
                event,
            } => self.said(assignment, heard, event),
            Word::Spoiled {
                assignment,
                heard,
                why,
            } => {
                let event = self.said(assignment, heard, MemberEvent::Spoiled)?;
                debug!(handler = %self.shared.name, why, "the transaction can't be committed");
                self.spoiled = Some(why);
                Some(event)
            }
            Word::Left {
                assignments,
                answer,
            } => {
                self.waiting.push(Waiting {
                    assignments,
                    answer,
                });
                None
            }
        }
    }

    /// What is left of a word that was said before its task had heard of an abort: that it has ended.
    fn said(
        &mut self,
        assignment: AssignmentId,
        heard: u64,
        event: MemberEvent,
    ) -> Option<MemberEvent> {
        let undone = self
            .seats
            .get(&assignment)
            .is_some_and(|seat| heard < seat.since_abort);
        match event {
            event if !undone => Some(event),
            MemberEvent::Drained { assignment, last } => {
                if last.is_some() {
                    self.undone.insert(assignment);
                }
                let last = None;
                Some(MemberEvent::Drained { assignment, last })
            }
            MemberEvent::Lost { .. } => Some(event),
            _ => None,
        }
    }

    async fn carry_out(&mut self, commands: Vec<MemberCommand>) {
        let tells = |command: &MemberCommand| matches!(command, MemberCommand::Tell { .. });
        self.transaction += u64::from(commands.iter().any(tells));
        let seals = |command: &MemberCommand| matches!(command, MemberCommand::Seal { .. });
        if commands.iter().any(seals) {
            debug!(handler = %self.shared.name, transaction = self.transaction, "the transaction ends: no more is handed over");
        }
        for command in commands {
            match command {
                MemberCommand::Seal { assignment } => self.send(assignment, Inbox::Seal).await,
                MemberCommand::Tell {
                    assignment,
                    outcome,
                } => {
                    if let Some(producer) = self.producer.clone() {
                        self.tell(assignment, outcome, producer).await;
                    }
                }
                MemberCommand::Left {
                    assignment,
                    outcome,
                } => {
                    self.seats.remove(&assignment);
                    let outcome = match self.undone.remove(&assignment) {
                        true => Outcome::Aborted,
                        false => outcome,
                    };
                    self.left.insert(assignment, outcome);
                }
                MemberCommand::Commit { checkpoints } => self.commit(checkpoints),
                MemberCommand::Abort => self.abort(),
                MemberCommand::Renew {
                    committed_of,
                    leave_behind,
                } => {
                    if leave_behind {
                        self.leave_behind();
                    }
                    self.renew(committed_of);
                }
                MemberCommand::SetTimer { at } => self.timer = Some(at),
                MemberCommand::Fence(trouble) => {
                    self.trouble.happened_to(broken(&trouble));
                    self.over = true;
                }
            }
        }
    }

    async fn tell(&mut self, assignment: AssignmentId, outcome: Outcome, producer: Producer) {
        let transaction = self.transaction;
        if let Some(seat) = self.seats.get_mut(&assignment)
            && outcome == Outcome::Aborted
        {
            seat.since_abort = transaction;
        }
        let ended = Inbox::TransactionEnded {
            outcome,
            producer,
            transaction,
        };
        self.send(assignment, ended).await;
    }

    async fn send(&mut self, assignment: AssignmentId, what: Inbox) {
        if let Some(seat) = self.seats.get(&assignment) {
            // A task that has ended by itself is handled where tasks are joined.
            let _ = seat.inbox.send(what).await;
        }
    }

    /// Transactions don't succeed, which is said once until one does.
    fn troubled(&self, text: String) {
        let (name, aspect) = (&self.shared.name, Aspect::Transactions);
        if !self.status.troubles(name).contains(&aspect) {
            warn!(handler = %name, "{text}");
        }
        self.status.set(name, aspect, Standing::Troubled(text));
    }

    fn producer_health(&mut self) -> Option<MemberEvent> {
        let Some(health) = &mut self.health else {
            return None;
        };
        let ProducerHealth { trouble, fatal } = health.borrow_and_update().clone();
        self.status.producer(&self.shared.name, trouble);
        fatal.map(|why| {
            debug!(handler = %self.shared.name, why, "the transactional producer is over");
            MemberEvent::Spoiled
        })
    }

    /// Answers those who wait for partitions that have all left.
    fn answer(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            let have_left = |id: &AssignmentId| self.left.contains_key(id);
            if !waiting.assignments.iter().all(have_left) {
                self.waiting.push(waiting);
                continue;
            }
            let outcomes = waiting
                .assignments
                .into_iter()
                .filter_map(|assignment| self.left.remove_entry(&assignment))
                .collect();
            // Whoever waited may have given up.
            let _ = waiting.answer.send(outcomes);
        }
    }
}

async fn or_never<T>(future: Option<&mut BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn changed(health: Option<&mut watch::Receiver<ProducerHealth>>) {
    let changed = match health {
        Some(health) => health.changed().await.is_ok(),
        None => false,
    };
    // Where its thread is gone, the next call to the producer says so.
    if !changed {
        std::future::pending().await
    }
}

//! The task that feeds the machine.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use pelton_dispatch::{
    AssignmentId, Checkpoint, Ended, Member, MemberCommand, MemberEvent, Outcome, TransactionPolicy,
};
use pelton_kafka::{
    Commit, Committed, Consumer, Producer, ProducerHealth, TransactionError, TransactionFailure,
    TransactionSettings,
};
use pelton_types::TopicPartition;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{debug, info, warn};

use super::{Word, broken};
use crate::{
    handler::{Broken, Handler, Shared, Trouble},
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

/// What a call to the producer came to, and the producer of the next transaction.
type Called = (Ended, Option<Producer>, Option<String>);

pub(super) struct Driver {
    shared: Arc<Shared>,
    status: Status,
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
            Word::Lost { assignment } => Some(MemberEvent::Lost { assignment }),
            Word::Heard(answer) => {
                // Whoever waited may have given up.
                let _ = answer.send(());
                None
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

    fn commit(&mut self, checkpoints: BTreeMap<AssignmentId, Checkpoint>) {
        let offsets = checkpoints
            .into_iter()
            .filter_map(|(assignment, Checkpoint { next, metadata })| {
                let partition = self.seats.get(&assignment)?.partition.clone();
                Some(Commit {
                    partition,
                    next,
                    metadata,
                })
            })
            .collect();
        let calls = self.calls.clone();
        let group = (self.consumer.clone(), self.consumer.ownership());
        let call = async move {
            match calls.commit(group, offsets).await {
                Ok(producer) => (Ended::Committed, Some(producer), None),
                Err(error) => failed(error),
            }
        };
        self.under_way = Some(call.boxed());
    }

    fn abort(&mut self) {
        let calls = self.calls.clone();
        let call = async move {
            match calls.abort().await {
                Ok((producer, cause)) => (Ended::Aborted, Some(producer), cause),
                Err(error) => failed(error),
            }
        };
        self.under_way = Some(call.boxed());
    }

    /// The call under way never returned. Its thread ends when it does, with its producer.
    fn leave_behind(&mut self) {
        warn!(handler = %self.shared.name, "a call to the transactional producer does not return: another producer takes its place");
        match super::calls(&self.settings) {
            Ok(calls) => self.calls = Arc::new(calls),
            Err(why) => {
                self.trouble.happened_to(Broken::Producer(why));
                self.over = true;
            }
        }
    }

    fn renew(&mut self, committed_of: Vec<AssignmentId>) {
        self.health = None;
        let seats = committed_of.iter().filter_map(|assignment| {
            let seat = self.seats.get(assignment)?;
            Some((*assignment, seat.partition.clone()))
        });
        let seats: Vec<(AssignmentId, TopicPartition)> = seats.collect();
        let (calls, consumer) = (self.calls.clone(), self.consumer.clone());
        let call = async move {
            let partitions = seats.iter().map(|(_, p)| p.clone()).collect();
            match calls.renew(Some(consumer), partitions).await {
                Ok((producer, mut committed)) => {
                    let found = seats.into_iter().filter_map(|(assignment, partition)| {
                        Some((assignment, checkpoint(committed.remove(&partition)?)?))
                    });
                    (Ended::Renewed(found.collect()), Some(producer), None)
                }
                Err(error) => match failed(error) {
                    (Ended::Unknown, none, text) => (Ended::NotRenewed, none, text),
                    other => other,
                },
            }
        };
        self.under_way = Some(call.boxed());
    }

    /// A call has come back: what is worth saying of it, and what the machine is told.
    fn called(&mut self, (ended, producer, text): Called) -> MemberEvent {
        let name = &self.shared.name;
        let spoiled = self.spoiled.take();
        let text = text.or(spoiled).unwrap_or_default();
        match &ended {
            Ended::Committed => {
                self.shared.metrics.transaction("committed");
                if std::mem::take(&mut self.aborts) > TROUBLED {
                    self.status.clear(name, Aspect::Output);
                }
            }
            Ended::Aborted => {
                self.shared.metrics.transaction("aborted");
                self.aborts += 1;
                warn!(handler = %name, why = %text, in_a_row = self.aborts,
                    "transaction aborted: what was in it is handled again");
            }
            Ended::MustAbort => {
                warn!(handler = %name, why = %text, "transaction can't be committed")
            }
            Ended::Unknown => {
                self.shared.metrics.transaction("unknown");
                warn!(handler = %name, why = %text,
                    "what became of the transaction is not certain: the producer is renewed and the group's offsets decide");
            }
            Ended::Renewed(_) => {
                info!(handler = %name, "the transactional producer is initialised");
                if self.aborts <= TROUBLED {
                    self.status.clear(name, Aspect::Output);
                }
            }
            Ended::NotRenewed => self.troubled(format!(
                "no transactional producer yet: {text}; still trying"
            )),
            Ended::Fenced => {
                warn!(handler = %name, why = %text, "the transactional producer is fenced")
            }
            Ended::Refused(_) => {}
        }
        if self.aborts > TROUBLED {
            self.troubled(format!(
                "{} transactions in a row were aborted: {text}",
                self.aborts
            ));
        }
        if let Some(producer) = producer {
            if self.health.is_none() {
                self.health = Some(producer.health());
            }
            self.producer = Some(producer);
        }
        MemberEvent::Ended(ended)
    }

    fn troubled(&self, text: String) {
        warn!(handler = %self.shared.name, "{text}");
        self.status
            .set(&self.shared.name, Aspect::Output, Standing::Troubled(text));
    }

    fn producer_health(&mut self) -> Option<MemberEvent> {
        let Some(health) = &mut self.health else {
            return None;
        };
        let ProducerHealth { trouble, fatal } = health.borrow_and_update().clone();
        match trouble {
            Some(text) => self.troubled(text),
            None => self.status.clear(&self.shared.name, Aspect::Output),
        }
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

fn failed(error: TransactionError) -> Called {
    let TransactionError { failure, text } = error;
    let ended = match failure {
        TransactionFailure::MustAbort => Ended::MustAbort,
        TransactionFailure::Unknown => Ended::Unknown,
        TransactionFailure::Fenced => Ended::Fenced,
        TransactionFailure::Refused => Ended::Refused(text.clone()),
    };
    (ended, None, Some(text))
}

/// What is committed of a partition, as its task was told when it began.
fn checkpoint(committed: Committed) -> Option<Checkpoint> {
    Some(Checkpoint {
        next: committed.next?,
        metadata: String::from_utf8(committed.metadata).unwrap_or_default(),
    })
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

async fn sleep_until(at: Option<std::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

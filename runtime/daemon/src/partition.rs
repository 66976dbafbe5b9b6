//! The task of one assigned partition: feeds its machine with events and carries out what it commands.
//!
//! It lives on the guests' threads, because the handler's code runs inline in it. It never waits for
//! anything but its own events, so a full producer, a slow handler or a retry never keeps it from a drain.
//!
//! Invariant: bytes are held from fetch until the machine releases them, so whatever the machine
//! commands for an offset can be carried out.

mod calls;
mod commands;
mod held;
mod outbox;
mod returns;
mod show;
mod tickets;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use pelton_dispatch::{
    Arrival, Checkpoint, Event, MemberEvent, Order, Outcome, Partition, Snapshot,
};
use pelton_kafka::{Consumer, Epoch, Producer, Transit};
use pelton_types::{Failure, FailureKind, Message, Offset, RevisionId, TopicPartition, Verdict};
use tokio::sync::{mpsc, watch};
use tracing::warn;

use self::{
    calls::{Calls, News, Returned},
    held::Held,
    outbox::{Outbox, Settled},
    returns::Returns,
};
use crate::{
    budget::PartitionShare,
    clock::{Clock, sleep_until},
    component::{Fault, millis},
    flood::Kind,
    handler::{Seat, Shared, Trouble},
    in_use::InUse,
    metrics::{Made, PartitionFigures},
    recording::Recording,
};

/// What the handler's supervisor tells a partition's task.
pub(crate) enum Inbox {
    /// Messages were fetched; they are on their way until they are taken in.
    Messages(Vec<Message>, Transit),
    /// A commit came back.
    Committed { next: Offset, succeeded: bool },
    /// The bytes that it may hold are others.
    Share { bytes: u32 },
    /// An operator pauses it, or lets it go on.
    Pause(bool),
    /// The transaction ends: hand over nothing more.
    Seal,
    /// It has ended, and this producer sends with the next one.
    TransactionEnded {
        outcome: Outcome,
        producer: Producer,
        /// Its number, which goes with every word about it.
        transaction: u64,
    },
    /// The partition is being given up: finish what is under way.
    Drain { deadline: Instant },
    /// The partition is someone else's already.
    Lost,
    /// Say how things stand.
    Report {
        /// The end of the partition, where it is known.
        high: Option<Offset>,
    },
}

/// How a partition's task ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// What is to be committed before the partition is given up.
    pub last: Option<Checkpoint>,
    /// Messages that were begun and can't be committed: the next owner may repeat them.
    pub unfinished: u32,
    /// Outputs of it are still in the producer: sent later, they would stand behind the next owner's newer ones.
    pub unanswered: bool,
}

/// What a partition's task is made from.
pub(crate) struct PartitionTask {
    pub shared: Arc<Shared>,
    pub partition: TopicPartition,
    pub epoch: Epoch,
    pub consumer: Consumer,
    /// `None` before the first transaction, where there are any.
    pub producer: Option<Producer>,
    /// Its place in the member's transactions, where there are any.
    pub seat: Option<Seat>,
    pub trouble: Trouble,
    /// The largest dead letter that is taken, in bytes.
    pub letter_bytes: usize,
    pub revision: watch::Receiver<Option<InUse>>,
    /// Where the task leaves what it was asked to report.
    pub report: Arc<Mutex<Option<Snapshot>>>,
    /// The bytes it may hold to begin with.
    pub share: u32,
}

struct Running {
    task: PartitionTask,
    clock: Clock,
    machine: Partition,
    held: Held,
    outbox: Outbox,
    /// Where outputs go that name no topic. A copy of its own: the count of one that all partitions share would be passed
    /// from core to core with each message.
    default_topic: Option<Arc<str>>,
    /// Outputs that are not counted yet.
    made: Made,
    returns: Returns,
    /// The last transaction that was heard of.
    heard: u64,
    calls: Calls,
    timer: Option<Duration>,
    recording: Option<Recording>,
    share: PartitionShare,
    ended: Option<Ended>,
}

impl PartitionTask {
    /// Runs until the machine says that it is drained, or the partition is lost.
    pub(crate) async fn run(self, start: Checkpoint, mut inbox: mpsc::Receiver<Inbox>) -> Ended {
        let policy = self.shared.policy.clone();
        if let Err(error) = start.progress() {
            warn!(handler = %self.shared.name, partition = %self.partition, %error,
                "what was finished beyond the committed offset is repeated");
        }
        let recording = self.shared.record(&self.partition, &start);
        let machine = Partition::new(policy, &start);
        let mut running = Running {
            clock: self.shared.clock,
            calls: Calls::new(
                self.revision.clone(),
                self.shared.clock,
                self.shared.instances.clone(),
                self.shared.call_memory.clone(),
            ),
            outbox: Outbox::new(
                self.producer.clone(),
                self.seat.clone(),
                self.trouble.clone(),
            ),
            share: PartitionShare::new(self.share),
            default_topic: self.shared.outputs.first().map(|topic| (**topic).into()),
            made: Made::default(),
            task: self,
            machine,
            held: Held::default(),
            returns: Returns::default(),
            heard: 0,
            timer: None,
            recording,
            ended: None,
        };
        // Before anything is fetched: a partition that comes to a paused handler is paused.
        if *running.task.shared.paused.borrow() {
            running.apply(Event::Pause);
        }
        loop {
            if let Some(mut ended) = running.ended.take() {
                ended.unanswered = running.outbox.is_open();
                return ended;
            }
            if !running.turn(&mut inbox).await {
                // The supervisor is gone: nobody would commit, so what is under way is repeated by the next owner.
                return Ended::default();
            }
        }
    }
}

impl Running {
    /// Waits for one thing to happen and handles it; false once the supervisor is gone.
    async fn turn(&mut self, inbox: &mut mpsc::Receiver<Inbox>) -> bool {
        if !self.outbox.is_blocked() {
            self.begin_call();
        }
        let timer = self.timer.map(|at| self.clock.instant(at));
        let (blocked, room) = (self.outbox.is_blocked(), self.outbox.room());
        tokio::select! {
            biased;
            told = inbox.recv() => match told {
                Some(told) => self.told(told),
                None => return false,
            },
            settled = self.outbox.settled() => self.settled(settled),
            news = self.calls.next(), if !self.calls.is_idle() => match news {
                Some(News::Returned(returned)) => self.called(returned),
                Some(News::Outdated) => self.apply(Event::Swapped),
                None => {}
            },
            () = room, if blocked => self.outbox.send_waiting(),
            () = sleep_until(timer) => {
                self.timer = None;
                self.apply(Event::Timer);
            }
        }
        true
    }

    fn told(&mut self, told: Inbox) {
        match told {
            Inbox::Messages(messages, transit) => {
                let order = self.task.shared.policy.order;
                let arrival = |message| arrival(message, order);
                let arrivals: Vec<Arrival> = messages.iter().map(arrival).collect();
                let largest = arrivals.iter().map(|arrival| arrival.bytes).max();
                self.share.met(largest.unwrap_or(0));
                self.limit();
                self.task.shared.metrics.fetched(&messages);
                messages
                    .iter()
                    .for_each(|message| show::input(&self.task.shared.name, message));
                let retry = self.task.shared.retry_topic.as_deref();
                self.held.extend(messages, self.clock.now(), retry);
                self.apply(Event::Fetched(arrivals));
                // Only now: a pause that follows from them is heard before there is room for more.
                drop(transit);
            }
            Inbox::Committed {
                next,
                succeeded: true,
            } => self.apply(Event::Committed { next }),
            Inbox::Committed {
                next,
                succeeded: false,
            } => self.apply(Event::CommitFailed { next }),
            Inbox::Share { bytes } => {
                self.share.change(bytes);
                self.limit();
            }
            Inbox::Pause(true) => self.apply(Event::Pause),
            Inbox::Pause(false) => self.apply(Event::Resume),
            Inbox::Seal => self.apply(Event::Seal),
            Inbox::TransactionEnded {
                outcome,
                producer,
                transaction,
            } => {
                self.heard = transaction;
                self.outbox.begin(producer, transaction);
                if outcome == Outcome::Aborted {
                    self.returns.forget_kept();
                }
                self.apply(Event::TransactionEnded(outcome));
                self.outbox.keep(self.returns.unneeded_memory());
            }
            Inbox::Drain { deadline } => self.apply(Event::Drain {
                deadline: self.clock.at(deadline),
            }),
            Inbox::Lost => {
                let snapshot = self.machine.snapshot();
                let begun = snapshot.calling + snapshot.in_delivery;
                self.apply(Event::Lost);
                self.tell_member(|assignment| MemberEvent::Lost { assignment });
                self.ended.get_or_insert(Ended {
                    last: None,
                    unfinished: u32::try_from(begun).unwrap_or(u32::MAX),
                    unanswered: false,
                });
            }
            Inbox::Report { high } => self.report(high),
        }
    }

    /// Tells the machine how much it may hold, where that has changed.
    fn limit(&mut self) {
        if let Some(bytes) = self.share.limit() {
            self.apply(Event::Buffer { bytes });
        }
    }

    fn settled(&mut self, settled: Vec<Settled>) {
        let mut offsets = Vec::with_capacity(settled.len());
        for one in settled {
            match one.refused {
                None => {
                    if one.letter {
                        self.task.shared.metrics.ended("dead-lettered");
                    }
                    offsets.push(one.offset);
                }
                Some(text) => {
                    self.delivered(std::mem::take(&mut offsets));
                    self.refused(one.offset, text, one.handed_over);
                }
            }
        }
        self.delivered(offsets);
    }

    fn delivered(&mut self, offsets: Vec<Offset>) {
        if !offsets.is_empty() {
            self.apply(Event::Delivered { offsets });
        }
    }

    fn refused(&mut self, offset: Offset, text: String, partly: bool) {
        if self.tells(Kind::Refused) {
            warn!(handler = %self.task.shared.name, partition = %self.task.partition, offset, error = %text,
                "an output was refused for good");
        }
        self.apply(Event::Refused {
            offset,
            failure: Failure::new(FailureKind::Produce, text),
            partly,
        });
    }

    fn called(&mut self, returned: Returned) {
        let Returned {
            call,
            revision,
            probation,
            fallback,
            attempts,
            outcomes,
            took,
            ran,
            waited,
            memory,
        } = returned;
        let mut verdicts = Vec::with_capacity(outcomes.len());
        let in_use = self.task.revision.borrow().clone();
        for (attempt, outcome) in attempts.iter().zip(outcomes) {
            let verdict = match self.task.shared.forbidden_topic(&outcome.outputs) {
                Some(failure) => Verdict::Failed(failure),
                None => outcome.verdict,
            };
            if let (Some(in_use), true) = (&in_use, fallback) {
                self.tell_of_fallback(in_use, attempt.offset, revision, &verdict);
            }
            if let Verdict::Failed(failure) = &verdict {
                self.note_fault(attempt.offset, revision, failure);
            }
            if !matches!(verdict, Verdict::NotAttempted) {
                self.held.try_with(attempt.offset, revision);
            }
            // Of nothing there is nothing to be asked for.
            if matches!(verdict, Verdict::Done { outputs: 1.. }) {
                self.returns.push(attempt.offset, outcome.outputs);
            }
            verdicts.push(verdict);
        }
        self.task.shared.metrics.called(&verdicts, took, ran);
        let ballot = in_use.as_ref().and_then(|in_use| in_use.ballot(revision));
        if let Some(ballot) = ballot {
            let done = |verdict: &&Verdict| matches!(verdict, Verdict::Done { .. });
            ballot.handled(verdicts.iter().filter(done).count() as u64);
        }
        self.apply(Event::Called {
            call,
            verdicts,
            took,
            waited,
            probation,
        });
        self.outbox.keep(self.returns.call_over(memory));
    }

    /// What people are told who ask how the handler stands.
    fn note_fault(&self, offset: Offset, revision: RevisionId, failure: &Failure) {
        if failure.kind.is_instance_fault() {
            self.task.shared.faulted(Fault {
                at: millis(self.clock.now()),
                revision: revision.to_string(),
                partition: self.task.partition.to_string(),
                offset,
                kind: failure.kind.to_string(),
                text: failure.text.clone(),
            });
        }
    }

    /// What came of giving a message to the revision before; each message speaks once.
    fn tell_of_fallback(
        &mut self,
        in_use: &InUse,
        offset: Offset,
        to: RevisionId,
        verdict: &Verdict,
    ) {
        if *verdict == Verdict::NotAttempted {
            return;
        }
        let from = self.held.tried_by(offset);
        let succeeded = matches!(verdict, Verdict::Done { .. });
        if let Some(from) = from.filter(|_| self.held.speaks(offset))
            && let Some(ballot) = in_use.ballot(from)
        {
            ballot.fell_back(from, to, succeeded);
        }
    }

    fn apply(&mut self, event: Event) {
        let now = self.clock.now();
        let mut commands = Vec::new();
        match &mut self.recording {
            None => self.machine.handle(now, event, &mut commands),
            Some(recording) => {
                self.machine.handle(now, event.clone(), &mut commands);
                recording.step(now, event, &commands);
            }
        }
        // Where outputs wait for room already, others wait behind them.
        let blocked = self.outbox.is_blocked();
        for command in commands {
            self.carry_out(command);
        }
        if !blocked {
            self.outbox.send_waiting();
        }
        self.task.shared.metrics.outputs(&mut self.made);
    }

    fn report(&self, high: Option<Offset>) {
        let TopicPartition { topic, partition } = &self.task.partition;
        let snapshot = self.machine.snapshot();
        self.task.shared.metrics.partition(&PartitionFigures {
            topic,
            partition: *partition,
            committed: snapshot.committed,
            lag: high.map(|high| (high - snapshot.watermark).max(0)),
            in_flight: i64::try_from(snapshot.messages).unwrap_or(i64::MAX),
        });
        *self.task.report.lock() = Some(snapshot);
    }
}

/// What the machine is to know of a message; of its key only where that decides what waits for what.
fn arrival(message: &Message, order: Order) -> Arrival {
    let key = message.key.as_deref().filter(|_| order == Order::Key);
    Arrival {
        offset: message.offset,
        bytes: u32::try_from(message.weight()).unwrap_or(u32::MAX),
        key: key.map(key_hash),
    }
}

fn key_hash(key: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

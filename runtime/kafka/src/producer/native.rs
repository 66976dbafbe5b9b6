//! The librdkafka producer behind [`Producer`](super::Producer).
//!
//! Invariant: while the thread that reads its reports runs the client lives, and that thread destroys it: never an
//! async task.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::{RwLock, RwLockReadGuard};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::{Notify, watch};

use super::{
    Mailbox, Outgoing, ProducerHealth, ProducerSettings, SendError, Transactional,
    fault::ends_the_producer,
    raw::{self, Receipt, Topic, Unsent},
    reports::Reports,
};
use crate::{
    Error, Turns,
    native::{Client, Failures, Queue},
    properties,
    trouble::Troubles,
};

/// How long a topic that may not be written to is not tried again.
const DENIED: Duration = Duration::from_secs(30);
/// Which part of what was in flight when the queue was full is answered when whoever waits for room is woken.
const ENOUGH: usize = 8;
/// After so long whoever waits for room tries again whatever was answered: the rest may be stuck.
const TRY_AGAIN: Duration = Duration::from_millis(100);

pub(crate) struct Native {
    shared: Arc<Shared>,
    health: watch::Receiver<ProducerHealth>,
    ended: watch::Receiver<bool>,
}

/// What senders and the thread share.
pub(super) struct Shared {
    /// `None` once the producer is over.
    open: RwLock<Option<Open>>,
    /// Topics that may not be written to, and until when that is taken for granted.
    denied: RwLock<HashMap<String, Instant>>,
    /// The largest message that is taken.
    largest: usize,
    in_flight: AtomicUsize,
    /// How many were ever answered, and at which number whoever waits is woken.
    answers: AtomicUsize,
    wake_at: AtomicUsize,
    answered: Notify,
    closing: AtomicBool,
    pub(super) turns: Turns,
}

/// A producer that takes messages.
struct Open {
    /// The transaction under way, where there are any.
    transaction: Option<u64>,
    /// Topics that were sent to. They go before the client does. Searched for each message, and they are few: comparing
    /// names is cheaper than hashing one.
    topics: BTreeMap<String, Topic>,
    queue: Arc<Queue>,
    client: Arc<Client>,
}

impl Native {
    pub(crate) fn start(
        settings: ProducerSettings,
        transactional: Option<&Transactional>,
    ) -> Result<Self, Error> {
        let config = properties::producer(&settings, transactional)?;
        let largest = config.get("message.max.bytes");
        let largest = largest.and_then(|bytes| bytes.parse().ok());
        let failures = Arc::new(Failures::new(ends_the_producer));
        let client = match transactional {
            None => Client::watched_producer(config, &failures)?,
            Some(_) => Client::transactional(config)?,
        };
        let no_queue = || Error::Client {
            text: "it has no event queue".to_owned(),
        };
        let queue = Arc::new(client.main_queue().ok_or_else(no_queue)?);
        let shared = Arc::new(Shared {
            denied: RwLock::default(),
            largest: largest.unwrap_or(usize::MAX),
            open: RwLock::new(Some(Open {
                transaction: None,
                topics: BTreeMap::new(),
                queue: queue.clone(),
                client: client.clone(),
            })),
            in_flight: AtomicUsize::new(0),
            answers: AtomicUsize::new(0),
            wake_at: AtomicUsize::new(0),
            answered: Notify::new(),
            closing: AtomicBool::new(false),
            turns: Turns::default(),
        });
        let (health_sender, health) = watch::channel(ProducerHealth::default());
        let (ended_sender, ended) = watch::channel(false);
        let troubles = Troubles::new(&settings.bootstrap);
        let thread = Reports {
            shared: shared.clone(),
            queue,
            client,
            troubles,
            failures,
            given_up: false,
            health: health_sender,
            transactional: transactional.is_some(),
        };
        thread::Builder::new()
            .name("pelton-producer".to_owned())
            .spawn(move || {
                let _end = thread.shared.turns.until_dropped();
                thread.run();
                ended_sender.send_replace(true);
            })
            .map_err(Error::Thread)?;
        Ok(Self {
            shared,
            health,
            ended,
        })
    }

    pub(crate) fn send<'a>(
        &self,
        messages: impl ExactSizeIterator<Item = (Outgoing<'a>, u64)>,
        mailbox: &Arc<Mailbox>,
        transaction: Option<u64>,
    ) -> (usize, Result<(), SendError>) {
        // Counted before, because a report may come before this returns.
        let count = messages.len();
        self.shared.in_flight.fetch_add(count, Ordering::AcqRel);
        let (denied, mut open) = (self.shared.denied.read(), None);
        let (mut taken, mut result) = (0, Ok(()));
        for (outgoing, ticket) in messages {
            let sent = match self.refusal(&denied, &outgoing) {
                Some(text) => Err(SendError::Refused { text }),
                None => self.send_one(&mut open, &outgoing, (mailbox, ticket), transaction),
            };
            if sent.is_err() {
                result = sent;
                break;
            }
            taken += 1;
        }
        drop((denied, open));
        self.shared.untake(count - taken);
        match result {
            Err(SendError::QueueFull) => self.shared.was_full(),
            Err(SendError::Fatal { .. }) => self.shared.give_up(),
            _ => {}
        }
        (taken, result)
    }

    /// Sends with the producer that is open, which is held while message comes after message.
    fn send_one<'s>(
        &'s self,
        open: &mut Option<RwLockReadGuard<'s, Option<Open>>>,
        outgoing: &Outgoing<'_>,
        (mailbox, ticket): (&Arc<Mailbox>, u64),
        transaction: Option<u64>,
    ) -> Result<(), SendError> {
        loop {
            let held = open.get_or_insert_with(|| self.shared.open.read());
            let Open {
                topics,
                client,
                transaction: present,
                ..
            } = held
                .as_ref()
                .ok_or_else(|| SendError::Fatal { text: self.over() })?;
            if *present != transaction {
                let text = "the transaction it belongs to has ended".to_owned();
                return Err(SendError::Over { text });
            }
            let Some(topic) = topics.get(outgoing.topic) else {
                *open = None;
                self.meet(outgoing.topic)?;
                continue;
            };
            let receipt = Receipt {
                mailbox: mailbox.clone(),
                ticket,
                fixed: outgoing.partition.is_some(),
            };
            let sent = raw::produce(client, topic, outgoing, receipt);
            return sent.map_err(|Unsent { code, text }| match code {
                // The transaction has failed meanwhile, and waits to be aborted.
                Code::State | Code::UnknownTopic if transaction.is_some() => {
                    SendError::Over { text }
                }
                _ => send_error(client, code, text),
            });
        }
    }

    /// Why this message will never be taken, as far as that is known here.
    pub(crate) fn refuses(&self, outgoing: &Outgoing<'_>) -> Option<String> {
        self.refusal(&self.shared.denied.read(), outgoing)
    }

    fn refusal(
        &self,
        denied: &HashMap<String, Instant>,
        outgoing: &Outgoing<'_>,
    ) -> Option<String> {
        if outgoing.timestamp.is_some_and(|millis| millis < 0) {
            return Some("a timestamp before 1970 can't be written".to_owned());
        }
        if let Some(partition @ ..=-1) = outgoing.partition {
            return Some(format!("there is no partition {partition}"));
        }
        let (size, largest) = (outgoing.size(), self.shared.largest);
        if size > largest {
            return Some(format!(
                "too large: it takes {size} bytes, and `message.max.bytes` allows {largest}"
            ));
        }
        // Nearly always nothing is: then no name is looked up.
        let until = (!denied.is_empty()).then(|| denied.get(outgoing.topic))??;
        (*until > Instant::now())
            .then(|| format!("writing to topic {} is not allowed", outgoing.topic))
    }

    /// Why nothing is taken any more.
    fn over(&self) -> String {
        let fatal = self.health.borrow().fatal.clone();
        fatal.unwrap_or_else(|| "the producer is closed".to_owned())
    }

    /// The client, unless the producer is over.
    pub(crate) fn client(&self) -> Option<Arc<Client>> {
        let open = self.shared.open.read();
        Some(open.as_ref()?.client.clone())
    }

    /// Takes messages of this transaction only, from here on; of none where there is none.
    pub(crate) fn admit(&self, transaction: Option<u64>) {
        if let Some(open) = &mut *self.shared.open.write() {
            open.transaction = transaction;
        }
    }

    /// Topics that were sent to.
    pub(crate) fn topics(&self) -> Vec<String> {
        let open = self.shared.open.read();
        open.as_ref()
            .map_or_else(Vec::new, |open| open.topics.keys().cloned().collect())
    }

    /// Refuses messages to these topics for a while, without asking a broker.
    pub(crate) fn deny(&self, topics: Vec<String>) {
        let until = Instant::now() + DENIED;
        let mut denied = self.shared.denied.write();
        denied.extend(topics.into_iter().map(|topic| (topic, until)));
    }

    /// Ends it without waiting for that.
    pub(crate) fn abandon(&self) {
        self.shared.close();
    }

    /// Makes a topic known, under the exclusive lock.
    fn meet(&self, name: &str) -> Result<(), SendError> {
        let mut open = self.shared.open.write();
        if let Some(Open { topics, client, .. }) = open.as_mut()
            && !topics.contains_key(name)
        {
            let topic = Topic::new(client, name).map_err(|text| SendError::Refused {
                text: format!("can't produce to `{name}`: {text}"),
            })?;
            topics.insert(name.to_owned(), topic);
        }
        Ok(())
    }

    /// Waits until there may be room again.
    pub(crate) async fn room(&self) {
        // An error means that it is time to try.
        let _ = tokio::time::timeout(TRY_AGAIN, self.answered()).await;
    }

    /// Waits until enough was answered, unless nothing is outstanding.
    pub(crate) async fn answered(&self) {
        let answered = self.shared.answered.notified();
        if self.in_flight() > 0 {
            answered.await;
        }
    }

    pub(crate) fn purge(&self) {
        if let Some(open) = &*self.shared.open.read() {
            open.client.purge();
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.shared.in_flight()
    }

    pub(crate) fn health(&self) -> watch::Receiver<ProducerHealth> {
        self.health.clone()
    }

    pub(crate) fn turns(&self) -> Turns {
        self.shared.turns.clone()
    }

    pub(crate) async fn close(&self) {
        self.shared.close();
        // An error means that the thread is gone.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    fn close(&self) {
        self.closing.store(true, Ordering::Release);
        if let Some(open) = &*self.open.read() {
            open.queue.wake();
        }
    }

    /// Takes nothing more, and purges what waits.
    pub(super) fn give_up(&self) {
        let closed = self.open.write().take();
        if let Some(open) = &closed {
            open.client.purge();
        }
    }

    /// Messages were not taken after all. That frees no room, so whoever waits for room sleeps on.
    fn untake(&self, count: usize) {
        if count > 0 && self.in_flight.fetch_sub(count, Ordering::AcqRel) == count {
            self.answered.notify_waiters();
        }
    }

    /// Whether the thread is to end.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// How many messages were taken and not answered yet.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// There was no room. Each partition's task waits for some, and each that is woken in vain has made a message for
    /// nothing: so they are woken only when there is room for a good many. A wake that is due already is not put off.
    fn was_full(&self) {
        let answers = self.answers.load(Ordering::Acquire);
        if self.wake_at.load(Ordering::Acquire) <= answers {
            let enough = (self.in_flight() / ENOUGH).max(1);
            self.wake_at.store(answers + enough, Ordering::Release);
        }
    }

    /// Counts messages that are answered, and that librdkafka has let go of.
    pub(super) fn settle(&self, count: usize) {
        let left = self.in_flight.fetch_sub(count, Ordering::AcqRel) - count;
        let answers = self.answers.fetch_add(count, Ordering::AcqRel) + count;
        if left == 0 || answers >= self.wake_at.load(Ordering::Acquire) {
            self.answered.notify_waiters();
        }
    }
}

fn send_error(client: &Client, code: Code, text: String) -> SendError {
    if code == Code::QueueFull {
        return SendError::QueueFull;
    }
    match client.fatal() {
        Some((_, text)) => SendError::Fatal { text },
        None if code == Code::UnknownTopic => SendError::Fatal { text },
        None => SendError::Refused { text },
    }
}

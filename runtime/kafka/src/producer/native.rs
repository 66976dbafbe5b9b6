//! The librdkafka producer behind [`Producer`](super::Producer), and the thread that reads its delivery reports.
//!
//! Invariant: while the thread runs the client lives, and the thread destroys it: never an async task.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::{Notify, watch};

use super::{
    Delivery, DeliveryError, Mailbox, Outgoing, ProducerHealth, ProducerSettings, SendError,
    Transactional,
    raw::{self, Receipt, Topic, Unsent},
};
use crate::{
    Error,
    native::{Client, Event, EventKind, Failures, Queue},
    properties,
    trouble::Troubles,
};

/// How often the thread looks whether brokers are back, and whether it should end.
const TICK: Duration = Duration::from_millis(500);
/// How long a broker may take to answer when the thread looks whether it is back.
const PROBE: Duration = Duration::from_millis(250);
/// How long a topic that may not be written to is not tried again.
const DENIED: Duration = Duration::from_secs(30);
/// How long an ending producer waits for the reports of what it purged.
const FAREWELL: Duration = Duration::from_secs(5);

pub(crate) struct Native {
    shared: Arc<Shared>,
    health: watch::Receiver<ProducerHealth>,
    ended: watch::Receiver<bool>,
}

/// What senders and the thread share.
struct Shared {
    /// `None` once the producer is over.
    open: RwLock<Option<Open>>,
    /// Topics that may not be written to, and until when that is taken for granted.
    denied: RwLock<HashMap<String, Instant>>,
    /// The largest message that is taken.
    largest: usize,
    in_flight: AtomicUsize,
    answered: Notify,
    closing: AtomicBool,
}

/// A producer that takes messages.
struct Open {
    /// The transaction under way, where there are any.
    transaction: Option<u64>,
    /// Topics that were sent to. They go before the client does.
    topics: HashMap<String, Topic>,
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
                topics: HashMap::new(),
                queue: queue.clone(),
                client: client.clone(),
            })),
            in_flight: AtomicUsize::new(0),
            answered: Notify::new(),
            closing: AtomicBool::new(false),
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

    pub(crate) fn send(
        &self,
        outgoing: Outgoing<'_>,
        mailbox: &Arc<Mailbox>,
        ticket: u64,
        transaction: Option<u64>,
    ) -> Result<(), SendError> {
        if let Some(text) = self.refuses(&outgoing) {
            return Err(SendError::Refused { text });
        }
        let over = || SendError::Fatal { text: self.over() };
        let mut receipt = Receipt {
            mailbox: mailbox.clone(),
            ticket,
            fixed: outgoing.partition.is_some(),
        };
        loop {
            let open = self
                .shared
                .open
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            let Open {
                topics,
                client,
                transaction: present,
                ..
            } = open.as_ref().ok_or_else(over)?;
            if *present != transaction {
                let text = "the transaction it belongs to has ended".to_owned();
                return Err(SendError::Over { text });
            }
            if let Some(topic) = topics.get(outgoing.topic) {
                // Counted before, because the report may come before this returns.
                self.shared.in_flight.fetch_add(1, Ordering::AcqRel);
                let Err(Unsent { code, text }) = raw::produce(client, topic, &outgoing, receipt)
                else {
                    return Ok(());
                };
                self.shared.untake();
                let error = match code {
                    // The transaction has failed meanwhile, and waits to be aborted.
                    Code::State | Code::UnknownTopic if transaction.is_some() => {
                        SendError::Over { text }
                    }
                    _ => send_error(client, code, text),
                };
                drop(open);
                if matches!(error, SendError::Fatal { .. }) {
                    self.shared.give_up();
                }
                return Err(error);
            }
            drop(open);
            receipt = self.meet(outgoing.topic, receipt)?;
        }
    }

    /// Why this message will never be taken, as far as that is known here.
    pub(crate) fn refuses(&self, outgoing: &Outgoing<'_>) -> Option<String> {
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
        let denied = self.shared.denied.read();
        let denied = denied.unwrap_or_else(PoisonError::into_inner);
        let until = denied.get(outgoing.topic)?;
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
        let open = open.unwrap_or_else(PoisonError::into_inner);
        Some(open.as_ref()?.client.clone())
    }

    /// Takes messages of this transaction only, from here on; of none where there is none.
    pub(crate) fn admit(&self, transaction: Option<u64>) {
        let open = self.shared.open.write();
        if let Some(open) = &mut *open.unwrap_or_else(PoisonError::into_inner) {
            open.transaction = transaction;
        }
    }

    /// Topics that were sent to.
    pub(crate) fn topics(&self) -> Vec<String> {
        let open = self.shared.open.read();
        let open = open.unwrap_or_else(PoisonError::into_inner);
        open.as_ref()
            .map_or_else(Vec::new, |open| open.topics.keys().cloned().collect())
    }

    /// Refuses messages to these topics for a while, without asking a broker.
    pub(crate) fn deny(&self, topics: Vec<String>) {
        let until = Instant::now() + DENIED;
        let denied = self.shared.denied.write();
        let mut denied = denied.unwrap_or_else(PoisonError::into_inner);
        denied.extend(topics.into_iter().map(|topic| (topic, until)));
    }

    /// Ends it without waiting for that.
    pub(crate) fn abandon(&self) {
        self.shared.close();
    }

    /// Makes a topic known, under the exclusive lock.
    fn meet(&self, name: &str, receipt: Receipt) -> Result<Receipt, SendError> {
        let mut open = self
            .shared
            .open
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(Open { topics, client, .. }) = open.as_mut()
            && !topics.contains_key(name)
        {
            let topic = Topic::new(client, name).map_err(|text| SendError::Refused {
                text: format!("can't produce to `{name}`: {text}"),
            })?;
            topics.insert(name.to_owned(), topic);
        }
        Ok(receipt)
    }

    /// Waits until something was answered, unless nothing is outstanding.
    pub(crate) async fn answered(&self) {
        let answered = self.shared.answered.notified();
        if self.in_flight() > 0 {
            answered.await;
        }
    }

    pub(crate) fn purge(&self) {
        if let Some(open) = &*self
            .shared
            .open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
        {
            open.client.purge();
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Acquire)
    }

    pub(crate) fn health(&self) -> watch::Receiver<ProducerHealth> {
        self.health.clone()
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
        if let Some(open) = &*self.open.read().unwrap_or_else(PoisonError::into_inner) {
            open.queue.wake();
        }
    }

    /// Takes nothing more, and purges what waits.
    fn give_up(&self) {
        let closed = self
            .open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(open) = &closed {
            open.client.purge();
        }
    }

    /// A message was not taken after all. That frees no room, so whoever waits for room sleeps on.
    fn untake(&self) {
        if self.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.answered.notify_waiters();
        }
    }

    /// Counts messages that are answered.
    fn settle(&self, count: usize) {
        self.in_flight.fetch_sub(count, Ordering::AcqRel);
        self.answered.notify_waiters();
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

/// The thread that reads delivery reports.
struct Reports {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    client: Arc<Client>,
    troubles: Troubles,
    failures: Arc<Failures>,
    /// The producer is over, but for the reports of what it had taken.
    given_up: bool,
    health: watch::Sender<ProducerHealth>,
    /// What fails is the transaction's matter.
    transactional: bool,
}

impl Reports {
    fn run(mut self) {
        let mut looked = Instant::now();
        while !self.shared.closing.load(Ordering::Acquire) {
            let queue = self.queue.clone();
            let event = queue.poll(TICK);
            if let Some(failed) = self.failures.pending() {
                self.give_up(&failed.to_string());
                self.failures.note();
            }
            if let Some(event) = event {
                self.take(&event);
            }
            if self.given_up && self.shared.in_flight.load(Ordering::Acquire) > 0 {
                self.client.purge();
            }
            if looked.elapsed() >= TICK {
                self.look();
                looked = Instant::now();
            }
        }
        self.end();
    }

    /// Looks whether the brokers are there, where they were not.
    fn look(&mut self) {
        let told = self.troubles.unreachable(Instant::now()).is_some();
        let back = self.troubles.is_disconnected() && self.client.is_reachable(PROBE);
        if back {
            self.troubles.connected();
        }
        if told || back {
            self.publish();
        }
    }

    fn take(&mut self, event: &Event<'_>) {
        match event.kind() {
            EventKind::Delivery => self.deliver(event),
            EventKind::Error => self.error(event),
            EventKind::Log => event.log(),
            EventKind::Fetch
            | EventKind::Rebalance
            | EventKind::OffsetCommit
            | EventKind::Other => {}
        }
    }

    fn deliver(&mut self, event: &Event<'_>) {
        let (mut answered, mut acknowledged) = (0, false);
        for message in event.messages() {
            answered += 1;
            let receipt = raw::receipt(&message);
            let fixed = receipt.as_ref().is_some_and(|receipt| receipt.fixed);
            let result = message.error().map_or(Ok(()), |code| {
                Err(DeliveryError {
                    text: message.delivery_reason().into_owned(),
                    permanent: is_permanent(code, fixed),
                    purged: is_purged(code),
                })
            });
            acknowledged |= result.is_ok();
            if let Err(error) = &result
                && !error.permanent
                && !error.purged
                && !self.transactional
            {
                self.give_up(&error.text);
            }
            if let Some(Receipt {
                mailbox, ticket, ..
            }) = receipt
            {
                mailbox.put(Delivery { ticket, result });
            }
        }
        self.shared.settle(answered);
        if acknowledged && !self.troubles.consuming().is_empty() {
            self.publish();
        }
    }

    /// A message could not be written, and it is not the message's fault. librdkafka goes on behind it under a
    /// new epoch, which would put what follows in front of it: so nothing more is taken, and all that waits is
    /// purged before that epoch is there. A batch that changes brokers meanwhile slips through a purge, so there is
    /// another one whenever the thread comes round.
    fn give_up(&mut self, why: &str) {
        self.health.send_if_modified(|health| {
            let new = health.fatal.is_none();
            health.fatal.get_or_insert_with(|| why.to_owned());
            new
        });
        self.shared.give_up();
        self.given_up = true;
    }

    fn error(&mut self, event: &Event<'_>) {
        let Some(code) = event.error() else { return };
        // A fatal error comes under the code of its cause.
        if let Some((_, text)) = self.client.fatal() {
            self.health.send_modify(|health| health.fatal = Some(text));
        } else if self
            .troubles
            .error(code, &event.reason(), Instant::now())
            .is_some()
        {
            self.publish();
        }
    }

    fn publish(&self) {
        let trouble = self.troubles.summary().map(str::to_owned);
        self.health.send_if_modified(|health| {
            let changed = health.trouble != trouble;
            health.trouble = trouble;
            changed
        });
    }

    /// Nothing can be sent any more; what isn't answered yet is purged, and reported so.
    fn end(mut self) {
        drop(
            self.shared
                .open
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        self.client.purge();
        self.failures.note();
        let deadline = Instant::now() + FAREWELL;
        let queue = self.queue.clone();
        while self.shared.in_flight.load(Ordering::Acquire) > 0 && Instant::now() < deadline {
            if let Some(event) = queue.poll(Duration::from_millis(100)) {
                self.take(&event);
            }
        }
    }
}

/// Whether a broker's thread must not go on, because the producer has failed rather than the message. Of a partition
/// that isn't there it can't be told by the code alone, and librdkafka holds a lock when it says so.
fn ends_the_producer(code: Code) -> bool {
    !is_purged(code) && !is_permanent(code, true)
}

fn is_purged(code: Code) -> bool {
    matches!(
        code,
        Code::PurgeQueue | Code::PurgeInflight | Code::BrokerDestroy
    )
}

/// Whether the message will always be refused. A topic that isn't there, or has lost the partition that a key went to,
/// is no fault of the message: whoever begins anew waits for it.
fn is_permanent(code: Code, fixed_partition: bool) -> bool {
    match code {
        Code::UnknownPartition => fixed_partition,
        Code::MessageSizeTooLarge
        | Code::InvalidMessageSize
        | Code::MessageBatchTooLarge
        | Code::TopicAuthorizationFailed
        | Code::InvalidTopic
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::PolicyViolation
        | Code::UnsupportedForMessageFormat => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_partition_is_the_fault_of_a_message_that_asked_for_it() {
        assert!(is_permanent(Code::UnknownPartition, true));
        assert!(!is_permanent(Code::UnknownPartition, false));
        assert!(
            !ends_the_producer(Code::UnknownPartition),
            "no thread waits"
        );
    }

    #[test]
    fn an_error_without_a_name_is_the_producers() {
        assert!(ends_the_producer(Code::Unknown));
        assert!(!ends_the_producer(Code::PurgeQueue));
        assert!(!ends_the_producer(Code::MessageSizeTooLarge));
    }
}

//! What every partition of a handler shares.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use pelton_config as config;
use pelton_dispatch::{Checkpoint, Guarantee, OnExhausted, Order, Policy, Retry};
use pelton_kafka::{
    Consumer, ConsumerMemory, ConsumerSettings, ProducerSettings, Protocol, Start, Topics,
};
use pelton_types::{Failure, FailureKind, Output, TopicPartition};
use tokio::sync::{Notify, Semaphore, watch};
use tracing::warn;

use super::Connection;
use crate::{
    budget::{Budget, CallMemory, HandlerShare},
    clock::Clock,
    component::Fault,
    flood::Floods,
    metrics::HandlerMetrics,
    overview::Shown,
    recording::Recording,
};

/// The part of a handler that does not change while it runs.
pub(crate) struct Shared {
    pub name: String,
    pub group: String,
    pub policy: Policy,
    /// Whether an operator has paused it.
    pub paused: watch::Receiver<bool>,
    pub outputs: Vec<Arc<str>>,
    pub dead_letter_topic: Option<Arc<str>>,
    /// Where its dead letters are redriven to.
    pub retry_topic: Option<String>,
    /// How long a partition may stand still before that is reported.
    pub stall_after: Duration,
    pub metrics: HandlerMetrics,
    pub clock: Clock,
    /// One permit for each instance that may be at work.
    pub instances: Arc<Semaphore>,
    /// The memory of the process.
    pub budget: Arc<Budget>,
    /// What it may hold of that itself.
    pub share: HandlerShare,
    /// What its calls may take of that.
    pub call_memory: Arc<CallMemory>,
    /// What is shown of it to who asks.
    pub shown: Shown,
    /// How much is said of single messages.
    pub floods: Floods,
    record_to: Option<PathBuf>,
    last_fault: Mutex<Option<Fault>>,
    /// The member of the group that it is, or was last.
    member: Mutex<Option<Consumer>>,
}

/// Recordings that were begun. Counted for the whole process: a handler may begin anew in it.
static RECORDINGS: AtomicU64 = AtomicU64::new(0);

impl Shared {
    pub(crate) fn new(
        handler: &config::Handler,
        paused: watch::Receiver<bool>,
        metrics: HandlerMetrics,
        clock: Clock,
        budget: Arc<Budget>,
        share: HandlerShare,
        record_to: Option<PathBuf>,
    ) -> Self {
        Self {
            name: handler.name.clone(),
            group: handler.group.clone(),
            policy: policy(handler, share),
            paused,
            outputs: handler
                .outputs
                .iter()
                .map(|topic| Arc::from(topic.as_str()))
                .collect(),
            dead_letter_topic: handler.dead_letter_topic().map(Arc::from),
            retry_topic: handler.retry_topic(),
            stall_after: handler.stall_after,
            metrics,
            clock,
            instances: Arc::new(Semaphore::new(handler.limits.instances.get() as usize)),
            budget,
            share,
            call_memory: Arc::new(CallMemory::new(share.calls)),
            shown: Shown::default(),
            floods: Floods::new(&handler.name),
            record_to,
            last_fault: Mutex::default(),
            member: Mutex::default(),
        }
    }

    /// It is this member of its group now.
    pub(crate) fn joins_as(&self, consumer: &Consumer) {
        *self.member.lock() = Some(consumer.clone());
    }

    /// Waits until the last member that it was is gone, whatever became of who drove it.
    pub(crate) async fn member_gone(&self) {
        let member = self.member.lock().clone();
        if let Some(consumer) = member {
            consumer.close().await;
        }
    }

    /// An attempt has cost its instance.
    pub(crate) fn faulted(&self, fault: Fault) {
        *self.last_fault.lock() = Some(fault);
    }

    /// The last attempt that did.
    pub(crate) fn last_fault(&self) -> Option<Fault> {
        self.last_fault.lock().clone()
    }

    /// Begins the recording of a partition, where recordings are asked for.
    pub(crate) fn record(
        &self,
        partition: &TopicPartition,
        start: &Checkpoint,
    ) -> Option<Recording> {
        let nth = RECORDINGS.fetch_add(1, Ordering::Relaxed);
        Recording::begin(
            self.record_to.as_ref()?,
            &self.name,
            partition,
            nth,
            &self.policy,
            start,
        )
        .inspect_err(|error| warn!(handler = %self.name, %error, "dispatch can't be recorded"))
        .ok()
    }

    /// The failure of a message that has an output to a topic which the handler may not write to.
    pub(crate) fn forbidden_topic(&self, outputs: &[Output]) -> Option<Failure> {
        let wrong =
            |output: &Output| config::forbidden_topic(&self.outputs, output.topic.as_deref());
        outputs
            .iter()
            .find_map(wrong)
            .map(|text| Failure::new(FailureKind::Contract, text))
    }
}

/// In milliseconds.
const EMBEDDED_FETCH_WAIT: &str = "20";

/// The settings of a handler's consumer.
pub(super) fn consumer_settings(
    handler: &config::Handler,
    connection: &Connection,
    share: HandlerShare,
    retry: Option<String>,
) -> ConsumerSettings {
    let mut properties = connection.with(&handler.consumer_properties);
    if connection.embedded {
        // It answers a fetch that found nothing only when this is over, whatever has come meanwhile.
        properties
            .entry("fetch.wait.max.ms".to_owned())
            .or_insert_with(|| EMBEDDED_FETCH_WAIT.to_owned());
    }
    ConsumerSettings {
        bootstrap: connection.bootstrap.clone(),
        client_id: client_id(handler),
        group: handler.group.clone(),
        topics: match &handler.topics {
            config::Topics::List(topics) => Topics::List(topics.clone()),
            config::Topics::Pattern(pattern) => Topics::Pattern(pattern.clone()),
        },
        start: match handler.start {
            config::Start::Earliest => Start::Earliest,
            config::Start::Latest => Start::Latest,
            config::Start::Error => Start::Error,
        },
        protocol: match handler.group_protocol {
            config::GroupProtocol::Cooperative => Protocol::Cooperative,
            config::GroupProtocol::Eager => Protocol::Eager,
            config::GroupProtocol::Consumer => Protocol::Consumer,
        },
        instance_id: handler.instance_id.clone(),
        drain_timeout: handler.drain_timeout,
        memory: ConsumerMemory {
            fetched: share.fetched,
            handed_on: share.handed_on,
        },
        properties,
        retry,
        exclude: handler
            .dead_letter_topic()
            .map(str::to_owned)
            .into_iter()
            .collect(),
    }
}

/// The largest message that a producer takes unless it is told otherwise; its queue must take two of them.
const LARGEST_MESSAGE: u64 = 1 << 20;
/// librdkafka's own limit of a batch.
const LARGEST_BATCH: u32 = 1_000_000;

/// The settings of a handler's producer. No batch is larger than what every topic it writes to takes.
pub(super) fn producer_settings(
    handler: &config::Handler,
    connection: &Connection,
    share: HandlerShare,
    largest_batch: Option<u32>,
) -> ProducerSettings {
    let mut properties = connection.with(&handler.producer_properties);
    if let Some(bytes) = largest_batch {
        // A broker refuses a batch as a whole, and librdkafka does not split it: innocent messages would go with it.
        let bytes = bytes.min(LARGEST_BATCH).to_string();
        properties.entry("batch.size".to_owned()).or_insert(bytes);
    }
    let largest = largest_message(&properties).unwrap_or(LARGEST_MESSAGE);
    let least = largest.saturating_mul(2);
    ProducerSettings {
        bootstrap: connection.bootstrap.clone(),
        client_id: client_id(handler),
        queue_bytes: Some(share.producer.max(least)),
        properties,
    }
}

/// The largest message that a producer with these properties takes, where they say.
pub(super) fn largest_message(properties: &BTreeMap<String, String>) -> Option<u64> {
    properties.get("message.max.bytes")?.parse().ok()
}

pub(super) fn client_id(handler: &config::Handler) -> String {
    format!("pelton-{}", handler.name)
}

/// What a broker takes as the metadata of a commit (`offset.metadata.max.bytes`), by default.
const METADATA_BYTES: u32 = 4096;

fn policy(handler: &config::Handler, share: HandlerShare) -> Policy {
    Policy {
        guarantee: match handler.guarantee {
            config::Guarantee::AtLeastOnce => Guarantee::AtLeastOnce,
            config::Guarantee::ExactlyOnce => Guarantee::ExactlyOnce,
        },
        retry: Retry {
            attempts: handler.retry.attempts,
            backoff: handler.retry.backoff,
            max_backoff: handler.retry.max_backoff,
            jitter_percent: handler.retry.jitter_percent,
            jitter_seed: u64::from(std::process::id()),
        },
        on_exhausted: match handler.on_exhausted {
            config::OnExhausted::DeadLetter { .. } => OnExhausted::DeadLetter,
            config::OnExhausted::Skip => OnExhausted::Skip,
            config::OnExhausted::Stop => OnExhausted::Stop,
        },
        order: match handler.order {
            config::Order::Partition => Order::Partition,
            config::Order::Key => Order::Key,
            config::Order::None => Order::None,
        },
        in_flight: handler.in_flight,
        calls: handler.limits.instances,
        batch_messages: handler.batch.messages,
        batch_bytes: handler.batch.bytes.get().min(share.batch()),
        batch_target: handler.batch.target_time,
        buffer_messages: handler.buffer.messages,
        buffer_bytes: handler.buffer.bytes.get(),
        commit_interval: handler.commit_interval,
        metadata_bytes: METADATA_BYTES,
    }
}

/// What a handler can't go on with, and begins anew after.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the producer can't go on: {0}")]
    Producer(String),
    #[error("a partition's task died")]
    Task,
    #[error("outputs of partitions that were given up were still on their way")]
    Stale,
    /// No new life of the handler mends it.
    #[error("{0}")]
    Refused(String),
}

/// Told by a partition when its handler can't go on; heard by the handler.
#[derive(Clone, Default)]
pub(crate) struct Trouble(Arc<(Mutex<Option<Broken>>, Notify)>);

impl Trouble {
    pub(crate) fn happened_to(&self, what: Broken) {
        self.0.0.lock().get_or_insert(what);
        self.0.1.notify_one();
    }

    /// Waits until it happens.
    pub(crate) async fn happened(&self) -> Broken {
        loop {
            if let Some(what) = &*self.0.0.lock() {
                return what.clone();
            }
            self.0.1.notified().await;
        }
    }
}

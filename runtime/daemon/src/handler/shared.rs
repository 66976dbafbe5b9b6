//! What every partition of a handler shares.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use pelton_config as config;
use pelton_dispatch::{Checkpoint, Policy};
use pelton_kafka::Consumer;
use pelton_types::{Failure, FailureKind, Output, TopicPartition};
use tokio::sync::{Semaphore, watch};
use tracing::warn;

use super::policy::policy;
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
        self.shown.faulted(fault);
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

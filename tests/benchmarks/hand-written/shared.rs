//! What the loop and the callbacks of its consumer share: the producer, and where each partition stands.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance},
    error::KafkaResult,
    producer::{BaseProducer, Producer},
};

use crate::{acknowledged::Outstanding, settings::Settings};

/// More partitions than any input of the bench has.
const PARTITIONS: usize = 4096;
/// How long a revocation waits for acknowledgements.
const FLUSH: Duration = Duration::from_secs(10);

/// See the module.
pub struct Shared {
    pub producer: BaseProducer<Outstanding>,
    input: String,
    /// The next offset of each partition; negative where nothing was taken since the partition was assigned.
    next: Vec<AtomicI64>,
    revoked: AtomicBool,
}

impl Shared {
    /// Makes the producer.
    ///
    /// # Errors
    /// When librdkafka doesn't like its settings.
    pub fn new(settings: &Settings) -> Result<Arc<Self>> {
        let outstanding = Outstanding::default();
        Ok(Arc::new(Self {
            producer: settings.producer().create_with_context(outstanding)?,
            input: settings.input.clone(),
            next: (0..PARTITIONS).map(|_| AtomicI64::new(-1)).collect(),
            revoked: AtomicBool::new(false),
        }))
    }

    /// A message was taken.
    pub fn took(&self, partition: i32, offset: i64) {
        self.next[partition as usize].store(offset + 1, Ordering::Relaxed);
    }

    /// Where each partition stands.
    ///
    /// # Errors
    /// None that a list of numbers could have.
    pub fn positions(&self) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for (partition, next) in (0..).zip(&self.next) {
            let next = next.load(Ordering::Relaxed);
            if next >= 0 {
                list.add_partition_offset(&self.input, partition, Offset::Offset(next))?;
            }
        }
        Ok(list)
    }

    /// Whether partitions were taken away since this was last asked.
    pub fn was_revoked(&self) -> bool {
        self.revoked.load(Ordering::Relaxed) && self.revoked.swap(false, Ordering::Relaxed)
    }
}

/// The consumer's context: what is given up is acknowledged and committed before.
pub struct OnRebalance(pub Arc<Shared>);

impl ClientContext for OnRebalance {}

impl ConsumerContext for OnRebalance {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if !matches!(rebalance, Rebalance::Revoke(_)) {
            return;
        }
        let shared = &self.0;
        let committed = shared.producer.flush(FLUSH).and_then(|()| {
            let positions = shared.positions()?;
            match positions.count() {
                0 => Ok(()),
                _ => consumer.commit(&positions, CommitMode::Sync),
            }
        });
        if let Err(error) = committed {
            eprintln!("the next owner repeats what could not be committed: {error}");
        }
        // By the eager protocol all partitions go.
        for next in &shared.next {
            next.store(-1, Ordering::Relaxed);
        }
        shared.revoked.store(true, Ordering::Relaxed);
    }
}

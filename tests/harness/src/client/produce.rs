//! Producing: everything acknowledged, or an error.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rdkafka::{
    ClientContext, Message as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer, ProducerContext},
};

use super::{Client, Draft, REQUEST_LIMIT};

/// Where each message of a `produce` went, by its position there; or what went wrong.
type Placements = Arc<Mutex<Vec<Result<(i32, i64), KafkaError>>>>;

/// Collects what the broker says to each message.
struct Collector {
    placements: Placements,
}

impl ClientContext for Collector {}

impl ProducerContext for Collector {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, position: Box<usize>) {
        let placement = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        let mut placements = self
            .placements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = placements.get_mut(*position) {
            *slot = placement;
        }
    }
}

impl Client {
    /// Produces all of these, in order for each partition, and returns the partition and offset of each
    /// once all are acknowledged by all replicas. Keys are placed as Java's and KafkaJS's clients do.
    ///
    /// # Errors
    /// When one of them can't be produced.
    pub fn produce(&self, topic: &str, drafts: &[Draft]) -> Result<Vec<(i32, i64)>> {
        self.produce_over(topic, drafts, Duration::ZERO)
    }

    /// As [`Client::produce`], spread evenly over a time: a load that is there while something else happens.
    ///
    /// # Errors
    /// When one of them can't be produced.
    pub fn produce_over(
        &self,
        topic: &str,
        drafts: &[Draft],
        time: Duration,
    ) -> Result<Vec<(i32, i64)>> {
        let unanswered = || Err(KafkaError::MessageProduction(RDKafkaErrorCode::InProgress));
        let placements: Placements =
            Arc::new(Mutex::new(drafts.iter().map(|_| unanswered()).collect()));
        let mut config = self.config();
        config
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("queue.buffering.max.messages", "1000000")
            // As large as brokers take them.
            .set("message.max.bytes", "1048588");
        let producer: BaseProducer<Collector> = config.create_with_context(Collector {
            placements: placements.clone(),
        })?;
        let start = Instant::now();
        for (position, draft) in drafts.iter().enumerate() {
            // In steps of a hundred: a sleep for each would take longer than the time there is.
            if position % 100 == 0 {
                let due = time.mul_f64(position as f64 / drafts.len() as f64);
                thread::sleep(due.saturating_sub(start.elapsed()));
            }
            send(&producer, topic, position, draft)?;
        }
        producer
            .flush(REQUEST_LIMIT)
            .context("not everything was acknowledged")?;
        drop(producer);
        let mut placements = placements.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *placements)
            .into_iter()
            .enumerate()
            .map(|(position, placement)| {
                placement.with_context(|| format!("message {position} to {topic}"))
            })
            .collect()
    }
}

/// Hands one message to librdkafka, waiting while its queue is full.
fn send(
    producer: &BaseProducer<Collector>,
    topic: &str,
    position: usize,
    draft: &Draft,
) -> Result<()> {
    let mut headers = OwnedHeaders::new_with_capacity(draft.headers.len());
    for (name, value) in &draft.headers {
        headers = headers.insert(Header {
            key: name,
            value: value.as_deref(),
        });
    }
    let mut record: BaseRecord<'_, [u8], [u8], Box<usize>> =
        BaseRecord::with_opaque_to(topic, Box::new(position)).headers(headers);
    record.key = draft.key.as_deref();
    record.payload = draft.value.as_deref();
    record.partition = draft.partition;
    record.timestamp = draft.timestamp;
    loop {
        match producer.send(record) {
            Ok(()) => break,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(10));
                record = back;
            }
            Err((error, _)) => bail!("can't produce message {position} to {topic}: {error}"),
        }
    }
    producer.poll(Duration::ZERO);
    Ok(())
}

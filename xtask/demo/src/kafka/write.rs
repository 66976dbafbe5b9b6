//! Producing.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rdkafka::{
    ClientContext, Message as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer},
};

use super::{REQUEST, client};
use crate::message::{Message, Placed};

/// Where each message went, by the order of sending.
type Reports = Arc<Mutex<Vec<Option<Result<(i32, i64), String>>>>>;

/// A producer that places keys as Java's and KafkaJS's clients do.
pub struct Writer {
    producer: ThreadedProducer<Collector>,
    sent: Vec<Message>,
    reports: Reports,
}

struct Collector(Reports);

impl ClientContext for Collector {}

impl ProducerContext for Collector {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, position: Box<usize>) {
        let report = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.to_string()),
        };
        let mut reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = reports.get_mut(*position) {
            *slot = Some(report);
        }
    }
}

impl Writer {
    /// A producer on these brokers.
    ///
    /// # Errors
    /// librdkafka refuses.
    pub fn new(bootstrap: &str) -> Result<Self> {
        let reports = Reports::default();
        let mut config = client(bootstrap);
        config
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5");
        let producer = config
            .create_with_context(Collector(reports.clone()))
            .context("can't make a producer")?;
        Ok(Self {
            producer,
            sent: Vec::new(),
            reports,
        })
    }

    /// Sends a message, without waiting for the broker.
    ///
    /// # Errors
    /// librdkafka refuses it.
    pub fn send(&mut self, message: Message) -> Result<()> {
        self.reports
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(None);
        let position = self.sent.len();
        while let Err(error) = self.try_send(&message, position) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error).with_context(|| format!("can't produce to {}", message.topic));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.sent.push(message);
        Ok(())
    }

    fn try_send(&self, message: &Message, position: usize) -> Result<(), KafkaError> {
        let mut headers = OwnedHeaders::new_with_capacity(message.headers.len());
        for (key, value) in &message.headers {
            headers = headers.insert(Header {
                key,
                value: value.as_deref(),
            });
        }
        let mut record: BaseRecord<'_, [u8], [u8], Box<usize>> =
            BaseRecord::with_opaque_to(&message.topic, Box::new(position))
                .headers(headers)
                .timestamp(message.timestamp);
        record.key = message.key.as_deref();
        record.payload = message.value.as_deref();
        self.producer.send(record).map_err(|(error, _)| error)
    }

    /// Waits until everything is acknowledged, and says where it is.
    ///
    /// # Errors
    /// A message could not be produced.
    pub fn finish(self) -> Result<Vec<Placed>> {
        let begun = Instant::now();
        self.producer
            .flush(REQUEST * 3)
            .context("the broker did not acknowledge everything")?;
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let placed = self.sent.into_iter().zip(reports.iter());
        let placed = placed.map(|(message, report)| match report {
            Some(Ok((partition, offset))) => Ok(Placed {
                partition: *partition,
                offset: *offset,
                message,
            }),
            Some(Err(error)) => bail!("can't produce to {}: {error}", message.topic),
            None => bail!(
                "the broker said nothing of a message to {} for {} s",
                message.topic,
                begun.elapsed().as_secs()
            ),
        });
        placed.collect()
    }
}

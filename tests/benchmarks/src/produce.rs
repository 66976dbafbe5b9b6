//! Fills the input topic before anything is measured.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::{
    ClientConfig, ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer, ProducerContext},
};

use crate::input::{self, Message};

const LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);

/// Refusals end the process: a bench on half of its input shows nothing.
pub struct Acknowledged;

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            eprintln!("error: an input could not be written: {error}");
            std::process::exit(1);
        }
    }
}

/// Writes messages 0 to `count`, each where its key belongs.
///
/// # Errors
/// When they aren't acknowledged in time.
pub fn fill(bootstrap: &str, topic: &str, count: usize, size: usize) -> Result<()> {
    let producer = producer(bootstrap)?;
    let mut message = Message::default();
    for number in 0..count {
        message.become_number(number, size);
        send(&producer, topic, &message)?;
        if number % 256 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer
        .flush(LIMIT)
        .context("the input is not acknowledged")
}

/// The client of those who write to the input.
///
/// # Errors
/// When librdkafka can't make one.
pub fn producer(bootstrap: &str) -> Result<BaseProducer<Acknowledged>> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "pelton-bench-writer")
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "5")
        .set("message.max.bytes", "2000000")
        .create_with_context(Acknowledged)?)
}

/// Hands over one message, waiting while the queue is full.
///
/// # Errors
/// When it isn't taken.
pub fn send(producer: &BaseProducer<Acknowledged>, topic: &str, message: &Message) -> Result<()> {
    let headers = input::headers(message).into_iter().fold(
        OwnedHeaders::new_with_capacity(2),
        |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        },
    );
    let mut record = BaseRecord::to(topic)
        .key(&message.key)
        .payload(&message.value)
        .headers(headers);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(POLL);
                record = back;
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

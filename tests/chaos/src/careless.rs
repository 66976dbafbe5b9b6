//! A consumer that is broken on purpose: it commits each message at once, while its output waits in the producer.
//!
//! It is what the checker is shown to object to: kill it, and messages are lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, bail};
use rdkafka::{
    ClientConfig, Message as _,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer},
};
use signal_hook::consts::SIGTERM;

use crate::subject::{GROUP, INPUT, OUTPUT};

/// How long outputs wait for more: long enough for a kill to find some.
const LINGER: &str = "400";

/// Consumes until SIGTERM.
pub fn run(bootstrap: &str) -> Result<()> {
    let told = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGTERM, Arc::clone(&told))?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("linger.ms", LINGER)
        .set("batch.num.messages", "1000000")
        .set("partitioner", "murmur2_random")
        .create()?;
    let consumer = consumer(bootstrap)?;
    while !told.load(Ordering::Relaxed) {
        producer.poll(Duration::ZERO);
        // A broker that is away comes back.
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) else {
            continue;
        };
        forward(&producer, &message)?;
        // Here is the fault: nobody has acknowledged the output yet.
        let _ = consumer.commit_message(&message, CommitMode::Async);
    }
    Ok(producer.flush(Duration::from_secs(10))?)
}

/// A member of the group, missed as soon as Pelton's daemons are. It commits what it is told to.
pub fn consumer(bootstrap: &str) -> Result<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", GROUP)
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "500")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()?;
    consumer.subscribe(&[INPUT])?;
    Ok(consumer)
}

/// Hands the message as it is to the producer, waiting while its queue is full.
pub fn forward(
    producer: &BaseProducer<DefaultProducerContext>,
    message: &BorrowedMessage<'_>,
) -> Result<()> {
    let (key, value) = (message.key(), message.payload());
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(OUTPUT);
    record.key = key;
    record.payload = value;
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(10));
                record = back;
            }
            Err((error, _)) => bail!("can't forward: {error}"),
        }
    }
}

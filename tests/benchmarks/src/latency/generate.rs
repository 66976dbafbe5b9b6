//! Sends at a fixed rate, whatever becomes of the messages. Each bears the time when it was to be sent, so that one that is
//! sent late counts as late.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::producer::Producer;

use crate::{input::Message, produce};

const LIMIT: Duration = Duration::from_secs(60);
/// What is due is sent together: a wake-up for each message would fall behind.
const STEP: Duration = Duration::from_millis(1);

/// So many messages of that size. Returns when all of them are acknowledged.
///
/// # Errors
/// When they aren't in time.
pub fn send(
    bootstrap: &str,
    topic: &str,
    (count, size): (usize, usize),
    rate: f64,
    start: Instant,
) -> Result<()> {
    let producer = produce::producer(bootstrap)?;
    let (mut message, mut sent) = (Message::default(), 0);
    while sent < count {
        let due = (start.elapsed().as_secs_f64() * rate) as usize;
        for number in sent..due.min(count) {
            message.become_number(number, size);
            let intended = (number as f64 / rate * 1e6) as usize;
            message.trace = format!("{intended:016x}").into_bytes();
            produce::send(&producer, topic, &message)?;
        }
        sent = sent.max(due);
        producer.poll(STEP);
    }
    let flushed = producer.flush(LIMIT);
    flushed.context("what was sent is not acknowledged")
}

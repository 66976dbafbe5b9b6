//! What came out, message by message, against what went in.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use pelton_bench_work::COPIED_HEADER;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Headers as _},
};
use serde_json::Value;

use crate::{
    input::{self, Message, OTHER_HEADER},
    options::Work,
    place::Place,
};

const SILENCE: Duration = Duration::from_secs(30);

/// Reads the output topic to its end: each message that should have come out must be there once, whole and behind the
/// earlier ones of its partition.
///
/// # Errors
/// When something is missing, doubled, out of order or other than it should be.
pub fn outputs(place: &Place<'_>, count: usize, size: usize) -> Result<()> {
    let consumer = reader(place)?;
    let mut check = Check {
        work: place.work,
        size,
        seen: vec![false; count],
        latest: vec![0; place.partitions as usize],
        message: Message::default(),
        expected: Vec::new(),
    };
    let mut left = place.partitions;
    while left > 0 {
        match consumer.poll(SILENCE) {
            Some(Ok(message)) => check.take(&message)?,
            Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
            Some(Err(error)) => return Err(error.into()),
            None => bail!("nothing came out for {SILENCE:?}"),
        }
    }
    let missing = (0..count)
        .filter(|number| input::is_kept(place.work, *number) && !check.seen[*number])
        .count();
    ensure!(missing == 0, "{missing} messages never came out");
    Ok(())
}

/// Reads the output topic from its beginning.
///
/// # Errors
/// When librdkafka can't make a client.
pub fn reader(place: &Place<'_>) -> Result<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", place.cluster.bootstrap())
        .set("client.id", "pelton-bench-reader")
        .set("group.id", "pelton-bench-reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("fetch.queue.backoff.ms", "5")
        .create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..place.partitions {
        list.add_partition_offset(&place.name, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    Ok(consumer)
}

struct Check {
    work: Work,
    size: usize,
    /// Which numbers came out.
    seen: Vec<bool>,
    /// The largest number of each partition.
    latest: Vec<usize>,
    message: Message,
    expected: Vec<u8>,
}

impl Check {
    fn take(&mut self, found: &BorrowedMessage<'_>) -> Result<()> {
        let trace = header(found, COPIED_HEADER);
        let number = trace.and_then(input::number);
        let Some(number) = number.filter(|number| *number < self.seen.len()) else {
            bail!("an output that nobody put in, at offset {}", found.offset());
        };
        ensure!(
            input::is_kept(self.work, number),
            "message {number} should have been dropped"
        );
        ensure!(!self.seen[number], "message {number} came out twice");
        self.seen[number] = true;
        let latest = &mut self.latest[found.partition() as usize];
        ensure!(
            *latest <= number,
            "message {number} came out after message {latest}"
        );
        *latest = number;
        self.message.become_number(number, self.size);
        ensure!(
            found.key() == Some(&self.message.key),
            "the key of message {number} is another"
        );
        let headers = found.headers().map_or(0, |headers| headers.count());
        let (expected, other) = match self.work {
            Work::Passthrough => (2, Some(OTHER_HEADER.1)),
            Work::Enrich => (1, None),
        };
        ensure!(
            headers == expected && header(found, OTHER_HEADER.0) == other,
            "the headers of message {number} are others"
        );
        input::expected(self.work, &self.message.value, &mut self.expected)?;
        let value = found.payload().unwrap_or_default();
        ensure!(
            value == self.expected || self.work == Work::Enrich && same_json(value, &self.expected),
            "the value of message {number} is another: {}",
            String::from_utf8_lossy(value)
        );
        Ok(())
    }
}

/// The value of the first header of this name.
pub fn header<'m>(message: &'m BorrowedMessage<'_>, name: &str) -> Option<&'m [u8]> {
    let headers = message.headers()?;
    headers.iter().find(|header| header.key == name)?.value
}

/// Whether two texts are the same JSON: not everybody keeps the order of fields.
fn same_json(one: &[u8], other: &[u8]) -> bool {
    let read = |text: &[u8]| serde_json::from_slice::<Value>(text).ok();
    read(one).is_some() && read(one) == read(other)
}

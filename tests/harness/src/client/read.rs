//! Reading topics from their beginning, outside any group, as `read_committed`.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Headers},
};

use super::{Client, Message, REQUEST_LIMIT};

impl Client {
    /// All that stands in the topic now, partition by partition in order. Transactions that are open are waited for.
    ///
    /// # Errors
    /// When the topic can't be read to its end.
    pub fn read_all(&self, topic: &str) -> Result<Vec<Message>> {
        self.probe("pelton-harness-reader")?.wait_until_closed(
            topic,
            self.partitions(topic)?,
            REQUEST_LIMIT,
        )?;
        self.read(topic, REQUEST_LIMIT, |_, at_end| at_end)
    }

    /// Reads until there are at least `count` messages, then on to the end.
    ///
    /// # Errors
    /// When there are fewer after `limit`.
    pub fn read_at_least(
        &self,
        topic: &str,
        count: usize,
        limit: Duration,
    ) -> Result<Vec<Message>> {
        self.read(topic, limit, |messages, at_end| {
            at_end && messages.len() >= count
        })
    }

    /// Reads until nothing new has come for `quiet`.
    ///
    /// # Errors
    /// When it never falls quiet within `limit`.
    pub fn read_until_quiet(
        &self,
        topic: &str,
        quiet: Duration,
        limit: Duration,
    ) -> Result<Vec<Message>> {
        let (mut count, mut since) = (0, Instant::now());
        self.read(topic, limit, |messages, at_end| {
            if messages.len() != count {
                (count, since) = (messages.len(), Instant::now());
            }
            at_end && since.elapsed() >= quiet
        })
    }

    /// Reads the topic from its beginning until `enough` says so. It is asked after each message and at
    /// least ten times a second, with all messages so far and whether every partition's end is reached.
    ///
    /// # Errors
    /// When it isn't enough within `limit`, or the broker fails.
    pub fn read(
        &self,
        topic: &str,
        limit: Duration,
        mut enough: impl FnMut(&[Message], bool) -> bool,
    ) -> Result<Vec<Message>> {
        let partitions = self.partitions(topic)?;
        let consumer = self.consumer("pelton-harness-reader")?;
        assign_from_beginning(&consumer, topic, partitions)?;
        let start = Instant::now();
        let mut open: BTreeSet<i32> = (0..partitions).collect();
        let mut messages = Vec::new();
        loop {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    open.insert(message.partition());
                    messages.push(convert(&message));
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                Some(Err(error)) => bail!("can't read {topic}: {error}"),
                None => {}
            }
            if enough(&messages, open.is_empty()) {
                return Ok(messages);
            }
            if start.elapsed() > limit {
                bail!(
                    "{topic} holds {} messages after {limit:?}, which isn't enough",
                    messages.len()
                );
            }
        }
    }

    /// The offset after the last message of each partition.
    ///
    /// # Errors
    /// When the broker doesn't say.
    pub fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        let consumer = self.consumer("pelton-harness-reader")?;
        let partitions = 0..self.partitions(topic)?;
        partitions
            .map(|partition| {
                Ok(consumer
                    .fetch_watermarks(topic, partition, REQUEST_LIMIT)?
                    .1)
            })
            .collect()
    }
}

/// Assigns all partitions of a topic, each at its first message.
fn assign_from_beginning(consumer: &BaseConsumer, topic: &str, partitions: i32) -> Result<()> {
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    Ok(consumer.assign(&list)?)
}

/// Copies a message out of librdkafka.
fn convert(message: &BorrowedMessage<'_>) -> Message {
    let headers = message.headers().map(|headers| {
        let copy = |header: rdkafka::message::Header<'_, &[u8]>| {
            (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
        };
        headers.iter().map(copy).collect()
    });
    Message {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}

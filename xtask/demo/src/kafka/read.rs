//! Reading, outside of any consumer group.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, Location, catch_unwind, set_hook, take_hook},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Headers as _},
};

use super::{REQUEST, client};
use crate::{
    message::{Headers, Message, Placed},
    scene,
};

/// Reads topics from their beginning on.
pub struct Reader(BaseConsumer);

impl Reader {
    /// A reader of all partitions of these topics.
    ///
    /// # Errors
    /// librdkafka refuses.
    pub fn new(bootstrap: &str, topics: &[&str]) -> Result<Self> {
        let mut config = client(bootstrap);
        // The group is never joined: librdkafka wants a name all the same.
        config
            .set("group.id", "pelton-demo")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "50");
        let consumer: BaseConsumer = config.create().context("can't make a consumer")?;
        let mut all = TopicPartitionList::new();
        for topic in topics {
            for partition in 0..scene::PARTITIONS {
                all.add_partition_offset(topic, partition, Offset::Beginning)?;
            }
        }
        consumer.assign(&all).context("can't read the topics")?;
        Ok(Self(consumer))
    }

    /// The next message, if one comes in this time.
    ///
    /// # Errors
    /// The broker can't be read from.
    pub fn next(&self, wait: Duration) -> Result<Option<Placed>> {
        let message = self.0.poll(wait).transpose();
        Ok(message
            .context("can't read from the broker")?
            .as_ref()
            .map(placed))
    }
}

/// Everything that is in these topics now.
///
/// # Errors
/// The broker can't be read from, or not in time.
pub fn read_all(bootstrap: &str, topics: &[&str], limit: Duration) -> Result<Vec<Placed>> {
    let deadline = Instant::now() + limit;
    let reader = Reader::new(bootstrap, topics)?;
    let mut open = HashMap::new();
    for topic in topics {
        for partition in 0..scene::PARTITIONS {
            let (low, high) = reader
                .0
                .fetch_watermarks(topic, partition, REQUEST)
                .with_context(|| format!("can't ask for the end of {topic}/{partition}"))?;
            if high > low {
                open.insert(((*topic).to_owned(), partition), high);
            }
        }
    }
    let mut all = Vec::new();
    while !open.is_empty() {
        ensure!(
            Instant::now() < deadline,
            "{} partitions were not read to their end in {} s",
            open.len(),
            limit.as_secs()
        );
        let Some(message) = reader.next(Duration::from_millis(100))? else {
            continue;
        };
        let partition = (message.message.topic.clone(), message.partition);
        if open
            .get(&partition)
            .is_some_and(|high| message.offset + 1 >= *high)
        {
            open.remove(&partition);
        }
        all.push(message);
    }
    Ok(all)
}

/// The next offset that a group has committed in each partition of a topic; 0 where it has committed nothing.
///
/// # Errors
/// The broker doesn't say.
pub fn committed(bootstrap: &str, group: &str, topic: &str) -> Result<Vec<i64>> {
    let mut config = client(bootstrap);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().context("can't make a consumer")?;
    let mut all = TopicPartitionList::new();
    all.add_partition_range(topic, 0, scene::PARTITIONS - 1);
    // A list of librdkafka's that outlives its consumer would block the consumer's end.
    let said = consumer
        .committed_offsets(all, REQUEST)
        .with_context(|| format!("can't ask what {group} has committed"))?;
    let offset = |partition| match said.find_partition(topic, partition)?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    };
    let offsets = (0..scene::PARTITIONS).map(|partition| offset(partition).unwrap_or(0));
    let offsets = offsets.collect();
    drop(said);
    Ok(offsets)
}

/// Says nothing of the panics that [`headers`] catches.
pub fn keep_quiet_of_headers() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        let place = panic.location().map(Location::file);
        if !place.is_some_and(|file| file.contains("rdkafka")) {
            usual(panic);
        }
    }));
}

fn headers(read: &BorrowedMessage<'_>) -> Headers {
    let Some(headers) = read.headers() else {
        return Vec::new();
    };
    let header = |at| {
        let header = headers.get(at);
        (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
    };
    // The library panics at a name that is not UTF-8, and anyone may produce one.
    let unreadable = |_| ("(a name that is not UTF-8)".to_owned(), None);
    let header = |at| catch_unwind(AssertUnwindSafe(|| header(at))).unwrap_or_else(unreadable);
    (0..headers.count()).map(header).collect()
}

fn placed(read: &BorrowedMessage<'_>) -> Placed {
    Placed {
        partition: read.partition(),
        offset: read.offset(),
        message: Message {
            topic: read.topic().to_owned(),
            key: read.key().map(<[u8]>::to_vec),
            value: read.payload().map(<[u8]>::to_vec),
            headers: headers(read),
            timestamp: read.timestamp().to_millis().unwrap_or(-1),
        },
    }
}

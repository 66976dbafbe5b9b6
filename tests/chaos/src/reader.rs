//! The reader: follows the output topic from its beginning all the while, outside any group.
//!
//! Invariant: it keeps every message in the order of offsets, whatever happens to the broker meanwhile.

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail, ensure};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::BorrowedMessage,
};

use crate::{
    history::Output,
    progress::{Progress, lock},
    subject::OUTPUT,
    writer,
};

/// How long it may take to read what stands in the topic already.
const CATCH_UP: Duration = Duration::from_secs(60);

/// A reader at work.
pub struct Reader {
    /// Where it shall end, once that is known.
    until: Arc<Mutex<Option<Vec<i64>>>>,
    thread: JoinHandle<Result<Vec<Vec<Output>>>>,
}

impl Reader {
    /// Begins.
    pub fn start(bootstrap: &str, partitions: i32, progress: Arc<Progress>) -> Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", bootstrap)
            .set("client.id", "pelton-chaos-reader")
            .set("group.id", "pelton-chaos-reader")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "100")
            .set("reconnect.backoff.max.ms", "500")
            .set("auto.offset.reset", "error");
        let consumer: BaseConsumer = config.create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(OUTPUT, partition, Offset::Offset(0))?;
        }
        consumer.assign(&list)?;
        let until = Arc::new(Mutex::new(None));
        let own = Arc::clone(&until);
        let thread = thread::spawn(move || read(&consumer, partitions as usize, &own, &progress));
        Ok(Self { until, thread })
    }

    /// Reads up to these ends, and returns everything by partition.
    ///
    /// # Errors
    /// When that takes more than a minute, or the topic has offsets without a message.
    pub fn finish(self, ends: Vec<i64>) -> Result<Vec<Vec<Output>>> {
        *lock(&self.until) = Some(ends);
        let joined = self.thread.join();
        joined.map_err(|_| anyhow!("the reader's thread panicked"))?
    }
}

/// The thread.
fn read(
    consumer: &BaseConsumer,
    partitions: usize,
    until: &Mutex<Option<Vec<i64>>>,
    progress: &Progress,
) -> Result<Vec<Vec<Output>>> {
    let mut outputs: Vec<Vec<Output>> = vec![Vec::new(); partitions];
    let mut seen = Vec::new();
    let mut told = None;
    loop {
        // The broker is away now and then; librdkafka comes back to it by itself, and a gap would be seen below.
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            let output = convert(&message);
            let of_partition = &mut outputs[message.partition() as usize];
            ensure!(
                output.offset == of_partition.len() as i64,
                "the reader got offset {} where {} comes next",
                output.offset,
                of_partition.len()
            );
            of_partition.push(output);
            count(&mut seen, output, progress);
        }
        if let Some(ends) = &*lock(until) {
            let mut pairs = outputs.iter().zip(ends);
            if pairs.all(|(outputs, end)| outputs.len() as i64 >= *end) {
                return Ok(outputs);
            }
            if told.get_or_insert_with(Instant::now).elapsed() > CATCH_UP {
                bail!("the reader can't reach the end of the output topic");
            }
        }
    }
}

/// Counts it for the line of progress.
fn count(seen: &mut Vec<bool>, output: Output, progress: &Progress) {
    progress.out.fetch_add(1, Ordering::Relaxed);
    let Some(id) = output.id else {
        return;
    };
    if seen.len() <= id {
        seen.resize(id + 1, false);
    }
    if std::mem::replace(&mut seen[id], true) {
        progress.repeated.fetch_add(1, Ordering::Relaxed);
    }
}

fn convert(message: &BorrowedMessage<'_>) -> Output {
    Output {
        id: writer::id(message.payload()),
        offset: message.offset(),
        at: message.timestamp().to_millis().unwrap_or(0),
    }
}

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
    error::{KafkaError, RDKafkaErrorCode as Code},
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
/// After so long without a message, where there are some, another client goes on: librdkafka 2.12 can lose a partition
/// whose leader went and came back, and asks nobody for it any more.
const SILENT: Duration = Duration::from_secs(10);

/// A reader at work.
pub struct Reader {
    /// Where it shall end, once that is known.
    until: Arc<Mutex<Option<Vec<i64>>>>,
    thread: JoinHandle<Result<Vec<Vec<Output>>>>,
}

impl Reader {
    /// Begins.
    pub fn start(
        bootstrap: &str,
        partitions: i32,
        transactions: bool,
        progress: Arc<Progress>,
    ) -> Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", bootstrap)
            .set("client.id", "pelton-chaos-reader")
            .set("group.id", "pelton-chaos-reader")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "100")
            .set("reconnect.backoff.max.ms", "500")
            .set("auto.offset.reset", "error");
        let until = Arc::new(Mutex::new(None));
        let own = Arc::clone(&until);
        let partitions = partitions as usize;
        let consumer = client(&config, &vec![Vec::new(); partitions])?;
        let reading = Reading {
            config,
            partitions,
            transactions,
            progress,
        };
        let thread = thread::spawn(move || reading.read(consumer, &own));
        Ok(Self { until, thread })
    }

    /// Reads as much as another reader saw, and returns it if it is the same.
    ///
    /// # Errors
    /// When it is something else, or less after a minute.
    pub fn compare(self, seen: Vec<Vec<Output>>) -> Result<Vec<Vec<Output>>> {
        let own = self.finish(seen.iter().map(|one| one.len() as i64).collect())?;
        ensure!(
            own == seen,
            "who read all the while saw something else than who read at the end"
        );
        Ok(own)
    }

    /// Reads so many messages of each partition, and returns them by partition.
    ///
    /// # Errors
    /// When that takes more than a minute, or, without transactions, the topic has offsets without a message.
    pub fn finish(self, ends: Vec<i64>) -> Result<Vec<Vec<Output>>> {
        *lock(&self.until) = Some(ends);
        let joined = self.thread.join();
        joined.map_err(|_| anyhow!("the reader's thread panicked"))?
    }
}

/// What the thread knows.
struct Reading {
    config: ClientConfig,
    partitions: usize,
    /// The ends of transactions take offsets too, and so does what was aborted.
    transactions: bool,
    progress: Arc<Progress>,
}

impl Reading {
    /// The thread.
    fn read(
        &self,
        mut consumer: BaseConsumer,
        until: &Mutex<Option<Vec<i64>>>,
    ) -> Result<Vec<Vec<Output>>> {
        let mut outputs: Vec<Vec<Output>> = vec![Vec::new(); self.partitions];
        let mut seen = Vec::new();
        let (mut told, mut heard) = (None, Instant::now());
        loop {
            let polled = consumer.poll(Duration::from_millis(100));
            if let Some(Err(KafkaError::MessageConsumption(Code::AutoOffsetReset))) = &polled {
                // A broker that has just come back may call an offset out of range that is there, and librdkafka gives
                // the partition up.
                follow(&consumer, &outputs)?;
            }
            // The broker is away now and then; librdkafka comes back to it by itself, and a gap would be seen below.
            if let Some(Ok(message)) = polled {
                let output = convert(&message);
                let of_partition = &mut outputs[message.partition() as usize];
                let next = of_partition.last().map_or(0, |last| last.offset + 1);
                ensure!(
                    output.offset == next || self.transactions && output.offset > next,
                    "the reader got offset {} where {next} comes next",
                    output.offset,
                );
                of_partition.push(output);
                heard = Instant::now();
                count(&mut seen, output, &self.progress);
            }
            if let Some(ends) = &*lock(until) {
                let read: Vec<i64> = outputs.iter().map(|one| one.len() as i64).collect();
                if read.iter().zip(ends).all(|(read, end)| read >= end) {
                    return Ok(outputs);
                }
                if heard.elapsed() > SILENT {
                    consumer = client(&self.config, &outputs)?;
                    heard = Instant::now();
                }
                if told.get_or_insert_with(Instant::now).elapsed() > CATCH_UP {
                    bail!(
                        "the reader can't reach the end of the output topic: {read:?} of {ends:?}"
                    );
                }
            }
        }
    }
}

/// One that goes on from behind what was read.
fn client(config: &ClientConfig, outputs: &[Vec<Output>]) -> Result<BaseConsumer> {
    let consumer = config.create()?;
    follow(&consumer, outputs)?;
    Ok(consumer)
}

/// Reads each partition on from behind what was read of it.
fn follow(consumer: &BaseConsumer, outputs: &[Vec<Output>]) -> Result<()> {
    let mut list = TopicPartitionList::new();
    for (partition, read) in (0..).zip(outputs) {
        let next = read.last().map_or(0, |last| last.offset + 1);
        list.add_partition_offset(OUTPUT, partition, Offset::Offset(next))?;
    }
    Ok(consumer.assign(&list)?)
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

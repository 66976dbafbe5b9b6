//! The writer: messages with an id each, at the pace that the schedule needs, placed by plain librdkafka.
//!
//! Invariant: an id counts only when the broker has acknowledged it, and where it stands is what the broker said.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{BaseProducer, BaseRecord, Producer, ProducerContext},
};

use crate::{
    history::Place,
    progress::{Progress, lock},
    subject::INPUT,
};

/// How many keys there are.
pub const KEYS: usize = 997;

/// How long the last messages may take to be acknowledged.
const FLUSH_LIMIT: Duration = Duration::from_secs(60);

/// The value of a message: its id, and something to carry.
fn value(id: usize) -> String {
    format!(
        "{id} of user-{}: a message of a hundred bytes, as there are many of them everywhere ..........",
        id % KEYS
    )
}

/// The id in a value.
pub fn id(value: Option<&[u8]>) -> Option<usize> {
    let text = std::str::from_utf8(value?).ok()?;
    text.split(' ').next()?.parse().ok()
}

/// A writer at work.
pub struct Writer {
    orders: Arc<Orders>,
    thread: JoinHandle<Result<Vec<Place>>>,
}

/// What it is told, and what it tells.
struct Orders {
    total: Option<usize>,
    /// Messages in 1,000 seconds.
    pace: AtomicU64,
    handed_over: AtomicUsize,
    enough: AtomicBool,
    done: AtomicBool,
}

impl Writer {
    /// Begins. Without a total it writes until it is told that it is enough.
    pub fn start(bootstrap: &str, total: Option<usize>, progress: Arc<Progress>) -> Result<Self> {
        let orders = Arc::new(Orders {
            total,
            pace: AtomicU64::new(200_000),
            handed_over: AtomicUsize::new(0),
            enough: AtomicBool::new(false),
            done: AtomicBool::new(false),
        });
        let producer = producer(bootstrap, progress)?;
        let own = Arc::clone(&orders);
        let thread = thread::spawn(move || write(&producer, &own));
        Ok(Self { orders, thread })
    }

    /// Spreads what is left over this time, or writes so many a second where there is no total.
    pub fn pace(&self, time: Duration, endless: u64) {
        let handed_over = self.orders.handed_over.load(Ordering::Relaxed);
        let pace = match self.orders.total {
            Some(total) => {
                let left = total.saturating_sub(handed_over) as f64;
                (1_000.0 * left / time.as_secs_f64().max(1.0)) as u64
            }
            None => 1_000 * endless,
        };
        self.orders.pace.store(pace, Ordering::Relaxed);
    }

    /// Whether everything is written and acknowledged.
    pub fn is_done(&self) -> bool {
        self.orders.done.load(Ordering::Relaxed)
    }

    /// Writes what is left of the total (nothing more, where there is none), and says where everything stands.
    ///
    /// # Errors
    /// When a message could not be written: then the run shows nothing.
    pub fn finish(self) -> Result<Vec<Place>> {
        self.orders.enough.store(true, Ordering::Relaxed);
        let joined = self.thread.join();
        joined.map_err(|_| anyhow!("the writer's thread panicked"))?
    }
}

/// Collects where each message went.
struct Collector {
    places: Mutex<Vec<Option<Place>>>,
    failure: Mutex<Option<String>>,
    progress: Arc<Progress>,
}

impl ClientContext for Collector {}

impl ProducerContext for Collector {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, id: usize) {
        match result {
            Ok(message) => {
                let place = Place {
                    partition: message.partition() as usize,
                    offset: message.offset(),
                };
                let mut places = lock(&self.places);
                if places.len() <= id {
                    places.resize(id + 1, None);
                }
                places[id] = Some(place);
                self.progress.written.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => *lock(&self.failure) = Some(format!("message {id}: {error}")),
        }
    }
}

fn producer(bootstrap: &str, progress: Arc<Progress>) -> Result<BaseProducer<Collector>> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "pelton-chaos-writer")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "5")
        .set("reconnect.backoff.max.ms", "500")
        // An outage is waited out.
        .set("message.timeout.ms", "0");
    let collector = Collector {
        places: Mutex::new(Vec::new()),
        failure: Mutex::new(None),
        progress,
    };
    Ok(config.create_with_context(collector)?)
}

/// The thread.
fn write(producer: &BaseProducer<Collector>, orders: &Orders) -> Result<Vec<Place>> {
    let (mut id, mut due, mut last) = (0, 0.0, Instant::now());
    loop {
        let enough = orders.enough.load(Ordering::Relaxed);
        let all = orders.total.map_or(enough, |total| id >= total);
        if all {
            break;
        }
        // Told that it is enough, it hurries: ten times as fast, so that the end is a burst as well.
        let hurry = if enough { 10.0 } else { 1.0 };
        let pace = orders.pace.load(Ordering::Relaxed).max(50_000) as f64 / 1_000.0;
        due += hurry * pace * last.elapsed().as_secs_f64();
        last = Instant::now();
        while due >= 1.0 && orders.total.is_none_or(|total| id < total) {
            send(producer, id)?;
            id += 1;
            due -= 1.0;
        }
        orders.handed_over.store(id, Ordering::Relaxed);
        producer.poll(Duration::from_millis(5));
    }
    let flushed = producer.flush(FLUSH_LIMIT);
    flushed.context("not everything that was written was acknowledged")?;
    let collector = producer.context();
    if let Some(failure) = lock(&collector.failure).take() {
        bail!("the writer failed: {failure}");
    }
    let places: Option<Vec<Place>> = lock(&collector.places).drain(..).collect();
    let places = places.context("a message was neither acknowledged nor refused")?;
    anyhow::ensure!(
        places.len() == id,
        "{} of {id} messages were answered",
        places.len()
    );
    orders.done.store(true, Ordering::Relaxed);
    Ok(places)
}

/// Hands one message to librdkafka, waiting while its queue is full.
fn send(producer: &BaseProducer<Collector>, id: usize) -> Result<()> {
    let (key, value) = (format!("user-{}", id % KEYS), value(id));
    let mut record = BaseRecord::with_opaque_to(INPUT, id)
        .key(&key)
        .payload(&value);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(10));
                record = back;
            }
            Err((error, _)) => bail!("the writer can't write message {id}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_out_of_its_value() {
        assert_eq!(id(Some(value(41_007).as_bytes())), Some(41_007));
        assert_eq!(id(Some(b"nothing")), None);
        assert_eq!(id(Some(b"\xff")), None);
        assert_eq!(id(None), None);
    }
}

//! A consumer that is broken on purpose: its outputs go into transactions, its offsets don't.
//!
//! It is what the checker is shown to object to: kill it between the two, and messages are repeated.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use rdkafka::{
    ClientConfig,
    consumer::{CommitMode, Consumer},
    producer::{BaseProducer, Producer},
};
use signal_hook::consts::SIGTERM;

use crate::careless::{consumer, forward};

/// How long a transaction gathers messages.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long it then does something else before it commits its offsets: so much longer than all the rest that nearly
/// every kill finds it there.
const APART: Duration = Duration::from_secs(1);
const CALL: Duration = Duration::from_secs(10);

/// Consumes until SIGTERM.
pub fn run(bootstrap: &str) -> Result<()> {
    let told = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGTERM, Arc::clone(&told))?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("transactional.id", format!("apart-{}", std::process::id()))
        .set("transaction.timeout.ms", "10000")
        .set("partitioner", "murmur2_random")
        .create()?;
    let consumer = consumer(bootstrap)?;
    producer.init_transactions(CALL)?;
    while !told.load(Ordering::Relaxed) {
        // What breaks here is found by whoever looks after the process.
        producer.begin_transaction()?;
        let until = Instant::now() + INTERVAL;
        let mut count = 0;
        while Instant::now() < until {
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) else {
                continue;
            };
            forward(&producer, &message)?;
            count += 1;
            producer.poll(Duration::ZERO);
        }
        producer.commit_transaction(CALL)?;
        std::thread::sleep(APART);
        if count > 0 {
            // Here is the fault: this is another commit than that of the outputs.
            let _ = consumer.commit_consumer_state(CommitMode::Sync);
        }
    }
    Ok(())
}

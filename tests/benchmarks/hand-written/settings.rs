//! What the bench tells this program, and what librdkafka is told.

use std::env;

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;

/// What is to be done with a message.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    Passthrough,
    Enrich,
}

/// See the module.
#[derive(Debug)]
pub struct Settings {
    bootstrap: String,
    group: String,
    pub input: String,
    pub output: String,
    pub work: Work,
}

impl Settings {
    /// From the variables that every program of the bench gets.
    ///
    /// # Errors
    /// When one of them isn't there.
    pub fn from_environment() -> Result<Self> {
        let read = |name: &str| env::var(name).with_context(|| format!("{name} is not set"));
        Ok(Self {
            bootstrap: read("BENCH_BOOTSTRAP")?,
            group: read("BENCH_GROUP")?,
            input: read("BENCH_INPUT")?,
            output: read("BENCH_OUTPUT")?,
            work: match read("BENCH_WORK")?.as_str() {
                "passthrough" => Work::Passthrough,
                "enrich" => Work::Enrich,
                other => bail!("BENCH_WORK is {other}"),
            },
        })
    }

    /// As `runtime/kafka` sets a consumer.
    pub fn consumer(&self) -> ClientConfig {
        let mut config = self.common();
        config
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("partition.assignment.strategy", "range,roundrobin")
            .set("fetch.queue.backoff.ms", "5");
        config
    }

    /// As `runtime/kafka` sets a producer.
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.common();
        config
            .set("linger.ms", "5")
            .set("message.max.bytes", "1048576")
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", "0");
        config
    }

    fn common(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", "hand-written");
        config
    }
}

//! A broker in this process, for development and tests: librdkafka's mock cluster behind a loopback port.
//!
//! It speaks the real protocol, so that any client can join in. It keeps everything in memory, 5 MiB for each
//! partition, and can't prove exactly-once.
//!
//! Invariant: it lives exactly as long as this value.
#![expect(
    unsafe_code,
    reason = "librdkafka's mock cluster holds a C pointer and therefore isn't Send by itself"
)]

use std::fmt;

use rdkafka::{error::KafkaError, mocking::MockCluster, producer::DefaultProducerContext};

use crate::Error;

/// A broker in this process.
pub struct EmbeddedBroker {
    cluster: Cluster,
}

struct Cluster(MockCluster<'static, DefaultProducerContext>);

// SAFETY: every call on a mock cluster is handed to its own thread through a queue or guarded by its lock, and
// librdkafka's clients may be used and destroyed from any thread.
unsafe impl Send for Cluster {}
// SAFETY: as above.
unsafe impl Sync for Cluster {}

impl EmbeddedBroker {
    /// Starts a broker on a free loopback port, with these topics of so many partitions. Others are made with four
    /// partitions when they are first produced to.
    ///
    /// # Errors
    /// No port, or a topic it refuses.
    pub fn start(topics: &[(&str, i32)]) -> Result<Self, Error> {
        let cluster = MockCluster::new(1).map_err(|error| embedded("start", &error))?;
        let broker = Self {
            cluster: Cluster(cluster),
        };
        for (topic, partitions) in topics {
            broker.create_topic(topic, *partitions)?;
        }
        Ok(broker)
    }

    /// Its address, as `bootstrap.servers` takes it.
    pub fn bootstrap(&self) -> String {
        self.cluster.0.bootstrap_servers()
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// It is there already, or its name or number of partitions is impossible.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), Error> {
        let created = self.cluster.0.create_topic(topic, partitions, 1);
        created.map_err(|error| embedded(&format!("create topic `{topic}`"), &error))
    }

    /// Breaks all connections and refuses new ones, until [`restore`](Self::restore).
    ///
    /// # Errors
    /// It can't.
    pub fn interrupt(&self) -> Result<(), Error> {
        self.cluster
            .0
            .broker_down(-1)
            .map_err(|error| embedded("go down", &error))
    }

    /// Accepts connections again.
    ///
    /// # Errors
    /// It can't.
    pub fn restore(&self) -> Result<(), Error> {
        self.cluster
            .0
            .broker_up(-1)
            .map_err(|error| embedded("come up", &error))
    }
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EmbeddedBroker")
            .field(&self.bootstrap())
            .finish()
    }
}

fn embedded(action: &str, error: &KafkaError) -> Error {
    Error::Embedded {
        action: action.to_owned(),
        text: error.to_string(),
    }
}

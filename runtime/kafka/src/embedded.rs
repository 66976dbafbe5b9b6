//! A broker in this process, for development and tests: librdkafka's mock cluster behind a loopback port.
//!
//! It speaks the real protocol, so that any client can join in. It keeps everything in memory, 5 MiB for each
//! partition, and can't prove exactly-once.
//!
//! Invariant: it lives exactly as long as this value.
#![expect(unsafe_code, reason = "librdkafka's mock cluster is a C object")]

use std::{
    ffi::{CStr, CString},
    fmt,
    ptr::NonNull,
    sync::Arc,
    time::Duration,
};

use rdkafka::{ClientConfig, types::RDKafkaErrorCode as Code};
use rdkafka_sys as sys;

use crate::{Error, native::Client};

/// How long a group's first members wait for more to join. The mock's default is Kafka's, three seconds.
const FIRST_JOIN: Duration = Duration::from_millis(200);
/// The mock's number for all of its brokers.
const ALL: i32 = -1;

/// A broker in this process.
pub struct EmbeddedBroker {
    cluster: NonNull<sys::rd_kafka_mock_cluster_t>,
    /// Carries the cluster's threads; goes after the cluster.
    _client: Arc<Client>,
}

// SAFETY: every call on a mock cluster is handed to its own thread through a queue or guarded by its lock.
unsafe impl Send for EmbeddedBroker {}
// SAFETY: as above.
unsafe impl Sync for EmbeddedBroker {}

impl EmbeddedBroker {
    /// Starts a broker on a free loopback port, with these topics of so many partitions. Others are made with four
    /// partitions when they are first produced to.
    ///
    /// # Errors
    /// No port, or a topic it refuses.
    pub fn start(topics: &[(&str, i32)]) -> Result<Self, Error> {
        let mut config = ClientConfig::new();
        config
            .set("client.id", "pelton-embedded-broker")
            .set("log_level", "0");
        let client = Client::producer(config)?;
        let delay = i32::try_from(FIRST_JOIN.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the client is alive and stays so for longer than the cluster.
        let cluster = unsafe {
            let cluster = sys::rd_kafka_mock_cluster_new(client.ptr(), 1);
            let failed = || Error::Embedded {
                action: "start".into(),
                text: "no loopback port is free".into(),
            };
            let cluster = NonNull::new(cluster).ok_or_else(failed)?;
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster.as_ptr(), delay);
            cluster
        };
        let broker = Self {
            cluster,
            _client: client,
        };
        for (topic, partitions) in topics {
            broker.create_topic(topic, *partitions)?;
        }
        Ok(broker)
    }

    /// Its address, as `bootstrap.servers` takes it.
    pub fn bootstrap(&self) -> String {
        // SAFETY: the cluster is alive, and its address with it.
        let address =
            unsafe { CStr::from_ptr(sys::rd_kafka_mock_cluster_bootstraps(self.cluster.as_ptr())) };
        address.to_string_lossy().into_owned()
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// It is there already, or its name or number of partitions is impossible.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), Error> {
        let action = format!("create topic `{topic}` with {partitions} partitions");
        let name = CString::new(topic).map_err(|error| failed(&action, &error))?;
        // SAFETY: the cluster is alive, the name is copied.
        let answer = unsafe {
            sys::rd_kafka_mock_topic_create(self.cluster.as_ptr(), name.as_ptr(), partitions, 1)
        };
        check(&action, answer)
    }

    /// Breaks all connections and refuses new ones, until [`restore`](Self::restore): an outage, for tests.
    ///
    /// # Errors
    /// It can't.
    pub fn interrupt(&self) -> Result<(), Error> {
        // SAFETY: the cluster is alive.
        check("go down", unsafe {
            sys::rd_kafka_mock_broker_set_down(self.cluster.as_ptr(), ALL)
        })
    }

    /// Accepts connections again.
    ///
    /// # Errors
    /// It can't.
    pub fn restore(&self) -> Result<(), Error> {
        // SAFETY: the cluster is alive.
        check("come up", unsafe {
            sys::rd_kafka_mock_broker_set_up(self.cluster.as_ptr(), ALL)
        })
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        // SAFETY: made by `start`, destroyed only here, while its client is alive.
        unsafe { sys::rd_kafka_mock_cluster_destroy(self.cluster.as_ptr()) }
    }
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EmbeddedBroker")
            .field(&self.bootstrap())
            .finish()
    }
}

fn check(action: &str, answer: sys::rd_kafka_resp_err_t) -> Result<(), Error> {
    match Code::from(answer) {
        Code::NoError => Ok(()),
        code => Err(failed(action, &code)),
    }
}

fn failed(action: &str, error: &dyn fmt::Display) -> Error {
    Error::Embedded {
        action: action.to_owned(),
        text: error.to_string(),
    }
}

//! A cluster of three brokers in this process that fails on demand: librdkafka's mock cluster, whose answers
//! can be replaced, delayed and withheld.
//!
//! rdkafka's own `MockCluster` does most of it. What it lacks, and what this file therefore asks of
//! `rdkafka_sys`: errors of one broker only with a delay for each, how many of them are still unsaid, and which
//! requests came in. Without these a test could not tell a fault that was survived from one that never happened.
//!
//! Invariant: every pointer asked for here is of the mock cluster that lives as long as `carrier`.
#![expect(
    unsafe_code,
    reason = "the mock cluster's counters have no safe interface"
)]

use std::{ffi::c_int, ptr::NonNull, time::Duration};

use anyhow::{Context, Result, ensure};
use rdkafka::{
    ClientConfig,
    config::RDKafkaLogLevel,
    mocking::{MockCluster, MockCoordinator},
    producer::{BaseProducer, DefaultProducerContext, Producer},
};
use rdkafka_sys as sys;

use crate::Client;

pub use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaErrorCode as Code};

/// How long the first members of a group wait for more to join, in milliseconds. The mock's default is 3 s.
const FIRST_JOIN: c_int = 200;

/// Brokers 1, 2 and 3.
pub struct FaultyCluster {
    /// The client that the mock cluster belongs to; it produces nothing.
    carrier: BaseProducer,
}

impl FaultyCluster {
    /// Starts three brokers on free loopback ports.
    ///
    /// # Errors
    /// When librdkafka can't.
    pub fn start() -> Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("client.id", "pelton-harness-mock")
            .set("test.mock.num.brokers", "3")
            .set_log_level(RDKafkaLogLevel::Emerg);
        let cluster = Self {
            carrier: config.create()?,
        };
        let ptr = cluster.ptr()?.as_ptr();
        // SAFETY: see the invariant.
        unsafe {
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(ptr, FIRST_JOIN);
            sys::rd_kafka_mock_start_request_tracking(ptr);
        }
        Ok(cluster)
    }

    /// What goes into `bootstrap-servers`.
    ///
    /// # Errors
    /// When there is no mock cluster.
    pub fn bootstrap(&self) -> Result<String> {
        Ok(self.mock()?.bootstrap_servers())
    }

    /// A client of the tests' own.
    ///
    /// # Errors
    /// When librdkafka can't make one.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.bootstrap()?)
    }

    /// Makes a topic whose partitions are all led by this broker.
    ///
    /// # Errors
    /// When the mock refuses.
    pub fn create_topic(&self, topic: &str, partitions: i32, leader: i32) -> Result<()> {
        self.mock()?.create_topic(topic, partitions, 3)?;
        self.lead(topic, partitions, leader)
    }

    /// Makes this broker the leader of all partitions of a topic. There must be one: the mock dies when
    /// it is asked for messages of a partition that nobody leads.
    ///
    /// # Errors
    /// When the mock refuses.
    pub fn lead(&self, topic: &str, partitions: i32, leader: i32) -> Result<()> {
        let mock = self.mock()?;
        for partition in 0..partitions {
            mock.partition_leader(topic, partition, Some(leader))?;
        }
        Ok(())
    }

    /// What every broker says of a topic when asked for metadata; [`Code::NoError`] is the truth.
    ///
    /// # Errors
    /// When the mock refuses.
    pub fn deny_topic(&self, topic: &str, code: Code) -> Result<()> {
        let name = std::ffi::CString::new(topic)?;
        let ptr = self.ptr()?.as_ptr();
        // SAFETY: see the invariant; the name is copied.
        unsafe { sys::rd_kafka_mock_topic_set_error(ptr, name.as_ptr(), response(code)?) };
        Ok(())
    }

    /// Makes this broker the coordinator of a group.
    ///
    /// # Errors
    /// When the mock refuses.
    pub fn coordinate(&self, group: &str, broker: i32) -> Result<()> {
        let group = MockCoordinator::Group(group.to_owned());
        Ok(self.mock()?.coordinator(group, broker)?)
    }

    /// Breaks all connections to a broker and takes no new ones, until [`FaultyCluster::up`]. `-1` is all brokers.
    ///
    /// # Errors
    /// When the mock refuses.
    pub fn down(&self, broker: i32) -> Result<()> {
        Ok(self.mock()?.broker_down(broker)?)
    }

    /// Takes connections again.
    ///
    /// # Errors
    /// When the mock refuses.
    pub fn up(&self, broker: i32) -> Result<()> {
        Ok(self.mock()?.broker_up(broker)?)
    }

    /// How long every answer of a broker takes. `-1` is all brokers.
    ///
    /// # Errors
    /// When the mock refuses.
    pub fn round_trip(&self, broker: i32, time: Duration) -> Result<()> {
        Ok(self.mock()?.broker_round_trip_time(broker, time)?)
    }

    /// The next request of this kind at this broker that has no answer laid down yet gets this one, so much
    /// later. [`Code::NoError`] is the ordinary answer, [`Code::BrokerTransportFailure`] a broken connection.
    ///
    /// # Errors
    /// When the mock refuses.
    pub fn answer(&self, broker: i32, api: Api, code: Code, later: Duration) -> Result<()> {
        let later = c_int::try_from(later.as_millis())?;
        let ptr = self.ptr()?.as_ptr();
        let one: usize = 1;
        // SAFETY: see the invariant; `one` pair of C integers follows, as announced.
        let answer = unsafe {
            sys::rd_kafka_mock_broker_push_request_error_rtts(
                ptr,
                broker,
                api.into(),
                one,
                code as c_int,
                later,
            )
        };
        ensure!(
            answer == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
            "broker {broker} takes no faults: {answer:?}"
        );
        Ok(())
    }

    /// How many of the answers laid down for this broker are not given yet.
    ///
    /// # Errors
    /// When the mock doesn't say.
    pub fn unsaid(&self, broker: i32, api: Api) -> Result<usize> {
        let (ptr, mut count) = (self.ptr()?.as_ptr(), 0);
        // SAFETY: see the invariant; the count is written before this returns.
        let answer = unsafe {
            sys::rd_kafka_mock_broker_error_stack_cnt(ptr, broker, api.into(), &mut count)
        };
        ensure!(
            answer == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
            "broker {broker} doesn't count its faults: {answer:?}"
        );
        Ok(count)
    }

    /// The next request of this kind at whichever broker gets this answer: for requests that go to any.
    ///
    /// # Errors
    /// When there is no mock cluster.
    pub fn answer_anywhere(&self, api: Api, code: Code) -> Result<()> {
        let ptr = self.ptr()?.as_ptr();
        let one: usize = 1;
        // SAFETY: see the invariant; `one` C integer follows, as announced.
        unsafe { sys::rd_kafka_mock_push_request_errors(ptr, api.into(), one, code as c_int) };
        Ok(())
    }

    /// The kinds of the requests that came in since [`FaultyCluster::forget_requests`], in order.
    ///
    /// # Errors
    /// When there is no mock cluster.
    pub fn requests(&self) -> Result<Vec<i16>> {
        let (ptr, mut count) = (self.ptr()?.as_ptr(), 0);
        // SAFETY: see the invariant. The array holds `count` requests, and is ours to destroy.
        unsafe {
            let requests = sys::rd_kafka_mock_get_requests(ptr, &mut count);
            let kinds = (0..count)
                .map(|n| sys::rd_kafka_mock_request_api_key(*requests.add(n)))
                .collect();
            sys::rd_kafka_mock_request_destroy_array(requests, count);
            Ok(kinds)
        }
    }

    /// How many requests of this kind came in since [`FaultyCluster::forget_requests`].
    ///
    /// # Errors
    /// When there is no mock cluster.
    pub fn count(&self, api: Api) -> Result<usize> {
        let wanted: i16 = api.into();
        let requests = self.requests()?;
        Ok(requests.into_iter().filter(|kind| *kind == wanted).count())
    }

    /// Begins to count requests anew.
    ///
    /// # Errors
    /// When there is no mock cluster.
    pub fn forget_requests(&self) -> Result<()> {
        // SAFETY: see the invariant.
        unsafe { sys::rd_kafka_mock_clear_requests(self.ptr()?.as_ptr()) };
        Ok(())
    }

    fn mock(&self) -> Result<MockCluster<'_, DefaultProducerContext>> {
        let mock = self.carrier.client().mock_cluster();
        mock.context("the client has no mock cluster")
    }

    fn ptr(&self) -> Result<NonNull<sys::rd_kafka_mock_cluster_t>> {
        // SAFETY: the client is alive.
        let ptr = unsafe { sys::rd_kafka_handle_mock_cluster(self.carrier.client().native_ptr()) };
        NonNull::new(ptr).context("the client has no mock cluster")
    }
}

/// The few codes that topics are denied with, as C knows them.
fn response(code: Code) -> Result<sys::rd_kafka_resp_err_t> {
    use sys::rd_kafka_resp_err_t as Response;
    Ok(match code {
        Code::NoError => Response::RD_KAFKA_RESP_ERR_NO_ERROR,
        Code::LeaderNotAvailable => Response::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        Code::UnknownTopicOrPartition => Response::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        Code::TopicAuthorizationFailed => Response::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        Code::InvalidTopic => Response::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
        other => anyhow::bail!("no topic is denied with {other}"),
    })
}

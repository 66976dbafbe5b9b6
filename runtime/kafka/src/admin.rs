//! Which topics a cluster has, and making them.
//!
//! Invariant: each question makes a client of its own on a blocking thread and destroys it there.

mod watch;

use std::{collections::BTreeMap, time::Duration};

use pelton_types::{Offset, TopicPartition};
use rdkafka::{
    ClientConfig, ClientContext, TopicPartitionList,
    admin::{
        AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
    },
    config::RDKafkaLogLevel,
    error::KafkaError,
    types::RDKafkaErrorCode as Code,
};

use crate::{
    Error,
    native::{self, Client, EventKind},
    properties,
    trouble::plain,
};

pub use self::watch::TopicNames;

/// How long the cluster may take to create or describe topics.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Asks a cluster about its topics, and makes topics. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    pub(crate) config: ClientConfig,
    bootstrap: String,
}

impl Admin {
    /// An administrator of the cluster at `bootstrap`, with further librdkafka properties.
    ///
    /// # Errors
    /// A property that the daemon sets itself.
    pub fn new(bootstrap: &str, properties: &BTreeMap<String, String>) -> Result<Self, Error> {
        Ok(Self {
            config: properties::admin(bootstrap, properties)?,
            bootstrap: bootstrap.to_owned(),
        })
    }

    /// All topics with their number of partitions.
    ///
    /// # Errors
    /// No broker answers within `timeout`; the text says why, as far as is known.
    pub async fn topics(&self, timeout: Duration) -> Result<BTreeMap<String, i32>, Error> {
        let Self { config, bootstrap } = self.clone();
        blocking(move || {
            let client = Client::producer(config)?;
            client.topics(timeout).map_err(|code| {
                let text = last_error(&client).unwrap_or_else(|| code.to_string());
                Error::Metadata { bootstrap, text }
            })
        })
        .await
    }

    /// Makes a topic. `None` leaves the number of partitions, or of replicas, to the broker's default.
    /// One that is there already is left as it is.
    ///
    /// # Errors
    /// The broker refuses it, or doesn't answer.
    pub async fn create_topic(
        &self,
        topic: &str,
        partitions: Option<i32>,
        replication: Option<i32>,
    ) -> Result<(), Error> {
        let (config, topic) = (self.config.clone(), topic.to_owned());
        let failed = |topic: &str, text: String| Error::CreateTopic {
            topic: topic.to_owned(),
            text,
        };
        blocking(move || {
            let admin = admin_client(&config).map_err(|error| failed(&topic, error.to_string()))?;
            let replication = TopicReplication::Fixed(replication.unwrap_or(-1));
            let new = NewTopic::new(&topic, partitions.unwrap_or(-1), replication);
            let options = AdminOptions::new()
                .operation_timeout(Some(TIMEOUT))
                .request_timeout(Some(TIMEOUT));
            let asked = block_on(admin.create_topics([&new], &options));
            let results = asked.map_err(|error| failed(&topic, error.to_string()))?;
            match results.into_iter().next() {
                Some(Err((_, code))) if code != Code::TopicAlreadyExists => {
                    Err(failed(&topic, code.to_string()))
                }
                Some(_) => Ok(()),
                None => Err(failed(
                    &topic,
                    "the broker's answer doesn't speak of it".to_owned(),
                )),
            }
        })
        .await
    }

    /// Deletes what stands before these offsets, for everybody and for good.
    ///
    /// # Errors
    /// A broker refuses, or doesn't answer.
    pub async fn delete_before(&self, offsets: &[(TopicPartition, Offset)]) -> Result<(), Error> {
        let Some((first, _)) = offsets.first().cloned() else {
            return Ok(());
        };
        let (config, offsets) = (self.config.clone(), offsets.to_vec());
        blocking(move || {
            let failed = |partition: &TopicPartition, text: String| Error::Delete {
                partition: partition.clone(),
                text,
            };
            let admin = admin_client(&config).map_err(|error| failed(&first, error.to_string()))?;
            let options = AdminOptions::new()
                .operation_timeout(Some(TIMEOUT))
                .request_timeout(Some(TIMEOUT));
            let mut list = TopicPartitionList::new();
            for (partition, offset) in &offsets {
                let TopicPartition { topic, partition } = partition;
                list.add_partition_offset(topic, *partition, rdkafka::Offset::Offset(*offset))
                    .map_err(|error| failed(&first, error.to_string()))?;
            }
            let asked = block_on(admin.delete_records(&list, &options));
            let done = asked.map_err(|error| failed(&first, error.to_string()))?;
            for one in done.elements() {
                one.error().map_err(|error| {
                    failed(
                        &TopicPartition::new(one.topic(), one.partition()),
                        error.to_string(),
                    )
                })?;
            }
            Ok(())
        })
        .await
    }

    /// The largest batch a topic takes (`max.message.bytes`), where the broker tells.
    ///
    /// Set a producer's `batch.size` no larger: a broker refuses an oversized batch as a whole, with every
    /// message in it.
    ///
    /// # Errors
    /// The broker refuses to tell, or doesn't answer.
    pub async fn max_message_bytes(&self, topic: &str) -> Result<Option<u32>, Error> {
        let (config, topic) = (self.config.clone(), topic.to_owned());
        let failed = |topic: &str, text: String| Error::DescribeTopic {
            topic: topic.to_owned(),
            text,
        };
        blocking(move || {
            let admin = admin_client(&config).map_err(|error| failed(&topic, error.to_string()))?;
            let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
            let asked =
                block_on(admin.describe_configs([&ResourceSpecifier::Topic(&topic)], &options));
            let results = asked.map_err(|error| failed(&topic, error.to_string()))?;
            let found = results.into_iter().next();
            let described = found.ok_or_else(|| {
                failed(&topic, "the broker's answer doesn't speak of it".to_owned())
            })?;
            let described: ConfigResource =
                described.map_err(|code| failed(&topic, code.to_string()))?;
            Ok(described
                .get("max.message.bytes")
                .and_then(|entry| entry.value.as_ref()?.parse().ok()))
        })
        .await
    }
}

/// Runs on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Client {
                text: "the runtime is shutting down".to_owned(),
            }),
        },
    }
}

/// Waits for a future on a thread of [`blocking`].
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Handle::current().block_on(future)
}

/// What the client last said was wrong: a time-out alone doesn't tell why.
fn last_error(client: &std::sync::Arc<Client>) -> Option<String> {
    let queue = client.main_queue()?;
    let mut last = None;
    while let Some(event) = queue.poll(Duration::ZERO) {
        if event.kind() == EventKind::Error && event.error() != Some(Code::AllBrokersDown) {
            last = Some(plain(&event.reason()).to_owned());
        }
    }
    last
}

#[expect(unsafe_code, reason = "a token is given to the C object")]
fn admin_client(config: &ClientConfig) -> Result<AdminClient<Quiet>, KafkaError> {
    let client: AdminClient<Quiet> = config.create_with_context(Quiet)?;
    // SAFETY: the client is alive, and made of this.
    unsafe { native::log_in_once(client.inner().native_ptr(), config) };
    Ok(client)
}

/// Sends librdkafka's lines where those of the other clients go.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        native::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka reports an error");
    }
}

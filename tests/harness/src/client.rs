//! The tests' own client: plain librdkafka, none of Pelton's Kafka code.

mod groups;
mod probe;
mod produce;
mod read;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
};

pub use groups::{Group, Member};
pub use probe::{Committed, Probe};

/// How long a request may take; far more than a living broker needs.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// A message to be produced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// `None` is null.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// In order; a value of `None` is null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// A fixed partition instead of the key's.
    pub partition: Option<i32>,
    /// Milliseconds since the Unix epoch instead of now.
    pub timestamp: Option<i64>,
}

impl Draft {
    /// A message with a key and a value.
    pub fn new(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            key: Some(key.into()),
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// A message with a key and a null value.
    pub fn tombstone(key: impl Into<Vec<u8>>) -> Self {
        Self {
            key: Some(key.into()),
            ..Self::default()
        }
    }

    /// Adds a header with a value.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Adds a header whose value is null.
    #[must_use]
    pub fn null_header(mut self, name: &str) -> Self {
        self.headers.push((name.to_owned(), None));
        self
    }

    /// Fixes the partition.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Fixes the timestamp, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }
}

/// A message as it stands in a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Which partition it is in.
    pub partition: i32,
    /// Its position there.
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: Option<i64>,
    /// `None` is null.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// In order; a value of `None` is null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Message {
    /// The key as text, whatever bytes are in it; null reads as `(null)`.
    pub fn key_text(&self) -> String {
        text(self.key.as_deref())
    }

    /// The value as text, whatever bytes are in it; null reads as `(null)`.
    pub fn value_text(&self) -> String {
        text(self.value.as_deref())
    }

    /// The value of the last header of that name, as text. `None` when there is none.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().rev().find(|(other, _)| other == name)?;
        Some(text(value.as_deref()))
    }
}

/// Bytes as text.
fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(
        || "(null)".to_owned(),
        |bytes| String::from_utf8_lossy(bytes).into_owned(),
    )
}

/// A connection to one cluster. Cheap to make; every call opens what it needs.
#[derive(Clone, Debug)]
pub struct Client {
    bootstrap: String,
}

impl Client {
    /// A client of the cluster at this address.
    ///
    /// # Errors
    /// When the address is empty.
    pub fn new(bootstrap: &str) -> Result<Self> {
        anyhow::ensure!(!bootstrap.is_empty(), "a client needs a bootstrap address");
        Ok(Self {
            bootstrap: bootstrap.to_owned(),
        })
    }

    /// Whether a broker answers a metadata request within a second.
    pub fn is_up(&self) -> bool {
        self.consumer("pelton-harness-probe").is_ok_and(|consumer| {
            consumer
                .fetch_metadata(None, Duration::from_secs(1))
                .is_ok()
        })
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.config().create()?;
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in configs {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_LIMIT));
        let results = block_on(admin.create_topics([&topic], &options))??;
        for result in results {
            if let Err((topic, code)) = result {
                bail!("can't create topic {topic}: {code}");
            }
        }
        // The broker answers before every broker knows the leader; a client that asks at once may miss it.
        crate::wait::until_true("the new topic to have leaders", REQUEST_LIMIT, || {
            Ok(self.partitions(name).is_ok_and(|count| count == partitions))
        })
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn delete_topic(&self, name: &str) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.config().create()?;
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_LIMIT));
        for result in block_on(admin.delete_topics(&[name], &options))?? {
            if let Err((topic, code)) = result {
                bail!("can't delete topic {topic}: {code}");
            }
        }
        Ok(())
    }

    /// How many partitions a topic has, once each of them has a leader.
    ///
    /// # Errors
    /// When there is no such topic, or a partition without a leader.
    pub fn partitions(&self, topic: &str) -> Result<i32> {
        let consumer = self.consumer("pelton-harness-probe")?;
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST_LIMIT)?;
        let topics = metadata.topics();
        let found = topics
            .iter()
            .find(|one| one.name() == topic && one.error().is_none());
        let found = found.with_context(|| format!("no topic {topic}"))?;
        if let Some(orphan) = found.partitions().iter().find(|one| one.leader() < 0) {
            bail!("partition {} of {topic} has no leader", orphan.id());
        }
        Ok(i32::try_from(found.partitions().len())?)
    }

    /// What every client of the tests is configured with.
    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", "pelton-harness");
        config
    }

    /// A consumer that joins nothing and commits nothing, in the name of a group.
    fn consumer(&self, group: &str) -> Result<BaseConsumer> {
        let mut config = self.config();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("allow.auto.create.topics", "false");
        Ok(config.create()?)
    }
}

/// Runs one of librdkafka's futures, which its own threads drive.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    Ok(runtime.block_on(future))
}

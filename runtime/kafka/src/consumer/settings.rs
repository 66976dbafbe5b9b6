//! What a consumer is made with.

use std::{collections::BTreeMap, time::Duration};

/// What to subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topics {
    /// These.
    List(Vec<String>),
    /// All whose name matches this regular expression, which begins with `^`.
    Pattern(String),
}

/// Where to begin in a partition for which the group has committed nothing (delivery rule 7).
///
/// It speaks of what is there when the group begins. A topic or partition that appears while the group
/// is at work is read from its first message, whatever is chosen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest message.
    Earliest,
    /// After the newest message.
    Latest,
    /// Nowhere: the consumer ends with [`Error::NoCommittedOffset`](crate::Error::NoCommittedOffset).
    Error,
}

/// How the group shares out partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The classic protocol; only partitions that move are touched.
    Cooperative,
    /// The classic protocol; every rebalance takes all partitions away first.
    Eager,
    /// KIP-848: the broker shares them out. Needs Kafka 4.0.
    Consumer,
}

/// All a consumer needs to know.
#[derive(Clone)]
pub struct ConsumerSettings {
    /// `host:port`, comma-separated.
    pub bootstrap: String,
    /// How the client names itself to brokers.
    pub client_id: String,
    /// The consumer group.
    pub group: String,
    /// What to subscribe to.
    pub topics: Topics,
    /// A topic that is subscribed to besides, and always read from its first message.
    pub retry: Option<String>,
    /// Topics that are never consumed, though a pattern matches them: the handler's own dead-letter topic.
    pub exclude: Vec<String>,
    /// Where to begin without a committed offset.
    pub start: Start,
    /// How the group shares out partitions.
    pub protocol: Protocol,
    /// Static membership: the `group.instance.id`.
    pub instance_id: Option<String>,
    /// How long a revoked partition may take to finish what is under way.
    pub drain_timeout: Duration,
    /// How much it may hold itself.
    pub memory: ConsumerMemory,
    /// Further librdkafka properties.
    pub properties: BTreeMap<String, String>,
}

/// How much a consumer holds before its messages are taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerMemory {
    /// Bytes that librdkafka has fetched or is fetching. Half of it is what it holds before it stops to fetch,
    /// which is also the most that one broker sends at once; but never less than a megabyte (librdkafka's
    /// `message.max.bytes`), and one larger batch is still sent.
    pub fetched: u64,
    /// Bytes that were handed on and are not taken in yet: see [`Transit`](crate::Transit). One round of polling may go
    /// beyond.
    pub handed_on: u64,
}

impl Default for ConsumerMemory {
    fn default() -> Self {
        Self {
            fetched: 32 << 20,
            handed_on: 16 << 20,
        }
    }
}

//! One handler: a component, where its messages come from, and how they are treated.

use std::{
    num::{NonZeroU16, NonZeroU32, NonZeroU64},
    path::PathBuf,
    time::Duration,
};

use pelton_types::Origin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Properties, Settings};

/// `[handlers.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Its name: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The cluster it works on, a key of [`Config::clusters`](crate::Config::clusters).
    pub cluster: String,
    /// The component file.
    pub component: Component,
    /// The folder of its source code, for development.
    pub source: Option<PathBuf>,
    /// What it is subscribed to.
    pub topics: Topics,
    /// The consumer group.
    pub group: String,
    /// Where to begin in a partition for which the group has committed nothing.
    pub start: Start,
    /// What is promised about repetition.
    pub guarantee: Guarantee,
    /// What is promised about order.
    pub order: Order,
    /// Most messages of one partition that are begun and not finished; at most 100,000.
    pub in_flight: NonZeroU32,
    /// The topics it may write to; the first is the default. May be empty: then it may write nothing.
    pub outputs: Vec<String>,
    /// Whether its outputs may lead back to it: its code ends the loop.
    pub allow_loops: bool,
    /// How long an instance is used.
    pub isolation: Isolation,
    /// How failed messages are repeated.
    pub retry: Retry,
    /// What becomes of a message whose attempts are used up, or that was rejected.
    pub on_exhausted: OnExhausted,
    /// How a new revision is watched; `None`: it isn't.
    pub probation: Option<Probation>,
    /// What a guest may use up.
    pub limits: Limits,
    /// What a guest may reach beyond its messages.
    pub grants: Grants,
    /// How much is held of each partition.
    pub buffer: Buffer,
    /// How much is handed to a guest in one call.
    pub batch: Batch,
    /// The least time between two commits of a partition; exactly-once, the longest until a transaction ends.
    pub commit_interval: Duration,
    /// How transactions are ended, where the guarantee is exactly-once.
    pub transaction: Transaction,
    /// How long a revoked partition, or a stop, waits for what is under way.
    pub drain_timeout: Duration,
    /// How long a partition that has messages may stand still before it is reported as stalled; at least a second.
    pub stall_after: Duration,
    /// How the group shares out partitions.
    pub group_protocol: GroupProtocol,
    /// Static membership: the `group.instance.id`, and what the transactional id is made of.
    pub instance_id: Option<String>,
    /// Whether a missing output or dead-letter topic is created, and how; `None` reports it as an error.
    pub topic_creation: Option<TopicCreation>,
    /// Further librdkafka properties of its consumer. None that the daemon sets itself.
    pub consumer_properties: Properties,
    /// Further librdkafka properties of its producer. None that the daemon sets itself.
    pub producer_properties: Properties,
    /// What the guest reads through `settings`: strings as they are, other values as JSON.
    pub settings: Settings,
    /// How it is tested: by `pelton test`, and by a daemon before a new revision is used.
    pub test: Test,
}

/// `[handlers.NAME.test]`: how `pelton test` tests a handler, and a daemon each new revision of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The folder of its fixtures.
    pub fixtures: PathBuf,
    /// Whether a revision is tried by them before it is used.
    pub at_load: bool,
    /// Whether each message is delivered again, and must give the same outputs.
    pub deliver_twice: bool,
    /// Whether messages are given again to a fresh instance as after a crash, and must give the same outputs.
    pub crash_before_commit: bool,
}

/// Characters of a topic's name that a failure tells; Kafka's have 249 at most, a guest's may have millions.
const LONGEST_TOPIC: usize = 249;

/// Why an output to this topic (`None`: the default) is not allowed where these are configured; the first is the
/// default. `None` if it is.
pub fn forbidden_topic<T: AsRef<str>>(outputs: &[T], topic: Option<&str>) -> Option<String> {
    let Some(topic) = topic else {
        return outputs.is_empty().then(|| {
            "an output names no topic, and the handler has no outputs configured".to_owned()
        });
    };
    if outputs.iter().any(|output| output.as_ref() == topic) {
        return None;
    }
    let allowed: Vec<&str> = outputs.iter().map(AsRef::as_ref).collect();
    let topic: String = topic.escape_debug().take(LONGEST_TOPIC).collect();
    Some(format!(
        "an output goes to topic {topic}, which is not among the handler's outputs ({})",
        allowed.join(", ")
    ))
}

impl Handler {
    /// The dead-letter topic, where there is one.
    pub fn dead_letter_topic(&self) -> Option<&str> {
        match &self.on_exhausted {
            OnExhausted::DeadLetter { topic } => Some(topic),
            OnExhausted::Skip | OnExhausted::Stop => None,
        }
    }

    /// The topic that its dead letters are redriven to, and that it reads besides its own once it is there. No other
    /// handler of the configuration reads it, unless by an expression, which is warned of. That a daemon with another
    /// configuration is in the same group nobody can see from here.
    pub fn retry_topic(&self) -> Option<String> {
        self.dead_letter_topic()
            .map(|_| format!("{}.retry", self.group))
    }

    /// Every topic it writes to: outputs, then the dead-letter topic.
    pub fn written_topics(&self) -> impl Iterator<Item = &str> {
        self.outputs
            .iter()
            .map(String::as_str)
            .chain(self.dead_letter_topic())
    }
}

/// Where a component lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The path, found from the configuration file's folder. Links are not resolved: they may be switched.
    pub path: PathBuf,
    /// The same, as it stands in the file.
    pub written: String,
}

/// What a handler is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topics {
    /// These; never empty, none twice.
    List(Vec<String>),
    /// All whose name matches this regular expression, which begins with `^`.
    Pattern(String),
}

/// Where to begin in a partition for which the group has committed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// At the oldest message.
    Earliest,
    /// After the newest message.
    Latest,
    /// Nowhere: report it and leave the partition alone.
    Error,
}

/// What is promised about repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// No loss; after a crash a few repetitions.
    AtLeastOnce,
    /// Outputs, dead letters and offsets in one Kafka transaction.
    ExactlyOnce,
}

/// `[handlers.NAME.transaction]`: how transactions are ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// How long the coordinator lets one be open; at least two seconds longer than
    /// [`commit_interval`](Handler::commit_interval).
    pub timeout: Duration,
    /// Most messages that take part in one.
    pub messages: NonZeroU32,
    /// Most bytes of these messages.
    pub bytes: NonZeroU32,
}

/// What is promised about order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Each partition's messages one after another.
    Partition,
    /// Those of one key one after another, others beside them; one without a key waits for nobody, nor do others for
    /// it.
    Key,
    /// Nothing: all of a partition beside each other.
    None,
}

/// How long an instance of a component is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// From message to message.
    Instance,
    /// For one message.
    Message,
}

/// `[handlers.NAME.retry]`: how failed messages are repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: NonZeroU32,
    /// The delay before the second attempt; it doubles with each further one.
    pub backoff: Duration,
    /// The longest delay, not shorter than [`backoff`](Self::backoff); also bounds what a handler asks for.
    pub max_backoff: Duration,
    /// The share of a delay that is random, 0 to 100.
    pub jitter_percent: u8,
}

/// What becomes of a message that can't be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnExhausted {
    /// It is written to the dead-letter topic.
    DeadLetter {
        /// Which one. Never a topic the handler reads, nor one that leads back to it.
        topic: String,
    },
    /// It is reported and counted as done.
    Skip,
    /// Its partition stops.
    Stop,
}

/// `[handlers.NAME.probation]`: how a new revision is watched, with the one before standing by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probation {
    /// How long.
    pub time: Duration,
    /// Successes that end it earlier.
    pub messages: Option<NonZeroU32>,
    /// Messages that only the one before could handle, which bring it back.
    pub votes: NonZeroU32,
}

/// `[handlers.NAME.limits]`: what a guest may use up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory in one instance.
    pub memory: NonZeroU64,
    /// Elements in each table of one instance; at most 10,000,000.
    pub table_elements: NonZeroU32,
    /// How long one attempt at one message may take.
    pub time_per_message: Duration,
    /// Outputs for one message.
    pub output_messages: NonZeroU32,
    /// Bytes of keys, values and headers of all outputs for one message.
    pub output_bytes: NonZeroU32,
    /// Bytes that a guest may hand to the host in one call; at least [`output_bytes`](Self::output_bytes).
    pub host_call_bytes: NonZeroU32,
    /// Lines for the log within a second, all instances together.
    pub log_lines: NonZeroU32,
    /// Bytes of such a line, 64 to 65,536.
    pub log_line_bytes: NonZeroU32,
    /// HTTP requests under way at once, all instances together.
    pub http_requests: NonZeroU32,
    /// Bytes of the body of one HTTP request, and of one answer.
    pub http_body_bytes: NonZeroU32,
    /// Most instances at work at once, for all partitions together; at most 1,000.
    pub instances: NonZeroU32,
}

/// `[handlers.NAME.grants]`: what a guest may reach beyond its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Origins of HTTP requests; a name must stand for public addresses.
    pub http: Vec<Origin>,
    /// Origins of HTTP requests whose name may stand for private addresses. None that is in [`http`](Self::http) too.
    pub http_private: Vec<Origin>,
}

/// `[handlers.NAME.buffer]`: how much of a partition is held, fetched and not finished, before fetching pauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Most messages; at least [`Batch::messages`].
    pub messages: NonZeroU32,
    /// Most bytes; at least [`Batch::bytes`].
    pub bytes: NonZeroU32,
}

/// `[handlers.NAME.batch]`: how much is handed to a guest in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Most messages.
    pub messages: NonZeroU32,
    /// Most bytes; a single larger message is still handed over, alone.
    pub bytes: NonZeroU32,
    /// How long a call should take: slow handlers get fewer messages in one.
    pub target_time: Duration,
}

/// How the group shares out partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupProtocol {
    /// The classic protocol, only the partitions that move are touched.
    Cooperative,
    /// The classic protocol, every rebalance takes all partitions away first.
    Eager,
    /// KIP-848: the broker shares them out. Needs Kafka 4.0.
    Consumer,
}

/// `[handlers.NAME.create-topics]`: how missing output and dead-letter topics are created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicCreation {
    /// Partitions of a new topic; `None` is the broker's default.
    pub partitions: Option<NonZeroU32>,
    /// Its replication factor; `None` is the broker's default.
    pub replication: Option<NonZeroU16>,
}

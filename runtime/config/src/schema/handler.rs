//! `[handlers.NAME]` and its tables.

use std::{collections::BTreeMap, num::NonZeroU16};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Count, InFlight, Instances, Percent, Scalar, Settings, Size, Time, Topics};
use crate::model::{GroupProtocol, Guarantee, Isolation, Order, Start};

/// A handler: a component, where its messages come from, and how they are treated.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["component", "topics"]))]
pub(crate) struct Handler {
    /// The component file (.wasm), found from this file's folder. Replacing it swaps the handler's code while
    /// messages flow.
    #[schemars(required)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The folder of its source code, found from this file's folder. `pelton dev` builds the component from it whenever
    /// it changes; `pelton run` ignores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The topics it reads: an array of names, or one regular expression that begins with `^`.
    #[schemars(required)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topics: Option<Topics>,
    /// The cluster it works on, a name under `clusters`.
    pub cluster: String,
    /// The consumer group. Not set: `pelton.` and the handler's name. Give each handler one of its own. Where dead
    /// letters are written no two can share one, and it must fit into a topic's name: those are redriven to the topic
    /// `GROUP.retry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where to begin in a partition for which the group has committed nothing: at the "earliest" message, after the
    /// "latest", or "error" to report it and leave the partition alone.
    pub start: Start,
    /// "at-least-once": no loss, and after a crash a few repetitions. "exactly-once": outputs, dead letters and offsets
    /// in one Kafka transaction, so that whoever reads with `read_committed` sees each message's outputs once. It covers
    /// what goes from Kafka to Kafka, not what a handler does elsewhere.
    pub guarantee: Guarantee,
    /// "partition": each partition's messages one after another. "key": those of one key in order, others of the
    /// partition beside them; a message without a key waits for nobody and nobody waits for it, and a message that is
    /// tried again holds up only its own key. "none": all beside each other.
    pub order: Order,
    /// Most messages of one partition that are begun and not finished: being called, waiting to be tried again, or with
    /// outputs that are not acknowledged. A crash repeats at most so many of each partition, and what one
    /// `commit-interval` finished.
    pub in_flight: InFlight,
    /// The topics it may write to; the first is the default. Empty: it may write nothing.
    pub outputs: Vec<String>,
    /// Allows outputs that lead back to the handler, because it reads them itself or over the outputs of others.
    /// Without it such a loop is refused; one of dead letters always is.
    pub allow_loops: bool,
    /// The least time between two commits of a partition. A crash repeats at most this much, and what was in flight.
    /// With "exactly-once" the longest time from a message's outputs to their commit. Not set: "1s", or "100ms" with
    /// "exactly-once".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_interval: Option<Time>,
    /// How transactions are ended, with `guarantee = "exactly-once"`.
    pub transaction: Transaction,
    /// How long a revoked partition, or a stop, waits for messages that are under way. They are left uncommitted after
    /// that. Shorter than `daemon.shutdown-timeout` and than the consumer's `session.timeout.ms` and
    /// `max.poll.interval.ms`.
    pub drain_timeout: Time,
    /// A partition that has messages and doesn't move for this long is reported as stalled. At least "1s".
    pub stall_after: Time,
    /// How the group shares out partitions: "cooperative" touches only those that move, "eager" takes all away first,
    /// "consumer" lets the broker decide (KIP-848, needs Kafka 4.0; it then also decides `session.timeout.ms`,
    /// `heartbeat.interval.ms` and `partition.assignment.strategy`).
    pub group_protocol: GroupProtocol,
    /// Static membership: Kafka's `group.instance.id`. Two running members must not share one. With "exactly-once" it
    /// also names the transactions, so that a process that is started again ends at once what it left open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// How long an instance of the component is used: "instance" from message to message, so that it may keep what it
    /// has built up; "message" for one message, after which all of its memory is gone. It costs some 20 to 50 microseconds
    /// a message, and what the component's set-up takes.
    pub isolation: Isolation,
    /// How failed messages are repeated.
    pub retry: Retry,
    /// What becomes of a message whose attempts are used up, or that the handler rejected.
    pub dead_letter: DeadLetter,
    /// How a new revision of the component is watched, with the one before standing by.
    pub probation: Probation,
    /// What the component may use up. A message that makes it use more has failed.
    pub limits: Limits,
    /// What the component may reach beyond its messages. Empty: nothing.
    pub grants: Grants,
    /// How much of each partition is held, fetched and not finished, before fetching pauses.
    pub buffer: Buffer,
    /// How much is handed to the component in one call.
    pub batch: Batch,
    /// Creates missing output and dead-letter topics. Not set: a missing one is reported at
    /// start, and the handler waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_topics: Option<CreateTopics>,
    /// Anything librdkafka knows, for this handler's consumer, less what the daemon sets itself.
    pub consumer_properties: BTreeMap<String, Scalar>,
    /// Anything librdkafka knows, for this handler's producer, less what the daemon sets itself.
    pub producer_properties: BTreeMap<String, Scalar>,
    /// What the component reads through its `settings` import: strings as they are, anything else as JSON.
    pub settings: Settings,
    /// How `pelton test` tests it, and a daemon each new revision of it.
    pub test: Test,
}

impl Default for Handler {
    fn default() -> Self {
        Self {
            component: None,
            source: None,
            topics: None,
            cluster: "default".to_owned(),
            group: None,
            start: Start::Earliest,
            guarantee: Guarantee::AtLeastOnce,
            order: Order::Partition,
            in_flight: InFlight::new(4_096),
            outputs: Vec::new(),
            allow_loops: false,
            commit_interval: None,
            transaction: Transaction::default(),
            drain_timeout: Time::seconds(10),
            stall_after: Time::seconds(60),
            group_protocol: GroupProtocol::Cooperative,
            instance_id: None,
            isolation: Isolation::Instance,
            retry: Retry::default(),
            dead_letter: DeadLetter::default(),
            probation: Probation::default(),
            limits: Limits::default(),
            grants: Grants::default(),
            buffer: Buffer::default(),
            batch: Batch::default(),
            create_topics: None,
            consumer_properties: BTreeMap::new(),
            producer_properties: BTreeMap::new(),
            settings: Settings::default(),
            test: Test::default(),
        }
    }
}

/// How transactions are ended: after `commit-interval`, or earlier by these.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Transaction {
    /// How long the coordinator lets a transaction be open (`transaction.timeout.ms`). Readers wait so long for what a
    /// process that died has left open. At least two seconds longer than `commit-interval`.
    pub timeout: Time,
    /// Most messages whose outputs go into one transaction, of all partitions together.
    pub messages: Count,
    /// Most bytes of these messages, at most 1 GiB.
    pub bytes: Size,
}

impl Default for Transaction {
    fn default() -> Self {
        Self {
            timeout: Time::seconds(10),
            messages: Count::new(100_000),
            bytes: Size::mib(64),
        }
    }
}

/// How failed messages are repeated.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Retry {
    /// Attempts at a message in all, the first included.
    pub attempts: Count,
    /// The delay before the second attempt; it doubles with each further one.
    pub backoff: Time,
    /// The longest delay, also for one that the handler asks for.
    pub max_backoff: Time,
    /// The share of a delay that is random: 20 spreads one second over 0.8 to 1.2.
    pub jitter_percent: Percent,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: Count::new(5),
            backoff: Time::millis(250),
            max_backoff: Time::seconds(30),
            jitter_percent: Percent(20),
        }
    }
}

/// What becomes of a message whose attempts are used up, or that the handler rejected.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct DeadLetter {
    /// "dead-letter" writes it to the topic below, "skip" reports it and goes on, "stop" stops its partition.
    pub on_exhausted: OnExhausted,
    /// The dead-letter topic. Not set: the handler's name and `.dead-letter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

impl Default for DeadLetter {
    fn default() -> Self {
        Self {
            on_exhausted: OnExhausted::DeadLetter,
            topic: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnExhausted {
    DeadLetter,
    Skip,
    Stop,
}

/// How a new revision of the component is watched. As long as that lasts, a message that has used up its attempts is
/// given to the revision before; where that one succeeds, its outputs count, and the message is a vote against the new
/// one.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Probation {
    /// Whether new revisions are on probation at all.
    pub enabled: bool,
    /// How long it lasts. Longer than a message takes to use up its attempts.
    pub time: Time,
    /// It also ends once the new revision has succeeded with so many messages. Not set: it lasts its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Count>,
    /// Votes that bring the revision before back.
    pub votes: Count,
}

impl Default for Probation {
    fn default() -> Self {
        Self {
            enabled: true,
            time: Time::seconds(300),
            messages: None,
            votes: Count::new(3),
        }
    }
}

/// What the component may use up. A message that makes it use more has failed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Limits {
    /// Linear memory of one instance, 64 KiB to 4 GiB.
    pub memory: Size,
    /// Elements in each table of one instance, at most 10,000,000.
    pub table_elements: Count,
    /// How long one attempt at one message may take, running and waiting for the host together. Making an instance and
    /// its set-up may take as long each.
    pub time_per_message: Time,
    /// Outputs for one message.
    pub output_messages: Count,
    /// Keys, values and headers of all outputs for one message together, and 32 bytes more for each header; at most 1 GiB.
    pub output_bytes: Size,
    /// What the component may hand to the host in one call, a whole batch's outputs included; at most 1 GiB. At least
    /// `output-bytes`.
    pub host_call_bytes: Size,
    /// Lines the component may log within a second, all its instances together. Further ones are dropped and counted.
    pub log_lines: Count,
    /// Bytes of such a line, 64 B to 64 KiB. The rest of it is cut.
    pub log_line_bytes: Size,
    /// HTTP requests under way at once, of all its instances together. Further ones wait, which counts as their
    /// message's time.
    pub http_requests: Count,
    /// Bytes of the body of one HTTP request, and of one answer; at most 1 GiB. A longer one ends with an error.
    pub http_body_bytes: Size,
    /// Most instances of the component at work at once, for all partitions together. A handler that waits for
    /// something else than the CPU is held back by it.
    pub instances: Instances,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Size::mib(64),
            table_elements: Count::new(100_000),
            time_per_message: Time::seconds(5),
            output_messages: Count::new(1_000),
            output_bytes: Size::mib(4),
            host_call_bytes: Size::mib(64),
            log_lines: Count::new(1_000),
            log_line_bytes: Size::kib(4),
            http_requests: Count::new(32),
            http_body_bytes: Size::mib(4),
            instances: Instances::new(32),
        }
    }
}

/// What the component may reach beyond its messages. Empty: nothing. A component that imports what is not granted is
/// refused when it is loaded.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Grants {
    /// Origins that it may send HTTP requests to, such as "https://api.example.com" or "http://10.0.0.7:8080": scheme,
    /// host and port, and no others. A name must stand for public addresses; "localhost" and addresses are taken as
    /// they are written.
    pub http: Vec<String>,
    /// Origins whose name may stand for addresses of a private network or of this machine, such as
    /// "http://billing.internal:8080".
    pub http_private: Vec<String>,
}

/// How much of each partition is held, fetched and not finished, before fetching pauses.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Buffer {
    /// Most messages. At least `batch.messages`.
    pub messages: Count,
    /// Most bytes of keys, values and headers, at most 1 GiB. At least `batch.bytes`.
    pub bytes: Size,
}

impl Default for Buffer {
    fn default() -> Self {
        Self {
            messages: Count::new(16_384),
            bytes: Size::mib(8),
        }
    }
}

/// How much is handed to the component in one call.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Batch {
    /// Most messages.
    pub messages: Count,
    /// Most bytes of keys, values and headers. A single larger message is still handed over, alone.
    pub bytes: Size,
    /// How long a call should take: a slow handler gets fewer messages in one. Not longer than
    /// `limits.time-per-message`.
    pub target_time: Time,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            messages: Count::new(512),
            bytes: Size::mib(1),
            target_time: Time::millis(1),
        }
    }
}

/// Creates missing output and dead-letter topics.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct CreateTopics {
    /// Partitions of a new topic. Not set: the broker's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Count>,
    /// The replication factor of a new topic. Not set: the broker's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<NonZeroU16>,
}

/// How `pelton test` tests the handler, and a daemon each new revision of it.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Test {
    /// The folder of its fixtures, found from this file's folder. Not set: `fixtures` in the `source` folder, or beside
    /// the component where there is no `source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixtures: Option<String>,
    /// Whether a daemon gives the fixtures, where there are any, to each new revision before it is used, and refuses one
    /// that does something else than is expected. Not set: only without a `source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_load: Option<bool>,
    /// Delivers each message again, in the same instance and in a fresh one, with the clock and random numbers the same.
    /// Outputs that differ fail the fixture: a message that is repeated after a crash would give them.
    pub deliver_twice: bool,
    /// Gives all fixtures' messages to one instance, in their order, and those since the last commit again to a fresh one,
    /// as after a crash before the next commit. Outputs of a message that differ fail its fixture: the handler keeps
    /// something in memory that others of its messages depend on.
    pub crash_before_commit: bool,
}

impl Default for Test {
    fn default() -> Self {
        Self {
            fixtures: None,
            at_load: None,
            deliver_twice: true,
            crash_before_commit: true,
        }
    }
}

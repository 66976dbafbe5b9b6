//! What a handler's Kafka clients are made with.

use std::collections::BTreeMap;

use pelton_config as config;
use pelton_kafka::{
    ConsumerMemory, ConsumerSettings, ProducerSettings, Protocol, Start, Topics,
    TransactionSettings,
};

use super::Connection;
use crate::budget::HandlerShare;

/// In milliseconds.
const EMBEDDED_FETCH_WAIT: &str = "20";

/// The settings of a handler's consumer.
pub(super) fn consumer(
    handler: &config::Handler,
    connection: &Connection,
    share: HandlerShare,
    retry: Option<String>,
) -> ConsumerSettings {
    let mut properties = connection.properties.overlaid(&handler.consumer_properties);
    if connection.embedded {
        // It answers a fetch that found nothing only when this is over, whatever has come meanwhile.
        properties
            .entry("fetch.wait.max.ms".to_owned())
            .or_insert_with(|| EMBEDDED_FETCH_WAIT.to_owned());
    }
    ConsumerSettings {
        bootstrap: connection.bootstrap.clone(),
        client_id: client_id(handler),
        group: handler.group.clone(),
        topics: match &handler.topics {
            config::Topics::List(topics) => Topics::List(topics.clone()),
            config::Topics::Pattern(pattern) => Topics::Pattern(pattern.clone()),
        },
        start: match handler.start {
            config::Start::Earliest => Start::Earliest,
            config::Start::Latest => Start::Latest,
            config::Start::Error => Start::Error,
        },
        protocol: match handler.group_protocol {
            config::GroupProtocol::Cooperative => Protocol::Cooperative,
            config::GroupProtocol::Eager => Protocol::Eager,
            config::GroupProtocol::Consumer => Protocol::Consumer,
        },
        instance_id: handler.instance_id.clone(),
        drain_timeout: handler.drain_timeout,
        memory: ConsumerMemory {
            fetched: share.fetched,
            handed_on: share.handed_on,
        },
        properties,
        retry,
        exclude: handler
            .dead_letter_topic()
            .map(str::to_owned)
            .into_iter()
            .collect(),
    }
}

/// The largest message that a producer takes unless it is told otherwise; its queue must take two of them.
const LARGEST_MESSAGE: u64 = 1 << 20;
/// librdkafka's own limit of a batch.
const LARGEST_BATCH: u32 = 1_000_000;

/// The settings of a handler's producer. No batch is larger than what every topic it writes to takes.
pub(super) fn producer(
    handler: &config::Handler,
    connection: &Connection,
    share: HandlerShare,
    largest_batch: Option<u32>,
) -> ProducerSettings {
    let mut properties = connection.properties.overlaid(&handler.producer_properties);
    if let Some(bytes) = largest_batch {
        // A broker refuses a batch as a whole, and librdkafka does not split it: innocent messages would go with it.
        let bytes = bytes.min(LARGEST_BATCH).to_string();
        properties.entry("batch.size".to_owned()).or_insert(bytes);
    }
    let largest = largest_message(&properties).unwrap_or(LARGEST_MESSAGE);
    let least = largest.saturating_mul(2);
    ProducerSettings {
        bootstrap: connection.bootstrap.clone(),
        client_id: client_id(handler),
        queue_bytes: Some(share.producer.max(least)),
        properties,
    }
}

/// The largest message that a producer with these properties takes, where they say.
pub(super) fn largest_message(properties: &BTreeMap<String, String>) -> Option<u64> {
    properties.get("message.max.bytes")?.parse().ok()
}

fn client_id(handler: &config::Handler) -> String {
    format!("pelton-{}", handler.name)
}

/// The settings of a member's transactions. The id is the `instance-id`'s where there is one, so that a process that
/// is started again ends what it left open; otherwise no two processes have the same (delivery rule 32).
pub(super) fn transactions(
    handler: &config::Handler,
    connection: &Connection,
    share: HandlerShare,
    largest_batch: Option<u32>,
    process: &str,
) -> TransactionSettings {
    let instance = handler.instance_id.as_deref().unwrap_or(process);
    TransactionSettings {
        producer: producer(handler, connection, share, largest_batch),
        id: format!("{}.{}.{instance}", handler.group, handler.name),
        timeout: handler.transaction.timeout,
    }
}

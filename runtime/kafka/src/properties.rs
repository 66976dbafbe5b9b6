//! Which librdkafka properties each kind of client gets.
//!
//! Invariant: what the delivery rules rest on can't be set from outside.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

use crate::{ConsumerSettings, Error, ProducerSettings, Protocol, Topics, producer::Transactional};

/// Set by this room for every client.
const OWNED: &[&str] = &[
    "bootstrap.servers",
    "metadata.broker.list",
    "client.id",
    "log.queue",
    "test.mock.num.brokers",
    "plugin.library.paths",
];
/// Set by this room for consumers.
const OWNED_BY_CONSUMER: &[&str] = &[
    "group.id",
    "group.instance.id",
    "group.protocol",
    "partition.assignment.strategy",
    "enable.auto.commit",
    "auto.commit.enable",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "isolation.level",
    "enable.partition.eof",
    "topic.blacklist",
];
/// Set by this room for producers.
const OWNED_BY_PRODUCER: &[&str] = &[
    "acks",
    "request.required.acks",
    "enable.idempotence",
    "enable.gapless.guarantee",
    "partitioner",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "message.send.max.retries",
    "retries",
    "delivery.report.only.error",
    "transactional.id",
    "transaction.timeout.ms",
];

/// The most that librdkafka takes as `queued.max.messages.kbytes`.
const LARGEST_QUEUE_KBYTES: u64 = 2_097_151;

/// What a consumer is configured with.
pub(crate) fn consumer(settings: &ConsumerSettings) -> Result<ClientConfig, Error> {
    let mut config = common(&settings.bootstrap, &settings.client_id);
    config
        // The default of a second starves a fast consumer each time its queue runs full: half the throughput.
        .set("fetch.queue.backoff.ms", "5")
        // While so much waits to be polled nothing is fetched, and librdkafka sizes a broker's answer by it too.
        .set(
            "queued.max.messages.kbytes",
            (settings.memory.fetched / 2 / 1024)
                .clamp(1, LARGEST_QUEUE_KBYTES)
                .to_string(),
        )
        // How soon a topic that appears is noticed.
        .set(
            "topic.metadata.refresh.interval.ms",
            match settings.topics {
                Topics::List(_) => "10000",
                Topics::Pattern(_) => "30000",
            },
        );
    apply(&mut config, &settings.properties, OWNED_BY_CONSUMER)?;
    config
        .set("group.id", &settings.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Delivery rule 7: this room resolves where to start, once.
        .set("auto.offset.reset", "error")
        // Delivery rule 29; it also makes offset fetches wait for open transactions.
        .set("isolation.level", "read_committed")
        // Where a partition ends can't be told from its messages: markers of transactions take offsets too.
        .set("enable.partition.eof", "true");
    match settings.protocol {
        Protocol::Cooperative => config.set("partition.assignment.strategy", "cooperative-sticky"),
        Protocol::Eager => config.set("partition.assignment.strategy", "range,roundrobin"),
        Protocol::Consumer => config.set("group.protocol", "consumer"),
    };
    if let Some(instance) = &settings.instance_id {
        config.set("group.instance.id", instance);
    }
    if matches!(settings.topics, Topics::Pattern(_)) && !settings.exclude.is_empty() {
        config.set("topic.blacklist", blacklist(&settings.exclude));
    }
    Ok(config)
}

/// What a producer is configured with.
pub(crate) fn producer(
    settings: &ProducerSettings,
    transactional: Option<&Transactional>,
) -> Result<ClientConfig, Error> {
    let mut config = common(&settings.bootstrap, &settings.client_id);
    config
        .set("linger.ms", "5")
        // What Java's producers send at most, so that what they sent passes through.
        .set("message.max.bytes", "1048576")
        // How soon a topic that was missing is noticed; messages to it are refused until then.
        .set("topic.metadata.refresh.interval.ms", "30000");
    if let Some(bytes) = settings.queue_bytes {
        config.set(
            "queue.buffering.max.kbytes",
            bytes.div_ceil(1024).clamp(1, i32::MAX as u64).to_string(),
        );
    }
    apply(&mut config, &settings.properties, OWNED_BY_PRODUCER)?;
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        // Keys land where Java's and KafkaJS's clients put them.
        .set("partitioner", "murmur2_random")
        // An outage is waited out, never turned into an ambiguous failure. `native/failures.rs` counts on it too.
        .set("message.timeout.ms", "0");
    if let Some(Transactional { id, timeout }) = transactional {
        let millis = timeout.as_millis();
        config
            .set("transactional.id", id)
            .set("transaction.timeout.ms", millis.to_string())
            // What isn't written by then would find its transaction aborted by the coordinator.
            .set("message.timeout.ms", (millis * 9 / 10).to_string());
    }
    Ok(config)
}

/// What a reader is configured with. A group is named because librdkafka assigns nothing without one; it is not joined.
pub(crate) fn reader(
    bootstrap: &str,
    group: &str,
    properties: &BTreeMap<String, String>,
) -> Result<ClientConfig, Error> {
    let mut config = common(bootstrap, "pelton-reader");
    apply(&mut config, properties, OWNED_BY_CONSUMER)?;
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true");
    Ok(config)
}

/// What an administration client is configured with.
pub(crate) fn admin(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
) -> Result<ClientConfig, Error> {
    let mut config = common(bootstrap, "pelton-admin");
    apply(&mut config, properties, &[])?;
    Ok(config)
}

fn common(bootstrap: &str, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", client_id)
        .set("statistics.interval.ms", "0")
        // Idle connections are closed by brokers as a matter of course.
        .set("log.connection.close", "false")
        // As Java's client: a broker that comes back is found again within a second.
        .set("reconnect.backoff.max.ms", "1000")
        .set("socket.keepalive.enable", "true");
    config
}

fn apply(
    config: &mut ClientConfig,
    properties: &BTreeMap<String, String>,
    owned: &[&str],
) -> Result<(), Error> {
    for (name, value) in properties {
        let is = |owned: &&str| owned.eq_ignore_ascii_case(name);
        if OWNED.iter().chain(owned).any(is) {
            return Err(Error::OwnedProperty { name: name.clone() });
        }
        config.set(name, value);
    }
    Ok(())
}

/// The names as librdkafka's list of regular expressions; a topic's name holds no special character but the dot.
fn blacklist(topics: &[String]) -> String {
    let patterns: Vec<String> = topics
        .iter()
        .map(|topic| format!("^{}$", topic.replace('.', "[.]")))
        .collect();
    patterns.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(properties: &[(&str, &str)]) -> ProducerSettings {
        ProducerSettings {
            bootstrap: "localhost:1".into(),
            client_id: "test".into(),
            queue_bytes: Some(1),
            properties: properties
                .iter()
                .map(|(n, v)| ((*n).into(), (*v).into()))
                .collect(),
        }
    }

    #[test]
    fn what_the_delivery_rules_rest_on_is_refused() {
        let refused = producer(&settings(&[("acks", "1")]), None);
        assert!(matches!(refused, Err(Error::OwnedProperty { name }) if name == "acks"));
    }

    #[test]
    fn other_properties_override_the_defaults() {
        let config = producer(&settings(&[("linger.ms", "50")]), None).expect("a configuration");
        assert_eq!(config.get("linger.ms"), Some("50"));
        assert_eq!(config.get("queue.buffering.max.kbytes"), Some("1"));
    }

    #[test]
    fn an_excluded_topic_is_matched_whole_and_literally() {
        assert_eq!(blacklist(&["orders.dlq".into()]), "^orders[.]dlq$");
    }
}

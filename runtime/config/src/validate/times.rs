//! Times and amounts that contradict each other.

use std::{fmt::Display, time::Duration};

use humantime::format_duration;

use crate::{
    Config, GroupProtocol, Handler,
    findings::{Finding, Findings},
    key::Key,
    schema::Size,
};

/// librdkafka's defaults, in milliseconds.
const MAX_POLL_INTERVAL: (&str, u64) = ("max.poll.interval.ms", 300_000);
const SESSION_TIMEOUT: (&str, u64) = ("session.timeout.ms", 45_000);
/// What librdkafka refuses beside `group.protocol=consumer`, because the broker decides it.
const DECIDED_BY_BROKER: [&str; 3] = [
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "group.protocol.type",
];

pub(super) fn validate(handler: &Handler, config: &Config, findings: &mut Findings<'_>) {
    let at = Key::new(["handlers", &handler.name]);
    retry(handler, &at.join("retry"), findings);
    batch(handler, &at, findings);
    drain(handler, &at, config, findings);
    protocol(handler, &at, config, findings);
}

fn retry(handler: &Handler, at: &Key, findings: &mut Findings<'_>) {
    let (backoff, max) = (handler.retry.backoff, handler.retry.max_backoff);
    let (backoff_at, max_at) = (at.join("backoff"), at.join("max-backoff"));
    if backoff > max {
        not_above(
            &backoff_at,
            &format_duration(backoff),
            &max_at,
            &format_duration(max),
            findings,
        );
    }
}

fn batch(handler: &Handler, at: &Key, findings: &mut Findings<'_>) {
    let (batch, buffer) = (&handler.batch, &handler.buffer);
    let (batch_at, buffer_at) = (at.join("batch"), at.join("buffer"));
    if batch.messages > buffer.messages {
        let (one, two) = (batch_at.join("messages"), buffer_at.join("messages"));
        not_above(&one, &batch.messages, &two, &buffer.messages, findings);
    }
    if batch.bytes > buffer.bytes {
        let (one, two) = (batch_at.join("bytes"), buffer_at.join("bytes"));
        let size = |bytes: std::num::NonZeroU32| Size(u64::from(bytes.get()));
        not_above(
            &one,
            &size(batch.bytes),
            &two,
            &size(buffer.bytes),
            findings,
        );
    }
    let limit = handler.limits.time_per_message;
    if batch.target_time > limit {
        let (one, two) = (
            batch_at.join("target-time"),
            at.join("limits").join("time-per-message"),
        );
        not_above(
            &one,
            &format_duration(batch.target_time),
            &two,
            &format_duration(limit),
            findings,
        );
    }
}

fn drain(handler: &Handler, at: &Key, config: &Config, findings: &mut Findings<'_>) {
    let drain = handler.drain_timeout;
    let drain_at = at.join("drain-timeout");
    let shutdown = config.daemon.shutdown_timeout;
    if drain >= shutdown {
        let shutdown_at = Key::new(["daemon", "shutdown-timeout"]);
        below(
            &drain_at,
            drain,
            &shutdown_at,
            &format_duration(shutdown),
            findings,
        );
    }
    for (property, default) in [MAX_POLL_INTERVAL, SESSION_TIMEOUT] {
        if property == SESSION_TIMEOUT.0 && handler.group_protocol == GroupProtocol::Consumer {
            continue;
        }
        let (key, given) = consumer_property(handler, at, config, property);
        let limit = given.map_or(Some(default), |given| given.parse().ok());
        // What is no number is left to librdkafka, which knows its own properties.
        if let Some(limit) = limit.filter(|limit| drain >= Duration::from_millis(*limit)) {
            let limit = format_duration(Duration::from_millis(limit)).to_string();
            below(&drain_at, drain, &key, &limit, findings);
        }
    }
    if handler.limits.time_per_message > drain {
        let limit_at = at.join("limits").join("time-per-message");
        findings.warn(
            &config.file.display().to_string(),
            &limit_at,
            &format!(
                "`{limit_at}` ({}) is longer than `{drain_at}` ({}): a message that takes longer than a drain is \
                 given up at a rebalance or stop, and repeated",
                format_duration(handler.limits.time_per_message),
                format_duration(drain),
            ),
        );
    }
}

fn protocol(handler: &Handler, at: &Key, config: &Config, findings: &mut Findings<'_>) {
    if handler.group_protocol != GroupProtocol::Consumer {
        return;
    }
    for property in DECIDED_BY_BROKER {
        let (key, given) = consumer_property(handler, at, config, property);
        if given.is_some() {
            let protocol_at = at.join("group-protocol");
            let finding = Finding::new(format!("`{key}` clashes with `{protocol_at}`"));
            findings.refuse(
                finding
                    .name(&key, "can't be set here")
                    .value(&protocol_at, "because with this one the broker decides it")
                    .help(format!(
                        "remove `{property}`, or use another `group-protocol`"
                    )),
            );
        }
    }
}

/// A property of the handler's consumer: its own, or else the cluster's.
fn consumer_property<'c>(
    handler: &'c Handler,
    at: &Key,
    config: &'c Config,
    name: &str,
) -> (Key, Option<&'c str>) {
    let own = handler.consumer_properties.get(name);
    let shared = config
        .clusters
        .get(&handler.cluster)
        .and_then(|cluster| cluster.properties.get(name));
    match (own, shared) {
        (None, Some(value)) => (
            Key::new(["clusters", &handler.cluster, "properties", name]),
            Some(value),
        ),
        (own, _) => (at.join("consumer-properties").join(name), own),
    }
}

fn below(
    drain_at: &Key,
    drain: Duration,
    limit_at: &Key,
    limit: &dyn Display,
    findings: &mut Findings<'_>,
) {
    // Where the drain is not in the file, its limit is: the message shows what the user wrote.
    let (shown, other) = if findings.has(drain_at) {
        (drain_at, limit_at)
    } else {
        (limit_at, drain_at)
    };
    let drain = format_duration(drain);
    let label = |key: &Key| {
        if key == drain_at {
            format!("{drain}")
        } else {
            format!("{limit}")
        }
    };
    let finding = Finding::new(format!(
        "`{drain_at}` ({drain}) must be shorter than `{limit_at}` ({limit})"
    ));
    findings.refuse(
        finding
            .value(shown, label(shown))
            .value(other, label(other))
            .help(format!(
                "shorten `{}`, or lengthen `{}`",
                drain_at.last(),
                limit_at.last()
            )),
    );
}

fn not_above(
    small_at: &Key,
    small: &dyn Display,
    large_at: &Key,
    large: &dyn Display,
    findings: &mut Findings<'_>,
) {
    let (shown, other) = if findings.has(small_at) {
        (small_at, large_at)
    } else {
        (large_at, small_at)
    };
    let label = |key: &Key| {
        if key == small_at {
            small.to_string()
        } else {
            large.to_string()
        }
    };
    let finding = Finding::new(format!(
        "`{small_at}` ({small}) must not be above `{large_at}` ({large})"
    ));
    findings.refuse(
        finding
            .value(shown, label(shown))
            .value(other, label(other))
            .help("lower the first, or raise the second; a key that is not in the file has its default"),
    );
}

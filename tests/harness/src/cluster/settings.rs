//! The broker's configuration: one node, loopback, small, nothing created behind the tests' back.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};

use super::Secured;

/// A second listener, for those who come through a proxy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proxied {
    /// Where the broker listens.
    pub(super) behind: u16,
    /// Where it tells its clients to go.
    pub(super) advertised: u16,
}

/// Writes `server.properties` and the logging configuration of either logging library.
pub(super) fn write_all(
    folder: &Path,
    data: &Path,
    [port, controller]: [u16; 2],
    proxied: Option<Proxied>,
    secured: Option<&Secured>,
) -> Result<()> {
    let listener = |port: Option<u16>| {
        port.map_or_else(String::new, |port| format!(",PROXIED://127.0.0.1:{port}"))
    };
    let with_tls = secured.map_or_else(String::new, Secured::listeners);
    let behind = listener(proxied.map(|proxied| proxied.behind)) + &with_tls;
    let advertised = listener(proxied.map(|proxied| proxied.advertised)) + &with_tls;
    let server = BTreeMap::from([
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", "1".to_owned()),
        (
            "controller.quorum.voters",
            format!("1@127.0.0.1:{controller}"),
        ),
        (
            "listeners",
            format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{behind}"),
        ),
        (
            "advertised.listeners",
            format!("PLAINTEXT://127.0.0.1:{port}{advertised}"),
        ),
        ("controller.listener.names", "CONTROLLER".to_owned()),
        (
            "listener.security.protocol.map",
            "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SECURED:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT"
                .to_owned(),
        ),
        ("log.dirs", data.display().to_string()),
        // One broker can keep one replica.
        ("offsets.topic.replication.factor", "1".to_owned()),
        ("transaction.state.log.replication.factor", "1".to_owned()),
        ("transaction.state.log.min.isr", "1".to_owned()),
        // Who has died in a transaction is missed as soon as its time-out allows, not up to ten seconds later.
        (
            "transaction.abort.timed.out.transaction.cleanup.interval.ms",
            "1000".to_owned(),
        ),
        (
            "share.coordinator.state.topic.replication.factor",
            "1".to_owned(),
        ),
        ("share.coordinator.state.topic.min.isr", "1".to_owned()),
        ("offsets.topic.num.partitions", "4".to_owned()),
        ("transaction.state.log.num.partitions", "4".to_owned()),
        (
            "share.coordinator.state.topic.num.partitions",
            "4".to_owned(),
        ),
        // Tests are short: a member that was killed is given up on after its own session time-out only.
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
        ("group.min.session.timeout.ms", "1000".to_owned()),
        // With KIP-848 the broker decides these, not the member: the same times as stage::MISSED_SOON asks for.
        ("group.consumer.min.session.timeout.ms", "1000".to_owned()),
        ("group.consumer.session.timeout.ms", "6000".to_owned()),
        ("group.consumer.min.heartbeat.interval.ms", "500".to_owned()),
        ("group.consumer.heartbeat.interval.ms", "500".to_owned()),
        // Nobody is denied anything until a test denies it.
        (
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned(),
        ),
        ("allow.everyone.if.no.acl.found", "true".to_owned()),
        // A topic that a test forgot must be missed, not made.
        ("auto.create.topics.enable", "false".to_owned()),
    ]);
    let of_tls = secured.map_or_else(String::new, Secured::properties);
    write(
        &folder.join("server.properties"),
        &(properties(&server) + &of_tls),
    )?;
    let log4j2 = BTreeMap::from([
        ("appender.console.type", "Console".to_owned()),
        ("appender.console.name", "STDOUT".to_owned()),
        ("appender.console.layout.type", "PatternLayout".to_owned()),
        ("appender.console.layout.pattern", PATTERN.to_owned()),
        ("rootLogger.level", "INFO".to_owned()),
        ("rootLogger.appenderRef.console.ref", "STDOUT".to_owned()),
    ]);
    write(&folder.join("log4j2.properties"), &properties(&log4j2))?;
    let log4j = BTreeMap::from([
        ("log4j.rootLogger", "INFO, console".to_owned()),
        (
            "log4j.appender.console",
            "org.apache.log4j.ConsoleAppender".to_owned(),
        ),
        (
            "log4j.appender.console.layout",
            "org.apache.log4j.PatternLayout".to_owned(),
        ),
        (
            "log4j.appender.console.layout.ConversionPattern",
            PATTERN.to_owned(),
        ),
    ]);
    write(&folder.join("log4j.properties"), &properties(&log4j))
}

/// Time, level, message and source, one line each.
const PATTERN: &str = "[%d] %p %m (%c)%n";

/// A configuration as Java's properties.
fn properties(entries: &BTreeMap<&str, String>) -> String {
    entries
        .iter()
        .map(|(key, value)| format!("{key}={value}\n"))
        .collect()
}

/// Writes a file, naming it when that fails.
fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("can't write {}", path.display()))
}

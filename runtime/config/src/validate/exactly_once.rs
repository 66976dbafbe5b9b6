//! What can't be exactly-once.

use std::time::Duration;

use humantime::format_duration;

use crate::{
    Bootstrap, Config, Guarantee, Handler,
    findings::{Finding, Findings},
    key::Key,
};

/// What a commit needs beyond the interval: the last outputs' acknowledgements, the offsets and the end itself.
const FLUSH: Duration = Duration::from_secs(2);

pub(super) fn validate(handler: &Handler, config: &Config, findings: &mut Findings<'_>) {
    if handler.guarantee != Guarantee::ExactlyOnce {
        return;
    }
    let at = Key::new(["handlers", &handler.name]);
    embedded(handler, &at, config, findings);
    timeout(handler, &at, findings);
    linger(handler, &at, findings);
}

fn embedded(handler: &Handler, at: &Key, config: &Config, findings: &mut Findings<'_>) {
    let is_embedded = config
        .clusters
        .get(&handler.cluster)
        .is_some_and(|cluster| cluster.bootstrap == Bootstrap::Embedded);
    if !is_embedded {
        return;
    }
    let (guarantee, servers) = (
        at.join("guarantee"),
        Key::new(["clusters", &handler.cluster, "bootstrap-servers"]),
    );
    let finding = Finding::new(format!(
        "`{guarantee}` is \"exactly-once\", which the embedded broker can't do"
    ));
    findings.refuse(
        finding
            .value(&guarantee, "needs transactions")
            .value(
                &servers,
                "keeps no offsets of transactions and hides nothing that was aborted",
            )
            .help("name the servers of a real cluster, or use \"at-least-once\" with this one"),
    );
}

fn timeout(handler: &Handler, at: &Key, findings: &mut Findings<'_>) {
    let (timeout, interval) = (handler.transaction.timeout, handler.commit_interval);
    let least = interval.saturating_add(FLUSH);
    if timeout >= least {
        return;
    }
    let (timeout_at, interval_at) = (
        at.join("transaction").join("timeout"),
        at.join("commit-interval"),
    );
    let finding = Finding::new(format!(
        "`{timeout_at}` ({}) is too short for `{interval_at}` ({}) and {} for its end",
        format_duration(timeout),
        format_duration(interval),
        format_duration(FLUSH),
    ));
    findings.refuse(
        finding
            .value(&timeout_at, format_duration(timeout).to_string())
            .value(&interval_at, format_duration(interval).to_string())
            .help(format!(
                "lengthen `timeout` to {} at least, or shorten `commit-interval`",
                format_duration(least)
            )),
    );
}

/// A batch that lingers holds up each transaction's end.
fn linger(handler: &Handler, at: &Key, findings: &mut Findings<'_>) {
    for property in ["linger.ms", "queue.buffering.max.ms"] {
        let Some(linger) = handler
            .producer_properties
            .get(property)
            .and_then(|text| text.parse::<f64>().ok())
            .and_then(|millis| Duration::try_from_secs_f64(millis / 1000.0).ok())
        else {
            continue;
        };
        if linger < handler.transaction.timeout {
            continue;
        }
        let (property_at, timeout_at) = (
            at.join("producer-properties").join(property),
            at.join("transaction").join("timeout"),
        );
        let finding = Finding::new(format!(
            "`{property_at}` ({}) must be shorter than `{timeout_at}` ({})",
            format_duration(linger),
            format_duration(handler.transaction.timeout),
        ));
        findings.refuse(
            finding
                .value(
                    &property_at,
                    "outputs would wait for longer than their transaction lives",
                )
                .value(
                    &timeout_at,
                    format_duration(handler.transaction.timeout).to_string(),
                )
                .help(format!("shorten `{property}`, or lengthen `timeout`")),
        );
    }
}

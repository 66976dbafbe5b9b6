//! One handler, as far as it can be judged alone.

use std::{
    num::NonZeroU32,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Batch, Buffer, Guarantee, Handler, OnExhausted, Probation, Retry, Settings, Test,
    TopicCreation, Transaction,
    findings::{Finding, Findings},
    key::Key,
    schema::{self, Size, Time},
    validate::{
        component, grants, limits, names,
        properties::{self, Client},
        topics,
    },
};

/// How often is committed unless the file says otherwise.
fn commit_interval(guarantee: Guarantee) -> Duration {
    match guarantee {
        Guarantee::AtLeastOnce => Duration::from_secs(1),
        Guarantee::ExactlyOnce => Duration::from_millis(100),
    }
}

pub(super) fn validate(
    name: &str,
    mut raw: schema::Handler,
    file: &Path,
    findings: &mut Findings<'_>,
) -> Handler {
    let at = Key::new(["handlers", name]);
    check_name(&at, name, findings);
    let topics = topics::subscription(&at.join("topics"), raw.topics, findings);
    let outputs = topics::names(&at.join("outputs"), raw.outputs, findings);
    own_loop(&at, &topics, &outputs, raw.allow_loops, findings);
    let interval = commit_interval(raw.guarantee);
    let component = component::validate(&at.join("component"), raw.component, file, findings);
    let source = text(&at.join("source"), raw.source, findings)
        .map(|source| file.parent().unwrap_or(Path::new("")).join(source));
    let fixtures_at = at.join("test").join("fixtures");
    let fixtures = text(&fixtures_at, raw.test.fixtures.take(), findings);
    let fixtures = component::fixtures(fixtures, file, source.as_deref(), &component);
    let mut properties =
        |key: &str, client, given| properties::validate(&at.join(key), client, given, findings);
    let consumer_properties = properties(
        "consumer-properties",
        Client::Consumer,
        raw.consumer_properties,
    );
    let producer_properties = properties(
        "producer-properties",
        Client::Producer,
        raw.producer_properties,
    );
    Handler {
        name: name.to_owned(),
        cluster: raw.cluster,
        test: test(&raw.test, fixtures, source.is_none()),
        component,
        source,
        topics,
        group: text(&at.join("group"), raw.group, findings)
            .unwrap_or_else(|| format!("pelton.{name}")),
        start: raw.start,
        guarantee: raw.guarantee,
        order: raw.order,
        in_flight: raw.in_flight.0,
        outputs,
        allow_loops: raw.allow_loops,
        retry: retry(&raw.retry),
        on_exhausted: on_exhausted(name, &at.join("dead-letter"), raw.dead_letter, findings),
        probation: probation(&raw.probation),
        isolation: raw.isolation,
        limits: limits::validate(&at.join("limits"), &raw.limits, findings),
        grants: grants::validate(&at.join("grants"), &raw.grants, findings),
        buffer: buffer(&at.join("buffer"), raw.buffer, findings),
        batch: batch(&at.join("batch"), raw.batch, findings),
        commit_interval: raw.commit_interval.map_or(interval, |given| given.0),
        transaction: transaction(&at.join("transaction"), raw.transaction, findings),
        drain_timeout: raw.drain_timeout.0,
        stall_after: stall_after(&at.join("stall-after"), raw.stall_after, findings),
        group_protocol: raw.group_protocol,
        instance_id: text(&at.join("instance-id"), raw.instance_id, findings),
        topic_creation: raw.create_topics.map(|create| TopicCreation {
            partitions: create.partitions.map(|partitions| partitions.0),
            replication: create.replication,
        }),
        consumer_properties,
        producer_properties,
        settings: Settings::new(raw.settings.into_text()),
    }
}

fn check_name(at: &Key, name: &str, findings: &mut Findings<'_>) {
    if let Some(wrong) = names::wrong_handler(name) {
        let finding = Finding::new(format!("the name of handler `{name}` {wrong}")).name(at, "");
        findings.refuse(finding.help("handlers are named by letters, digits, `.`, `_` and `-`"));
    }
}

/// Without source code, what came from elsewhere is tested when it is loaded, unless the file says otherwise.
fn test(raw: &schema::Test, fixtures: PathBuf, ready_made: bool) -> Test {
    Test {
        fixtures,
        at_load: raw.at_load.unwrap_or(ready_made),
        deliver_twice: raw.deliver_twice,
        crash_before_commit: raw.crash_before_commit,
    }
}

fn retry(raw: &schema::Retry) -> Retry {
    Retry {
        attempts: raw.attempts.0,
        backoff: raw.backoff.0,
        max_backoff: raw.max_backoff.0,
        jitter_percent: raw.jitter_percent.0,
    }
}

fn probation(raw: &schema::Probation) -> Option<Probation> {
    raw.enabled.then(|| Probation {
        time: raw.time.0,
        messages: raw.messages.as_ref().map(|messages| messages.0),
        votes: raw.votes.0,
    })
}

fn buffer(at: &Key, raw: schema::Buffer, findings: &mut Findings<'_>) -> Buffer {
    Buffer {
        messages: raw.messages.0,
        bytes: bytes(&at.join("bytes"), raw.bytes, findings),
    }
}

fn batch(at: &Key, raw: schema::Batch, findings: &mut Findings<'_>) -> Batch {
    Batch {
        messages: raw.messages.0,
        bytes: bytes(&at.join("bytes"), raw.bytes, findings),
        target_time: raw.target_time.0,
    }
}

fn transaction(at: &Key, raw: schema::Transaction, findings: &mut Findings<'_>) -> Transaction {
    Transaction {
        timeout: raw.timeout.0,
        messages: raw.messages.0,
        bytes: bytes(&at.join("bytes"), raw.bytes, findings),
    }
}

/// A text that must not be empty where it is given.
fn text(at: &Key, raw: Option<String>, findings: &mut Findings<'_>) -> Option<String> {
    if raw.as_deref().is_some_and(|text| text.trim().is_empty()) {
        let finding = Finding::new(format!("`{at}` is empty")).value(at, "");
        findings.refuse(finding.help("remove the key to get its default"));
    }
    raw
}

fn stall_after(at: &Key, raw: Time, findings: &mut Findings<'_>) -> Duration {
    if raw < Time::seconds(1) {
        let finding = Finding::new(format!("`{at}` must be at least 1s"));
        findings.refuse(finding.value(at, format!("this is {raw}")));
    }
    raw.0
}

fn on_exhausted(
    name: &str,
    at: &Key,
    raw: schema::DeadLetter,
    findings: &mut Findings<'_>,
) -> OnExhausted {
    let topic_at = at.join("topic");
    if let Some(topic) = &raw.topic {
        topics::name(&topic_at, &topic_at, topic, findings);
        if raw.on_exhausted != schema::OnExhausted::DeadLetter {
            let decided = at.join("on-exhausted");
            let finding = Finding::new(format!("`{topic_at}` clashes with `{decided}`"));
            findings.refuse(
                finding
                    .value(&topic_at, "nothing would ever be written to it")
                    .value(&decided, "because of this")
                    .help("remove one of the two"),
            );
        }
    }
    match raw.on_exhausted {
        schema::OnExhausted::DeadLetter => OnExhausted::DeadLetter {
            topic: raw.topic.unwrap_or_else(|| format!("{name}.dead-letter")),
        },
        schema::OnExhausted::Skip => OnExhausted::Skip,
        schema::OnExhausted::Stop => OnExhausted::Stop,
    }
}

/// A number of bytes that fits the machine's counters.
pub(super) fn bytes(at: &Key, raw: Size, findings: &mut Findings<'_>) -> NonZeroU32 {
    if raw > Size::gib(1) {
        let finding = Finding::new(format!("`{at}` must be at most 1 GiB"));
        findings.refuse(finding.value(at, format!("this is {raw}")));
    }
    saturated(raw)
}

/// A number of bytes within bounds, both below 4 GiB.
pub(super) fn bytes_within(
    at: &Key,
    raw: Size,
    bounds: RangeInclusive<Size>,
    findings: &mut Findings<'_>,
) -> NonZeroU32 {
    if !bounds.contains(&raw) {
        let (least, most) = bounds.into_inner();
        let finding = Finding::new(format!("`{at}` must be from {least} to {most}"));
        findings.refuse(finding.value(at, format!("this is {raw}")));
    }
    saturated(raw)
}

fn saturated(raw: Size) -> NonZeroU32 {
    u32::try_from(raw.0)
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(NonZeroU32::MIN)
}

/// An output that the handler itself reads feeds it for ever, unless its code breaks the loop.
fn own_loop(
    at: &Key,
    topics: &crate::Topics,
    outputs: &[String],
    allowed: bool,
    findings: &mut Findings<'_>,
) {
    let topics_at = at.join("topics");
    for (position, output) in outputs.iter().enumerate() {
        if allowed || !topics::reads(topics, output) {
            continue;
        }
        let outputs_at = at.join("outputs");
        let finding = Finding::new(format!(
            "`{outputs_at}` and `{topics_at}` make a loop over the topic `{output}`"
        ));
        findings.refuse(
            finding
                .value(&outputs_at.join(position.to_string()), "written here")
                .value(&topics_at, "and read here again")
                .help("write to another topic; if the handler ends the loop itself, set `allow-loops = true`"),
        );
    }
}

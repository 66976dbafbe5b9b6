//! Messages of clients that others wrote go in, and what comes out is what those clients expect to read.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use pelton_harness::{
    Client, Draft, Message, Stage, TestCluster,
    foreign::{Partitioner, kafkajs_consume, kafkajs_produce, kcat_consume, kcat_produce},
};

const LIMIT: Duration = Duration::from_secs(90);
const PARTITIONS: i32 = 4;

/// What users send: keys that come again, a tombstone, text beyond ASCII, a header twice.
fn drafts() -> Vec<Draft> {
    let event = |n: usize| {
        Draft::new(
            format!("user-{}", n % 23),
            format!("{{\"n\":{n},\"name\":\"Zoë\"}}"),
        )
    };
    let mut drafts: Vec<Draft> = (0..200).map(event).collect();
    drafts.push(Draft::tombstone("user-7"));
    let headers = |draft: Draft| {
        draft
            .header("content-type", "application/json")
            .header("source", "a")
            .header("source", "b")
    };
    drafts.into_iter().map(headers).collect()
}

/// What must be the same of an input and its output, sorted.
fn content(messages: &[Message]) -> Vec<(String, String, Option<i64>, String)> {
    let facts = |one: &Message| {
        (
            one.key_text(),
            one.value_text(),
            one.timestamp,
            format!("{:?}", one.headers),
        )
    };
    let mut content: Vec<_> = messages.iter().map(facts).collect();
    content.sort();
    content
}

/// Where KafkaJS's default partitioner, which is Java's, puts each key.
fn placement(
    cluster: &TestCluster,
    client: &Client,
    drafts: &[Draft],
) -> Result<BTreeMap<String, i32>> {
    let reference = cluster.create_topic("reference", PARTITIONS, &[])?;
    kafkajs_produce(
        cluster.bootstrap(),
        &reference,
        drafts,
        Partitioner::Default,
    )?;
    let placed = client.read_at_least(&reference, drafts.len(), LIMIT)?;
    Ok(placed
        .iter()
        .map(|message| (message.key_text(), message.partition))
        .collect())
}

/// Values in the order in which they came, for each key.
fn order(messages: &[Message]) -> BTreeMap<String, Vec<String>> {
    let mut order: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in messages {
        order
            .entry(message.key_text())
            .or_default()
            .push(message.value_text());
    }
    order
}

/// Sends by `write`, lets a daemon pass it on, and compares what every reader finds.
fn passes_through(name: &str, write: impl Fn(&str, &str, &[Draft]) -> Result<()>) -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage, drafts) = (
        cluster.client()?,
        Stage::new(cluster, name, PARTITIONS)?,
        drafts(),
    );
    let _daemon = stage.daemon("passthrough", "")?.start()?;
    write(cluster.bootstrap(), &stage.input, &drafts)?;
    let outputs = client.read_at_least(&stage.output, drafts.len(), LIMIT)?;
    let inputs = client.read_all(&stage.input)?;
    assert_eq!(content(&outputs), content(&inputs), "{name}: what came out");
    assert_eq!(
        order(&outputs),
        order(&inputs),
        "{name}: the order of each key"
    );
    for (key, partition) in placement(cluster, &client, &drafts)? {
        let output = outputs
            .iter()
            .find(|output| output.key_text() == key)
            .context("every key comes out")?;
        assert_eq!(output.partition, partition, "{name}: where {key} is placed");
    }
    let by_kafkajs = kafkajs_consume(cluster.bootstrap(), &stage.output, drafts.len(), LIMIT)?;
    assert_eq!(
        content(&by_kafkajs),
        content(&outputs),
        "{name}: what KafkaJS reads"
    );
    let by_kcat = kcat_consume(cluster.bootstrap(), &stage.output, LIMIT)?;
    assert_eq!(
        content(&by_kcat),
        content(&outputs),
        "{name}: what kcat reads"
    );
    Ok(())
}

#[test]
fn messages_of_kafkajs_pass_through() -> Result<()> {
    passes_through("kafkajs", |bootstrap, topic, drafts| {
        kafkajs_produce(bootstrap, topic, drafts, Partitioner::Default)
    })
}

#[test]
fn messages_of_kafkajs_with_its_legacy_partitioner_pass_through() -> Result<()> {
    passes_through("legacy", |bootstrap, topic, drafts| {
        kafkajs_produce(bootstrap, topic, drafts, Partitioner::Legacy)
    })
}

#[test]
fn messages_of_kcat_pass_through() -> Result<()> {
    passes_through("kcat", kcat_produce)
}

#[test]
fn null_and_empty_stay_apart_all_the_way() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "nulls", 1)?);
    let _daemon = stage.daemon("passthrough", "")?.start()?;
    let drafts = [
        Draft {
            value: Some(b"no key".to_vec()),
            ..Draft::default()
        },
        Draft::new("", "empty key"),
        Draft::new("empty value", ""),
        Draft::tombstone("tombstone"),
        Draft::default(),
        Draft::new("headers", "x")
            .null_header("null")
            .header("empty", "")
            .header("twice", "1")
            .null_header("twice"),
        Draft::new("bytes", [0, 159, 146, 150].as_slice()).header("bytes", [255, 0].as_slice()),
        Draft::new("old", "x").timestamp(1_000_000_000_000),
    ];
    client.produce(&stage.input, &drafts)?;
    let outputs = client.read_at_least(&stage.output, drafts.len(), LIMIT)?;
    assert_eq!(outputs, client.read_all(&stage.input)?);
    assert_eq!(
        kafkajs_consume(cluster.bootstrap(), &stage.output, drafts.len(), LIMIT)?.len(),
        drafts.len()
    );
    Ok(())
}

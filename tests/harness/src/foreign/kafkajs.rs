//! KafkaJS 2.2.4, as most Node programs still run it.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::run;
use crate::{Draft, Message, paths};

/// How KafkaJS places a message that has a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioner {
    /// The default since 2.0: where Java's client puts it.
    Default,
    /// The default before 2.0: the same hash with another treatment of its sign.
    Legacy,
}

/// One line that `consume.js` prints.
#[derive(Deserialize)]
struct Line {
    partition: i32,
    offset: i64,
    timestamp: i64,
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, Option<String>)>,
}

/// Produces these messages. Keys, values and headers must be UTF-8, and a header can't be null:
/// KafkaJS itself can't write that.
///
/// # Errors
/// When KafkaJS fails.
pub fn kafkajs_produce(
    bootstrap: &str,
    topic: &str,
    drafts: &[Draft],
    partitioner: Partitioner,
) -> Result<()> {
    let mut input = String::new();
    for draft in drafts {
        input.push_str(&line(draft)?.to_string());
        input.push('\n');
    }
    let mut command = script("produce.js")?;
    command.args([bootstrap, topic]).arg(match partitioner {
        Partitioner::Default => "default",
        Partitioner::Legacy => "legacy",
    });
    run(command, input.as_bytes(), Duration::from_secs(60)).map(drop)
}

/// Reads a topic from its beginning until `count` messages have come.
/// The order of headers holds only among those of one name: KafkaJS gives them as an object.
///
/// # Errors
/// When fewer come within `limit`.
pub fn kafkajs_consume(
    bootstrap: &str,
    topic: &str,
    count: usize,
    limit: Duration,
) -> Result<Vec<Message>> {
    let mut command = script("consume.js")?;
    command.args([bootstrap, topic, &count.to_string()]);
    run(command, b"", limit)?.lines().map(message).collect()
}

/// One of the scripts in `tests/foreign`.
fn script(name: &str) -> Result<Command> {
    let folder = paths::repository().join("tests/foreign");
    ensure!(
        folder.join("node_modules/kafkajs").is_dir(),
        "KafkaJS isn't installed: run `cargo xtask setup` first"
    );
    let mut command = Command::new("node");
    command.arg(folder.join(name));
    Ok(command)
}

/// A message as `produce.js` reads it.
fn line(draft: &Draft) -> Result<Value> {
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in &draft.headers {
        let value = value
            .as_deref()
            .with_context(|| format!("KafkaJS can't write a null header ({name})"))?;
        let value = Value::from(text(value)?);
        match headers.get_mut(name) {
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = json!([first, value]),
            None => drop(headers.insert(name.clone(), value)),
        }
    }
    let mut line = json!({ "headers": headers });
    line["key"] = draft.key.as_deref().map(text).transpose()?.into();
    line["value"] = draft.value.as_deref().map(text).transpose()?.into();
    if let Some(partition) = draft.partition {
        line["partition"] = partition.into();
    }
    if let Some(timestamp) = draft.timestamp {
        line["timestamp"] = timestamp.into();
    }
    Ok(line)
}

/// A message as `consume.js` prints it.
fn message(line: &str) -> Result<Message> {
    let line: Line = serde_json::from_str(line)?;
    let bytes = |hex: Option<String>| hex.as_deref().map(unhex).transpose();
    let headers = line
        .headers
        .into_iter()
        .map(|(name, value)| Ok((name, bytes(value)?)));
    Ok(Message {
        partition: line.partition,
        offset: line.offset,
        timestamp: Some(line.timestamp),
        key: bytes(line.key)?,
        value: bytes(line.value)?,
        headers: headers.collect::<Result<_>>()?,
    })
}

/// Bytes as the text they must be.
fn text(bytes: &[u8]) -> Result<String> {
    Ok(String::from_utf8(bytes.to_vec())?)
}

/// Hexadecimal to bytes.
fn unhex(hex: &str) -> Result<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?))
        .collect()
}

//! kcat, the command line that Kafka's users have at hand.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::run;
use crate::{Draft, Message};

/// Between key and value: a byte that no text holds.
const SEPARATOR: &str = "\u{1f}";

/// What `kcat -J` prints for a message.
#[derive(Deserialize)]
struct Envelope {
    partition: i32,
    offset: i64,
    ts: Option<i64>,
    #[serde(default)]
    headers: Vec<Option<String>>,
    key: Option<String>,
    payload: Option<String>,
}

/// Produces these messages with `kcat -P`. All of one call have the same headers (those of the first),
/// because kcat takes them as arguments; key and value must be text of one line, and a null value is
/// what kcat makes of an empty one.
///
/// # Errors
/// When kcat fails, or the messages are not such as it can write.
pub fn kcat_produce(bootstrap: &str, topic: &str, drafts: &[Draft]) -> Result<()> {
    let mut command = Command::new("kcat");
    command.args([
        "-P", "-b", bootstrap, "-t", topic, "-K", SEPARATOR, "-Z", "-X", "acks=all",
    ]);
    let headers = drafts
        .first()
        .map(|draft| draft.headers.as_slice())
        .unwrap_or_default();
    for (name, value) in headers {
        let value = value.as_deref().map(String::from_utf8_lossy);
        // A name alone is a null header.
        command
            .arg("-H")
            .arg(value.map_or_else(|| name.clone(), |value| format!("{name}={value}")));
    }
    let mut input = Vec::new();
    for draft in drafts {
        ensure!(
            draft.headers == headers,
            "kcat writes the same headers to all messages of a call"
        );
        ensure!(
            draft.value.as_deref() != Some(b""),
            "kcat can't write an empty value beside null ones"
        );
        input.extend_from_slice(
            draft
                .key
                .as_deref()
                .context("kcat needs a key for each message")?,
        );
        input.extend_from_slice(SEPARATOR.as_bytes());
        input.extend_from_slice(draft.value.as_deref().unwrap_or_default());
        input.push(b'\n');
    }
    run(command, &input, Duration::from_secs(60)).map(drop)
}

/// Reads a topic from its beginning to its end with `kcat -C -e -J`; only what is text survives that.
///
/// # Errors
/// When kcat fails, or runs longer than `limit`.
pub fn kcat_consume(bootstrap: &str, topic: &str, limit: Duration) -> Result<Vec<Message>> {
    let mut command = Command::new("kcat");
    command.args([
        "-C",
        "-b",
        bootstrap,
        "-t",
        topic,
        "-o",
        "beginning",
        "-e",
        "-q",
        "-J",
    ]);
    run(command, b"", limit)?.lines().map(message).collect()
}

/// A message as kcat prints it.
fn message(line: &str) -> Result<Message> {
    let envelope: Envelope =
        serde_json::from_str(line).with_context(|| format!("kcat printed {line}"))?;
    let mut headers = Vec::new();
    for pair in envelope.headers.chunks(2) {
        let [Some(name), value] = pair else {
            bail!("kcat printed headers that aren't pairs: {line}")
        };
        headers.push((name.clone(), value.clone().map(String::into_bytes)));
    }
    Ok(Message {
        partition: envelope.partition,
        offset: envelope.offset,
        timestamp: envelope.ts,
        key: envelope.key.map(String::into_bytes),
        value: envelope.payload.map(String::into_bytes),
        headers,
    })
}

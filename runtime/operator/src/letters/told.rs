//! What programs are told of a dead letter, by the admin address and by `pelton dlq --json`.

use base64::{Engine, engine::general_purpose::STANDARD};
use pelton_types::MessageId;
use schemars::JsonSchema;
use serde::Serialize;

use super::Letter;

/// A dead letter without its message's value and headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Line {
    /// Where it stands.
    pub letter: Place,
    /// Where its message stood; none where another program wrote it.
    pub origin: Option<Place>,
    /// The handler that gave up on it.
    pub handler: Option<String>,
    /// Its revision.
    pub revision: Option<String>,
    /// How many attempts were made.
    pub attempts: Option<u32>,
    /// How often it had been redriven before.
    pub redrives: u32,
    /// The kind of the last failure.
    pub kind: Option<String>,
    /// What that said; of a trap the functions it happened in, too.
    pub text: Option<String>,
    /// What of the message didn't fit into the letter.
    pub cut: Option<String>,
    /// The message's time, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The message's key.
    pub key: Option<Bytes>,
}

/// A dead letter with all of its message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Shown {
    /// What stands on a line of a list.
    #[serde(flatten)]
    pub line: Line,
    /// The message's value; none is a tombstone.
    pub value: Option<Bytes>,
    /// The message's own headers, in order.
    pub headers: Vec<Header>,
}

/// Where a message stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
}

/// A header of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Header {
    /// Its name, which may be any bytes.
    pub name: Bytes,
    /// Its value; none is null.
    pub value: Option<Bytes>,
}

/// Bytes: as text where they are UTF-8, and in base64 otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Bytes {
    /// UTF-8, as it is.
    Text(String),
    /// Anything else.
    Base64(String),
}

impl From<&Letter> for Line {
    fn from(letter: &Letter) -> Self {
        Self {
            letter: (&letter.at).into(),
            origin: letter.origin.as_ref().map(Into::into),
            handler: letter.handler.clone(),
            revision: letter.revision.clone(),
            attempts: letter.attempts,
            redrives: letter.redrives,
            kind: letter.kind.clone(),
            text: letter.text.clone(),
            cut: letter.cut.clone(),
            timestamp: letter.message.timestamp.millis(),
            key: letter.message.key.as_deref().map(Into::into),
        }
    }
}

impl From<&Letter> for Shown {
    fn from(letter: &Letter) -> Self {
        let headers = letter.message.headers.iter().map(|header| Header {
            name: header.name.into(),
            value: header.value.map(Into::into),
        });
        Self {
            line: letter.into(),
            value: letter.message.value.as_deref().map(Into::into),
            headers: headers.collect(),
        }
    }
}

impl From<&MessageId> for Place {
    fn from(id: &MessageId) -> Self {
        Self {
            topic: id.topic.to_string(),
            partition: id.partition,
            offset: id.offset,
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }
}

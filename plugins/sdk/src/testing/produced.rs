//! An output as it would be produced.

use std::str;

use pelton_codec::{HeaderRef, OutputHeaders, OutputRef};

use super::TestMessage;

/// An output as it would be produced: what was *the same as the message's* is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Produced {
    /// Where to; `None` is the handler's default topic.
    pub topic: Option<String>,
    /// A fixed partition; `None` leaves it to the key.
    pub partition: Option<i32>,
    /// Milliseconds since the Unix epoch; `None` is the message's own timestamp.
    pub timestamp: Option<i64>,
    /// The key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Produced {
    pub(super) fn new(output: &OutputRef<'_>, message: &TestMessage) -> Self {
        Self {
            topic: output.topic.map(str::to_owned),
            partition: output.partition,
            timestamp: output.timestamp,
            key: output
                .key
                .resolve(message.key.as_deref())
                .map(<[u8]>::to_vec),
            value: output
                .value
                .resolve(message.value.as_deref())
                .map(<[u8]>::to_vec),
            headers: match output.headers {
                OutputHeaders::Same => message.headers.clone(),
                OutputHeaders::Own(headers) => headers.map(own_header).collect(),
            },
        }
    }

    /// The key as text; `None` where it is null or not UTF-8.
    pub fn key_str(&self) -> Option<&str> {
        self.key.as_deref().and_then(|key| str::from_utf8(key).ok())
    }

    /// The value as text; `None` where it is null or not UTF-8.
    pub fn value_str(&self) -> Option<&str> {
        self.value
            .as_deref()
            .and_then(|value| str::from_utf8(value).ok())
    }

    /// The value as JSON; `Null` where it is none.
    pub fn json(&self) -> serde_json::Value {
        self.value
            .as_deref()
            .and_then(|value| serde_json::from_slice(value).ok())
            .unwrap_or_default()
    }

    /// The value of the last header of this name, as text.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .rev()
            .find(|(header, _)| header == name)?;
        value
            .as_deref()
            .and_then(|value| str::from_utf8(value).ok())
    }
}

fn own_header(header: HeaderRef<'_>) -> (String, Option<Vec<u8>>) {
    (
        String::from_utf8_lossy(header.name).into_owned(),
        header.value.map(<[u8]>::to_vec),
    )
}

//! Messages as this program writes and reads them. Null and empty are told apart, headers keep their order.

use std::fmt;

/// Headers in order; names may repeat, values may be null.
pub type Headers = Vec<(String, Option<Vec<u8>>)>;

/// A message without a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// Its key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Headers,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
}

/// A message in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The partition of its topic.
    pub partition: i32,
    /// The offset there.
    pub offset: i64,
    /// The message itself.
    pub message: Message,
}

impl Message {
    /// The first value of a header, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(own, _)| own == name)?;
        value
            .as_deref()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Where it is: `topic/partition@offset`.
impl fmt::Display for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            offset,
            message: Message { topic, .. },
        } = self;
        write!(f, "{topic}/{partition}@{offset}")
    }
}

/// Bytes for people: text, or `null`.
pub fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(
        || "null".to_owned(),
        |bytes| String::from_utf8_lossy(bytes).into_owned(),
    )
}

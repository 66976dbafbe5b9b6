//! The message being handled.

use std::{fmt, str};

pub use pelton_codec::Timestamp;
use pelton_codec::{Headers, MessageRef};
use serde::Deserialize;

use crate::Failure;

/// The message being handled. Everything it gives out is borrowed from the batch it came in: nothing is
/// copied, and what [`json`](Self::json) reads can borrow from it too.
///
/// Kafka tells *null* and *empty* apart: where there is no key or value the accessors return `None`.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    message: MessageRef<'a>,
}

impl<'a> Message<'a> {
    pub(crate) fn new(message: MessageRef<'a>) -> Self {
        Self { message }
    }

    /// The topic it came from.
    pub fn topic(&self) -> &'a str {
        self.message.topic
    }

    /// The partition there.
    pub fn partition(&self) -> i32 {
        self.message.partition
    }

    /// The position in that partition. For an idempotency key use [`delivery::id`](crate::delivery::id).
    pub fn offset(&self) -> i64 {
        self.message.offset
    }

    /// When it was written, and by whose clock.
    pub fn timestamp(&self) -> Timestamp {
        self.message.timestamp
    }

    /// When it was written, in milliseconds since the Unix epoch, by whichever clock.
    pub fn timestamp_millis(&self) -> Option<i64> {
        match self.message.timestamp {
            Timestamp::None => None,
            Timestamp::CreateTime(millis) | Timestamp::LogAppendTime(millis) => Some(millis),
        }
    }

    /// Which attempt at this message this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.message.attempt
    }

    /// The key; `None` is null.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.message.key
    }

    /// The key as text; `None` where it is null or not UTF-8.
    pub fn key_str(&self) -> Option<&'a str> {
        self.message.key.and_then(|key| str::from_utf8(key).ok())
    }

    /// The value; `None` is a tombstone.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.message.value
    }

    /// The value as text; `None` where it is null or not UTF-8.
    pub fn value_str(&self) -> Option<&'a str> {
        self.message
            .value
            .and_then(|value| str::from_utf8(value).ok())
    }

    /// Whether the value is null: the key's earlier values are to be forgotten.
    pub fn is_tombstone(&self) -> bool {
        self.message.value.is_none()
    }

    /// The value, read as JSON. Use `&str` (or `Cow<str>`, where strings may contain escapes) in `T` to
    /// borrow instead of copying, and leave out the fields that you don't need: both make it faster.
    ///
    /// # Errors
    /// [`Failure::reject`], because another attempt can't change it: the value is null, or not such JSON.
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T, Failure> {
        let Some(value) = self.message.value else {
            return Err(Failure::reject("the value is null where JSON is expected"));
        };
        serde_json::from_slice(value).map_err(|error| {
            Failure::reject(format!(
                "the value is not the JSON that is expected: {error}"
            ))
        })
    }

    /// The headers in order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = Header<'a>> + Clone + use<'a> {
        self.message.headers.map(|header| Header {
            // The host replaces what isn't UTF-8 before it comes here.
            name: str::from_utf8(header.name).unwrap_or("\u{FFFD}"),
            value: header.value,
        })
    }

    /// The value of the last header of this name, as Kafka's own clients choose among duplicates.
    /// `None` where there is none, or where its value is null.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.message
            .headers
            .filter(|header| header.name == name.as_bytes())
            .last()?
            .value
    }

    /// As [`header`](Self::header), as text; `None` also where that isn't UTF-8.
    pub fn header_str(&self, name: &str) -> Option<&'a str> {
        self.header(name)
            .and_then(|value| str::from_utf8(value).ok())
    }

    pub(crate) fn raw_headers(&self) -> Headers<'a> {
        self.message.headers
    }
}

/// Topic, partition and offset, as the daemon's log names a message; not what is in it.
impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.topic(), self.partition(), self.offset())
    }
}

/// One header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name. Names may repeat within a message.
    pub name: &'a str,
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
}

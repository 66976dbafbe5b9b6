//! Messages as they come from a broker and outputs as they go to one.

use std::{fmt, str::FromStr, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Headers, Offset};

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Names partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// When a message was written, and by whose clock. Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timestamp {
    /// The message carries no timestamp.
    #[default]
    None,
    /// The producer's clock.
    CreateTime(i64),
    /// The broker's clock, as the topic is configured with `message.timestamp.type=LogAppendTime`.
    LogAppendTime(i64),
}

impl Timestamp {
    /// Milliseconds since the Unix epoch, whichever clock it was.
    pub fn millis(self) -> Option<i64> {
        match self {
            Self::None => None,
            Self::CreateTime(millis) | Self::LogAppendTime(millis) => Some(millis),
        }
    }
}

/// One header. Names may repeat within a message, and a value may be null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The name, as bytes: Kafka does not promise UTF-8.
    pub name: Bytes,
    /// The value; `None` is null, which is not the same as empty.
    pub value: Option<Bytes>,
}

impl Header {
    /// A header with a value.
    pub fn new(name: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            value: Some(value.into()),
        }
    }
}

/// One message as it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The topic it was fetched from.
    pub topic: Arc<str>,
    /// The partition it was fetched from.
    pub partition: i32,
    /// Its position there.
    pub offset: Offset,
    /// When it was written.
    pub timestamp: Timestamp,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null, a tombstone.
    pub value: Option<Bytes>,
    /// Headers in order, duplicates kept.
    pub headers: Headers,
}

impl Message {
    /// What a message that is held takes besides its bytes: itself, and its places in the tables of its partition, which
    /// may have room for as many more.
    pub const OVERHEAD: usize = 512;

    /// Bytes of key, value and headers: what the message weighs in a buffer.
    pub fn size(&self) -> usize {
        payload_size(self.key.as_ref(), self.value.as_ref(), &self.headers)
    }

    /// What it takes while it is held: its bytes, and what there is for each message however small it is.
    pub fn weight(&self) -> usize {
        self.size() + Self::OVERHEAD
    }

    /// Where this message came from.
    pub fn id(&self) -> MessageId {
        MessageId {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: self.offset,
        }
    }
}

/// The identity of a message: where it stands. The same however often it is delivered, so a handler can use
/// it to recognise a repetition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// The offset there.
    pub offset: Offset,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

/// Why a text names no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMessageId;

impl fmt::Display for NoMessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message is named TOPIC/PARTITION@OFFSET")
    }
}

impl std::error::Error for NoMessageId {}

impl FromStr for MessageId {
    type Err = NoMessageId;

    fn from_str(text: &str) -> Result<Self, NoMessageId> {
        let parts = text.rsplit_once('@');
        let parts = parts.and_then(|(place, offset)| Some((place.rsplit_once('/')?, offset)));
        let ((topic, partition), offset) = parts.ok_or(NoMessageId)?;
        let partition: i32 = partition.parse().map_err(|_| NoMessageId)?;
        let offset: Offset = offset.parse().map_err(|_| NoMessageId)?;
        if topic.is_empty() || partition < 0 || offset < 0 {
            return Err(NoMessageId);
        }
        Ok(Self {
            topic: topic.into(),
            partition,
            offset,
        })
    }
}

/// One message to be produced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Where to; `None` is the handler's default output topic.
    pub topic: Option<Arc<str>>,
    /// A fixed partition; `None` leaves it to the key's hash.
    pub partition: Option<i32>,
    /// CreateTime in milliseconds; `None` is the source message's timestamp.
    pub timestamp: Option<i64>,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null, a tombstone.
    pub value: Option<Bytes>,
    /// Headers in order, duplicates kept.
    pub headers: Headers,
}

impl Output {
    /// Bytes of key, value and headers.
    pub fn size(&self) -> usize {
        payload_size(self.key.as_ref(), self.value.as_ref(), &self.headers)
    }
}

fn payload_size(key: Option<&Bytes>, value: Option<&Bytes>, headers: &Headers) -> usize {
    let length = |bytes: Option<&Bytes>| bytes.map_or(0, Bytes::len);
    length(key) + length(value) + headers.size()
}

//! Messages out of librdkafka's memory into ours, grouped by partition.
//!
//! A message that is held pins what it was cut from. librdkafka's own memory is a whole fetch response, so
//! everything is copied, into chunks: one allocation for many small messages.
//!
//! Invariant: a message pins at most one chunk, and one larger than a quarter of a chunk only itself.

use std::{collections::HashSet, sync::Arc};

use bytes::{Bytes, BytesMut};
use pelton_types::{HeaderRef, Headers, Message, TopicPartition};

use crate::native::RawMessage;

/// How many bytes are cut from one allocation.
const CHUNK: usize = 64 * 1024;

/// What one round of polling fetched.
#[derive(Default)]
pub(crate) struct Round {
    groups: Vec<Group>,
    chunk: BytesMut,
    names: HashSet<Arc<str>>,
    messages: usize,
    bytes: usize,
}

struct Group {
    /// librdkafka's own names, to find the group again without comparing strings.
    token: (usize, i32),
    partition: TopicPartition,
    /// A copy of the topic's name that is theirs alone: its count would otherwise be passed between this thread, which
    /// takes one for each message, and those that drop them.
    topic: Arc<str>,
    messages: Vec<Message>,
}

impl Round {
    /// Copies a message into its group.
    pub(crate) fn push(&mut self, raw: &RawMessage<'_>) {
        let token = (raw.topic_token(), raw.partition());
        let index = match self.groups.iter().rposition(|group| group.token == token) {
            Some(index) => index,
            None => {
                let topic = self.name(&raw.topic());
                let partition = TopicPartition::new(topic, raw.partition());
                self.groups.push(Group {
                    token,
                    topic: Arc::from(&*partition.topic),
                    partition,
                    messages: Vec::new(),
                });
                self.groups.len() - 1
            }
        };
        let topic = self.groups[index].topic.clone();
        let message = self.convert(raw, topic);
        self.bytes += message.size();
        self.messages += 1;
        self.groups[index].messages.push(message);
    }

    /// How many messages it holds.
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// How many bytes of keys, values and headers it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes everything out, partition by partition.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (TopicPartition, Vec<Message>)> + use<> {
        (self.messages, self.bytes) = (0, 0);
        std::mem::take(&mut self.groups)
            .into_iter()
            .map(|group| (group.partition, group.messages))
    }

    /// The one copy of a topic's name.
    pub(crate) fn name(&mut self, topic: &str) -> Arc<str> {
        if let Some(name) = self.names.get(topic) {
            return name.clone();
        }
        let name: Arc<str> = topic.into();
        self.names.insert(name.clone());
        name
    }

    fn convert(&mut self, raw: &RawMessage<'_>, topic: Arc<str>) -> Message {
        let headers = raw.header_count();
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let mut size = length(raw.key()) + length(raw.value());
        if headers > 0 {
            let bytes = raw
                .headers()
                .map(|(name, value)| name.len() + length(value));
            size += Headers::room(headers, bytes.sum());
        }
        let mut own = BytesMut::new();
        let chunk = if size > CHUNK / 4 {
            own.reserve(size);
            &mut own
        } else {
            if self.chunk.capacity() < size {
                self.chunk = BytesMut::with_capacity(CHUNK);
            }
            &mut self.chunk
        };
        let headers = match headers {
            0 => Headers::default(),
            _ => Headers::cut(
                chunk,
                raw.headers().map(|(name, value)| HeaderRef { name, value }),
            ),
        };
        Message {
            topic,
            partition: raw.partition(),
            offset: raw.offset(),
            timestamp: raw.timestamp(),
            key: raw.key().map(|key| cut(chunk, key)),
            value: raw.value().map(|value| cut(chunk, value)),
            headers,
        }
    }
}

/// Copies bytes into the chunk, which has room for them, and cuts them off.
fn cut(chunk: &mut BytesMut, bytes: &[u8]) -> Bytes {
    if bytes.is_empty() {
        return Bytes::new();
    }
    chunk.extend_from_slice(bytes);
    chunk.split().freeze()
}

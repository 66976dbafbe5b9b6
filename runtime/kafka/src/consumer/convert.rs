//! Messages out of librdkafka's memory into ours, grouped by partition.
//!
//! A message that is held pins what it was cut from. librdkafka's own memory is a whole fetch response, so
//! everything is copied, into chunks: one allocation for many small messages.
//!
//! Invariant: a chunk holds messages of one partition and one round, and is about as large as what came of the partition
//! in that round already: where messages trickle in, each pins little more than itself. One larger than a quarter of the
//! largest chunk is alone in its own.

use std::{collections::HashSet, sync::Arc};

use bytes::{Bytes, BytesMut};
use pelton_types::{HeaderRef, Headers, Message, TopicPartition};

use crate::native::RawMessage;

/// How many bytes are cut from one allocation: of the first, and of the largest. Each is twice as large as the one before.
const FIRST_CHUNK: usize = 2 * 1024;
const CHUNK: usize = 64 * 1024;

/// What one round of polling fetched.
#[derive(Default)]
pub(crate) struct Round {
    groups: Vec<Group>,
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
    chunk: BytesMut,
    /// The size of the next chunk.
    next_chunk: usize,
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
                self.groups.push(Group::new(token, partition));
                self.groups.len() - 1
            }
        };
        self.bytes += self.groups[index].push(raw);
        self.messages += 1;
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
}

impl Group {
    fn new(token: (usize, i32), partition: TopicPartition) -> Self {
        Self {
            token,
            topic: Arc::from(&*partition.topic),
            partition,
            messages: Vec::new(),
            chunk: BytesMut::new(),
            next_chunk: FIRST_CHUNK,
        }
    }

    /// Copies a message in. Returns its size.
    fn push(&mut self, raw: &RawMessage<'_>) -> usize {
        let headers = raw.header_count();
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let mut size = length(raw.key()) + length(raw.value());
        if headers > 0 {
            let bytes = raw
                .headers()
                .map(|(name, value)| name.len() + length(value));
            size += Headers::room(headers, bytes.sum());
        }
        let topic = self.topic.clone();
        let mut own = BytesMut::new();
        let chunk = if size > CHUNK / 4 {
            own.reserve(size);
            &mut own
        } else {
            self.chunk_of(size)
        };
        let headers = match headers {
            0 => Headers::default(),
            _ => Headers::cut(
                chunk,
                raw.headers().map(|(name, value)| HeaderRef { name, value }),
            ),
        };
        let message = Message {
            topic,
            partition: raw.partition(),
            offset: raw.offset(),
            timestamp: raw.timestamp(),
            key: raw.key().map(|key| cut(chunk, key)),
            value: raw.value().map(|value| cut(chunk, value)),
            headers,
        };
        let size = message.size();
        self.messages.push(message);
        size
    }

    /// A chunk with room for so much.
    fn chunk_of(&mut self, size: usize) -> &mut BytesMut {
        if self.chunk.capacity() < size {
            self.chunk = BytesMut::with_capacity(self.next_chunk.max(size));
            self.next_chunk = (2 * self.next_chunk).min(CHUNK);
        }
        &mut self.chunk
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_about_as_large_as_what_came_before_it() {
        let mut group = Group::new((0, 0), TopicPartition::new("orders", 0));
        let mut capacities = Vec::new();
        for _ in 0..300 {
            let chunk = group.chunk_of(1024);
            if capacities
                .last()
                .is_none_or(|last| *last < chunk.capacity())
            {
                capacities.push(chunk.capacity());
            }
            drop(cut(chunk, &[0; 1024]));
        }
        assert_eq!(capacities, [2, 4, 8, 16, 32, 64].map(|kib| kib * 1024));
    }
}

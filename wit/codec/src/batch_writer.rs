//! The host's side of a batch.

use crate::{HeaderRef, MessageRef, Timestamp, TooLong, packer::Packer};

/// Packs messages. Reuse one: [`clear`](Self::clear) keeps the buffers.
#[derive(Debug)]
pub struct BatchWriter {
    packer: Packer,
}

impl Default for BatchWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchWriter {
    /// An empty batch.
    pub fn new() -> Self {
        Self {
            packer: Packer::new(),
        }
    }

    /// Adds a message. A header name that is not UTF-8 gets U+FFFD in place of what can't be read.
    ///
    /// # Errors
    /// Something is too long for the layout. The batch is as it was, but for a topic that nobody names.
    pub fn push<'a, H>(&mut self, message: MessageRef<'a, H>) -> Result<(), TooLong>
    where
        H: IntoIterator<Item = HeaderRef<'a>>,
    {
        let topic = self.packer.intern(message.topic)?;
        let mark = self.packer.mark();
        self.pack(topic, message)
            .inspect_err(|_| self.packer.rewind(mark))
    }

    fn pack<'a, H>(&mut self, topic: u32, message: MessageRef<'a, H>) -> Result<(), TooLong>
    where
        H: IntoIterator<Item = HeaderRef<'a>>,
    {
        let packer = &mut self.packer;
        packer
            .index
            .extend([topic, message.partition.cast_unsigned()]);
        packer.wide(message.offset.cast_unsigned());
        let (kind, timestamp) = match message.timestamp {
            Timestamp::None => (0, 0),
            Timestamp::CreateTime(millis) => (1, millis),
            Timestamp::LogAppendTime(millis) => (2, millis),
        };
        packer.index.push(kind);
        packer.wide(timestamp.cast_unsigned());
        packer.index.push(message.attempt);
        packer.nullable(message.key)?;
        packer.nullable(message.value)?;
        packer.headers(message.headers)?;
        packer.add_count();
        Ok(())
    }

    /// Makes the batch empty again.
    pub fn clear(&mut self) {
        self.packer.clear();
    }

    /// How many messages are in it.
    pub fn len(&self) -> u32 {
        self.packer.count()
    }

    /// Whether no message is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the batch, the first argument of `handle`.
    pub fn arena(&self) -> &[u8] {
        &self.packer.arena
    }

    /// The words of the batch, the second argument of `handle`.
    pub fn index(&self) -> &[u32] {
        &self.packer.index
    }
}

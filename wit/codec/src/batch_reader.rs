//! The guest's side of a batch.

use alloc::vec::Vec;

use crate::{
    DecodeError, MESSAGE, MessageRef, Timestamp,
    cursor::{Cursor, wide},
};

/// Reads a batch, message by message. An iterator that ends after the first error.
pub struct BatchReader<'a> {
    cursor: Cursor<'a>,
    topics: Vec<&'a str>,
    left: u32,
}

impl<'a> BatchReader<'a> {
    /// Reads the head of a batch: the arguments of `handle`. Flags are ignored, as the layout wants it.
    ///
    /// # Errors
    /// The head or the topics are not valid.
    pub fn new(arena: &'a [u8], index: &'a [u32]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(arena, index);
        let (_flags, messages, topics) = cursor.head()?;
        cursor.check_count("count of messages", 3, messages, MESSAGE)?;
        Ok(Self {
            cursor,
            topics,
            left: messages,
        })
    }

    /// How many messages are still to be read.
    pub fn remaining(&self) -> u32 {
        self.left
    }

    fn read(&mut self) -> Result<MessageRef<'a>, DecodeError> {
        let word = self.cursor.position();
        let words = self.cursor.words::<MESSAGE>("message")?;
        let [
            topic,
            partition,
            offset_low,
            offset_high,
            kind,
            low,
            high,
            attempt,
            key,
            value,
            headers,
        ] = *words;
        let topic = *self.topics.get(topic as usize).ok_or(DecodeError::Value {
            what: "topic",
            word,
            value: topic,
        })?;
        let millis = wide(low, high).cast_signed();
        let timestamp = match kind {
            0 => Timestamp::None,
            1 => Timestamp::CreateTime(millis),
            2 => Timestamp::LogAppendTime(millis),
            value => {
                return Err(DecodeError::Value {
                    what: "timestamp kind",
                    word: word + 4,
                    value,
                });
            }
        };
        Ok(MessageRef {
            topic,
            partition: partition.cast_signed(),
            offset: wide(offset_low, offset_high).cast_signed(),
            timestamp,
            attempt,
            key: self.cursor.nullable("key", word + 8, key)?,
            value: self.cursor.nullable("value", word + 9, value)?,
            headers: self.cursor.headers(word + 10, headers, false)?,
        })
    }
}

impl<'a> Iterator for BatchReader<'a> {
    type Item = Result<MessageRef<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let message = self.read();
        if message.is_err() {
            self.left = 0;
        }
        Some(message)
    }
}

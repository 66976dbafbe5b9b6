//! Messages, verdicts and outputs as they stand in an arena: borrowed, and cheap to copy around.

use crate::NULL;

/// When a message was written, and by whose clock. Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timestamp {
    /// The message carries none.
    #[default]
    None,
    /// The producer's clock.
    CreateTime(i64),
    /// The broker's clock.
    LogAppendTime(i64),
}

/// One header of a message or an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderRef<'a> {
    /// The name. UTF-8 in everything that was read from an answer, or that a [`BatchWriter`](crate::BatchWriter)
    /// wrote; what is given to one may be any bytes.
    pub name: &'a [u8],
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
}

/// One message of a batch. `H` iterates over its [`HeaderRef`]s in order: [`Headers`] where it was read.
#[derive(Clone, Copy, Debug)]
pub struct MessageRef<'a, H = Headers<'a>> {
    /// The topic it came from.
    pub topic: &'a str,
    /// The partition there.
    pub partition: i32,
    /// The position in that partition.
    pub offset: i64,
    /// When it was written.
    pub timestamp: Timestamp,
    /// Which attempt at this message this is, from 1.
    pub attempt: u32,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers in order.
    pub headers: H,
}

/// The headers of a message or output that was read: an iterator over what is known to be in bounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    words: &'a [u32],
    arena: &'a [u8],
}

impl<'a> Headers<'a> {
    /// `words` are pairs of lengths whose sum is the length of `arena`. Where they are not, the iterator
    /// ends early; the decoders see to it that they are.
    pub(crate) fn new(words: &'a [u32], arena: &'a [u8]) -> Self {
        Self { words, arena }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = HeaderRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<HeaderRef<'a>> {
        let ([name, value], words) = self.words.split_first_chunk::<2>()?;
        let (name, rest) = self.arena.split_at_checked(*name as usize)?;
        let (value, rest) = match *value {
            NULL => (None, rest),
            length => rest
                .split_at_checked(length as usize)
                .map(|(value, rest)| (Some(value), rest))?,
        };
        self.words = words;
        self.arena = rest;
        Some(HeaderRef { name, value })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.words.len() / 2, Some(self.words.len() / 2))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// The key or value of an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Field<'a> {
    /// Null: no key, or a tombstone.
    #[default]
    Null,
    /// The same as the handled message's, null included.
    Same,
    /// These bytes.
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    /// What it stands for, given the handled message's.
    #[inline]
    pub fn resolve(self, message: Option<&'a [u8]>) -> Option<&'a [u8]> {
        match self {
            Self::Null => None,
            Self::Same => message,
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

/// The headers of an output. `H` iterates over [`HeaderRef`]s.
#[derive(Clone, Copy, Debug)]
pub enum OutputHeaders<H> {
    /// All of the handled message's headers, and nothing else.
    Same,
    /// These.
    Own(H),
}

/// One output of a message.
#[derive(Clone, Copy, Debug)]
pub struct OutputRef<'a, H = Headers<'a>> {
    /// Where to; `None` is the handler's default topic.
    pub topic: Option<&'a str>,
    /// A fixed partition; `None` leaves it to the key.
    pub partition: Option<i32>,
    /// Milliseconds since the Unix epoch; `None` is the message's own timestamp.
    pub timestamp: Option<i64>,
    /// The key.
    pub key: Field<'a>,
    /// The value.
    pub value: Field<'a>,
    /// The headers in order.
    pub headers: OutputHeaders<H>,
}

/// What the guest decided about one message.
#[derive(Clone, Copy, Debug)]
pub enum VerdictRef<'a> {
    /// Handled, with these outputs.
    Done(&'a [OutputRef<'a>]),
    /// Try again, after so many milliseconds if given.
    Retry(Option<u64>),
    /// Dead-letter it now, with this reason.
    Reject(&'a str),
    /// It failed, with this text.
    Other(&'a str),
    /// The guest didn't come to it.
    NotAttempted,
}

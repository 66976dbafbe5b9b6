//! Reading an index and its arena from front to back, each step checked.

use alloc::vec::Vec;
use core::str;

use crate::{DecodeError, HEAD, Headers, NULL, VERSION};

/// Where a decoder stands. Word and byte positions only rise.
pub(crate) struct Cursor<'a> {
    index: &'a [u32],
    word: usize,
    arena: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(arena: &'a [u8], index: &'a [u32]) -> Self {
        Self {
            index,
            word: 0,
            arena,
        }
    }

    /// The position of the word that is read next.
    pub(crate) fn position(&self) -> usize {
        self.word
    }

    /// Words that are not read yet.
    pub(crate) fn words_left(&self) -> usize {
        self.index.len() - self.word
    }

    /// Fails unless both are used up.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        match (self.words_left(), self.arena.len()) {
            (0, 0) => Ok(()),
            (words, bytes) => Err(DecodeError::LeftOver { words, bytes }),
        }
    }

    /// The next `N` words.
    #[inline]
    pub(crate) fn words<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<&'a [u32; N], DecodeError> {
        let words = self
            .index
            .get(self.word..)
            .and_then(|rest| rest.first_chunk());
        let words = words.ok_or(DecodeError::IndexEnds {
            what,
            word: self.index.len(),
        })?;
        self.word += N;
        Ok(words)
    }

    /// A count of things that take at least `each` words.
    pub(crate) fn check_count(
        &self,
        what: &'static str,
        word: usize,
        count: u32,
        each: usize,
    ) -> Result<usize, DecodeError> {
        match (count as usize).checked_mul(each) {
            Some(words) if words <= self.words_left() => Ok(count as usize),
            _ => Err(DecodeError::Count { what, word, count }),
        }
    }

    /// So many bytes of the arena; the length stood in `word`.
    #[inline]
    pub(crate) fn bytes(
        &mut self,
        what: &'static str,
        word: usize,
        length: u32,
    ) -> Result<&'a [u8], DecodeError> {
        let Some((bytes, rest)) = self.arena.split_at_checked(length as usize) else {
            return Err(DecodeError::ArenaEnds {
                what,
                word,
                length,
                left: self.arena.len(),
            });
        };
        self.arena = rest;
        Ok(bytes)
    }

    /// Bytes that may be null.
    #[inline]
    pub(crate) fn nullable(
        &mut self,
        what: &'static str,
        word: usize,
        length: u32,
    ) -> Result<Option<&'a [u8]>, DecodeError> {
        match length {
            NULL => Ok(None),
            length => self.bytes(what, word, length).map(Some),
        }
    }

    /// Text of the arena.
    pub(crate) fn text(
        &mut self,
        what: &'static str,
        word: usize,
        length: u32,
    ) -> Result<&'a str, DecodeError> {
        str::from_utf8(self.bytes(what, word, length)?)
            .map_err(|_| DecodeError::NotUtf8 { what, word })
    }

    /// The head of either index and the topics after it. Returns flags, the second count and the topics.
    pub(crate) fn head(&mut self) -> Result<(u32, u32, Vec<&'a str>), DecodeError> {
        let [version, flags, topics, count] = *self.words::<HEAD>("head")?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let count_of_topics = self.check_count("count of topics", 2, topics, 1)?;
        let mut topics = Vec::with_capacity(count_of_topics);
        for _ in 0..count_of_topics {
            let word = self.word;
            let [length] = *self.words("topics")?;
            topics.push(self.text("topic", word, length)?);
        }
        Ok((flags, count, topics))
    }

    /// So many headers. Names are checked for UTF-8 where `strict`.
    #[inline]
    pub(crate) fn headers(
        &mut self,
        word: usize,
        count: u32,
        strict: bool,
    ) -> Result<Headers<'a>, DecodeError> {
        let count = self.check_count("count of headers", word, count, 2)?;
        let (first_word, arena) = (self.word, self.arena);
        for _ in 0..count {
            let word = self.word;
            let [name, value] = *self.words("headers")?;
            if strict {
                self.text("header name", word, name)?;
            } else {
                self.bytes("header name", word, name)?;
            }
            self.nullable("header value", word + 1, value)?;
        }
        let used = arena.len() - self.arena.len();
        Ok(Headers::new(
            &self.index[first_word..self.word],
            &arena[..used],
        ))
    }
}

/// Two words as one 64-bit value.
#[inline]
pub(crate) fn wide(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

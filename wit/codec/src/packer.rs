//! Writing an index and its arena: what both writers share.

use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::{HEAD, HeaderRef, NULL, SAME, TooLong, VERSION};

/// The buffers of a writer. They keep their capacity when they are cleared.
#[derive(Debug)]
pub(crate) struct Packer {
    pub(crate) arena: Vec<u8>,
    pub(crate) index: Vec<u32>,
    /// Bytes of the topics' names at the head of the arena.
    names: usize,
}

/// Where both buffers ended before something was begun, to take it back.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    arena: usize,
    index: usize,
    count: u32,
}

impl Packer {
    pub(crate) fn new() -> Self {
        let mut packer = Self {
            arena: Vec::new(),
            index: Vec::new(),
            names: 0,
        };
        packer.clear();
        packer
    }

    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        self.index.clear();
        self.index.extend([VERSION, 0, 0, 0]);
        self.names = 0;
    }

    /// The fourth word of the head: how many messages or verdicts there are.
    pub(crate) fn count(&self) -> u32 {
        self.index[3]
    }

    pub(crate) fn add_count(&mut self) {
        self.index[3] += 1;
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            arena: self.arena.len(),
            index: self.index.len(),
            count: self.count(),
        }
    }

    /// Takes back all that was written since, but for topics: they must be interned before the mark is set.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.arena.truncate(mark.arena);
        self.index.truncate(mark.index);
        self.index[3] = mark.count;
    }

    /// The position of a topic, which is written if it is new. Topics stand before all else, so a new one
    /// moves what is there already: batches have one or a few topics, met early.
    pub(crate) fn intern(&mut self, topic: &str) -> Result<u32, TooLong> {
        let known = self.index[2];
        let mut start = 0;
        for position in 0..known {
            let end = start + self.index[HEAD + position as usize] as usize;
            if &self.arena[start..end] == topic.as_bytes() {
                return Ok(position);
            }
            start = end;
        }
        let length = length(topic.as_bytes())?;
        self.index.insert(HEAD + known as usize, length);
        let end = self.arena.len();
        self.arena.extend_from_slice(topic.as_bytes());
        if end > self.names {
            self.arena[self.names..].rotate_right(topic.len());
        }
        self.names += topic.len();
        self.index[2] += 1;
        Ok(known)
    }

    #[inline]
    pub(crate) fn wide(&mut self, value: u64) {
        self.index.extend([value as u32, (value >> 32) as u32]);
    }

    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.index.push(length(bytes)?);
        self.arena.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    pub(crate) fn nullable(&mut self, bytes: Option<&[u8]>) -> Result<(), TooLong> {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => {
                self.index.push(NULL);
                Ok(())
            }
        }
    }

    /// A count of headers and the headers. Names that are not UTF-8 are written with U+FFFD in place of
    /// what can't be read, as the contract says.
    pub(crate) fn headers<'a>(
        &mut self,
        headers: impl IntoIterator<Item = HeaderRef<'a>>,
    ) -> Result<(), TooLong> {
        let at = self.index.len();
        let mut count = 0_u32;
        self.index.push(0);
        for header in headers {
            match String::from_utf8_lossy(header.name) {
                Cow::Borrowed(name) => self.bytes(name.as_bytes())?,
                Cow::Owned(name) => self.bytes(name.as_bytes())?,
            }
            self.nullable(header.value)?;
            count = count
                .checked_add(1)
                .filter(|count| *count < SAME)
                .ok_or(TooLong)?;
        }
        self.index[at] = count;
        Ok(())
    }
}

/// A length as a word; those from [`SAME`] on mean something else.
#[inline]
fn length(bytes: &[u8]) -> Result<u32, TooLong> {
    u32::try_from(bytes.len())
        .ok()
        .filter(|length| *length < SAME)
        .ok_or(TooLong)
}

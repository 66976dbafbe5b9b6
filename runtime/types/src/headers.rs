//! The headers of a message, in one piece of memory: they cost one count to make, to share and to drop, however many
//! they are.
//!
//! Invariant: `bytes` holds exactly `count` headers, each as the lengths of name and value, the name, the value.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::Header;

/// What stands before a header's name: two lengths.
const PREFIX: usize = 8;
/// The length of a value that is null.
const NULL: u32 = u32::MAX;

/// Headers in order, duplicates kept.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    bytes: Bytes,
    count: u32,
}

/// One of them, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderRef<'a> {
    /// The name, as bytes: Kafka does not promise UTF-8.
    pub name: &'a [u8],
    /// The value; `None` is null, which is not the same as empty.
    pub value: Option<&'a [u8]>,
}

impl HeaderRef<'_> {
    /// Bytes of name and value.
    pub fn size(&self) -> usize {
        self.name.len() + self.value.map_or(0, <[u8]>::len)
    }
}

/// No headers, for who needs them borrowed.
pub static NO_HEADERS: Headers = Headers {
    bytes: Bytes::new(),
    count: 0,
};

impl Headers {
    /// What headers of so many bytes, names and values together, take in memory.
    pub fn room(count: usize, bytes: usize) -> usize {
        count * PREFIX + bytes
    }

    /// Writes headers into a buffer that is empty, and cuts them off.
    pub fn cut<'a>(
        buffer: &mut BytesMut,
        headers: impl IntoIterator<Item = HeaderRef<'a>>,
    ) -> Self {
        debug_assert!(
            buffer.is_empty(),
            "what stands before would be cut off, too"
        );
        let mut count = 0;
        for header in headers {
            put(buffer, header);
            count += 1;
        }
        Self {
            bytes: match count {
                0 => Bytes::new(),
                _ => buffer.split().freeze(),
            },
            count,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of all names and values.
    pub fn size(&self) -> usize {
        self.bytes.len() - self.len() * PREFIX
    }

    /// All of them, in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.bytes }
    }

    /// The value of the last one with this name, as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        let named = self.iter().filter(|header| header.name == name.as_bytes());
        std::str::from_utf8(named.last()?.value?).ok()
    }

    /// Those of them that are to be kept.
    #[must_use]
    pub fn only(&self, keep: impl Fn(HeaderRef<'_>) -> bool) -> Self {
        self.iter().filter(|header| keep(*header)).collect()
    }

    /// These and then others.
    #[must_use]
    pub fn and(&self, others: impl IntoIterator<Item = Header>) -> Self {
        let mut buffer = BytesMut::from(&*self.bytes);
        let others: Vec<Header> = others.into_iter().collect();
        others
            .iter()
            .for_each(|header| put(&mut buffer, header.into()));
        Self {
            bytes: buffer.freeze(),
            count: self.count + u32::try_from(others.len()).unwrap_or(u32::MAX),
        }
    }
}

fn put(buffer: &mut BytesMut, HeaderRef { name, value }: HeaderRef<'_>) {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(NULL);
    buffer.put_u32(length(name));
    buffer.put_u32(value.map_or(NULL, length));
    buffer.put_slice(name);
    buffer.put_slice(value.unwrap_or_default());
}

/// Headers, one by one.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = HeaderRef<'a>;

    fn next(&mut self) -> Option<HeaderRef<'a>> {
        let (name, rest) = self.rest.split_first_chunk()?;
        let (value, rest) = rest.split_first_chunk()?;
        let (name, value) = (u32::from_be_bytes(*name), u32::from_be_bytes(*value));
        let (name, rest) = rest.split_at_checked(name as usize)?;
        let length = if value == NULL { 0 } else { value as usize };
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(HeaderRef {
            name,
            value: (value != NULL).then_some(bytes),
        })
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = HeaderRef<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> FromIterator<HeaderRef<'a>> for Headers {
    fn from_iter<I: IntoIterator<Item = HeaderRef<'a>>>(headers: I) -> Self {
        Self::cut(&mut BytesMut::new(), headers)
    }
}

impl FromIterator<Header> for Headers {
    fn from_iter<I: IntoIterator<Item = Header>>(headers: I) -> Self {
        Self::default().and(headers)
    }
}

impl<const N: usize> From<[Header; N]> for Headers {
    fn from(headers: [Header; N]) -> Self {
        headers.into_iter().collect()
    }
}

impl<'a> From<&'a Header> for HeaderRef<'a> {
    fn from(header: &'a Header) -> Self {
        Self {
            name: &header.name,
            value: header.value.as_deref(),
        }
    }
}

impl<const N: usize> PartialEq<[Header; N]> for Headers {
    fn eq(&self, other: &[Header; N]) -> bool {
        self.iter().eq(other.iter().map(HeaderRef::from))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn null(name: &'static str) -> Header {
        Header {
            name: name.into(),
            value: None,
        }
    }

    #[test]
    fn order_duplicates_null_and_empty_are_kept() {
        let all = [
            Header::new("a", "1"),
            null("a"),
            Header::new("a", ""),
            Header::new("", "2"),
        ];
        let headers = Headers::from(all.clone());
        assert_eq!(headers, all);
        assert_eq!((headers.len(), headers.size()), (4, 5));
        assert_ne!(
            Headers::from([null("a")]),
            Headers::from([Header::new("a", "")])
        );
        assert!(Headers::default().is_empty() && Headers::from([]).iter().next().is_none());
    }

    #[test]
    fn the_last_of_a_name_is_meant() {
        let headers = Headers::from([Header::new("a", "1"), Header::new("a", "2")]);
        assert_eq!(headers.text("a"), Some("2"));
        assert_eq!(headers.and([null("a")]).text("a"), None);
        assert_eq!(
            Headers::from([Header::new("b", &b"\xff"[..])]).text("b"),
            None
        );
    }

    #[test]
    fn some_are_left_out_and_others_added() {
        let headers = Headers::from([Header::new("a", "1"), Header::new("b", "2")]);
        let only = headers.only(|header| header.name == b"b");
        assert_eq!(
            only.and([Header::new("c", "3")]),
            [Header::new("b", "2"), Header::new("c", "3")]
        );
    }

    #[test]
    fn they_are_cut_off_and_take_what_was_said() {
        let mut buffer = BytesMut::with_capacity(64);
        let header = Header::new("a", "1");
        let cut = Headers::cut(&mut buffer, [HeaderRef::from(&header)]);
        assert_eq!(
            buffer.capacity(),
            64 - Headers::room(1, header_ref(&header).size())
        );
        assert_eq!((buffer.is_empty(), cut), (true, Headers::from([header])));
    }

    fn header_ref(header: &Header) -> HeaderRef<'_> {
        header.into()
    }
}

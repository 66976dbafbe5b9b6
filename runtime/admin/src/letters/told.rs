//! What is told of dead letters.

use std::{collections::BTreeMap, ops::ControlFlow};

use base64::{Engine, engine::general_purpose::STANDARD};
use pelton_operator::letters::{Letter, Redriven as Done, Skipped};
use pelton_types::MessageId;
use schemars::JsonSchema;
use serde::Serialize;

/// Bytes of keys and errors after which a page ends. Both may be as long as a message.
const LARGE: usize = 4 << 20;

/// Dead letters that a filter lets through.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Page {
    pub letters: Vec<Line>,
    /// There are more: than were asked for, or than 4 MiB hold.
    pub more: bool,
    #[serde(skip)]
    bytes: usize,
}

/// A dead letter without its message's value and headers.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Line {
    /// Where it stands.
    pub letter: Place,
    /// Where its message stood; none where another program wrote it.
    pub origin: Option<Place>,
    /// The handler that gave up on it.
    pub handler: Option<String>,
    /// Its revision.
    pub revision: Option<String>,
    /// How many attempts were made.
    pub attempts: Option<u32>,
    /// How often it had been redriven before.
    pub redrives: u32,
    /// The kind of the last failure.
    pub kind: Option<String>,
    /// What that said; of a trap the functions it happened in, too.
    pub text: Option<String>,
    /// What of the message didn't fit into the letter.
    pub cut: Option<String>,
    /// The message's time, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The message's key.
    pub key: Option<Bytes>,
}

/// A dead letter with all of its message.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Shown {
    #[serde(flatten)]
    pub line: Line,
    /// The message's value; none is a tombstone.
    pub value: Option<Bytes>,
    /// The message's own headers, in order.
    pub headers: Vec<Header>,
}

/// Where a message stands.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Place {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

/// A header of a message.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Header {
    pub name: Bytes,
    pub value: Option<Bytes>,
}

/// Bytes: as text where they are UTF-8, and in base64 otherwise.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Bytes {
    Text(String),
    Base64(String),
}

/// What came of a redrive, or would.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Redriven {
    /// The copies were written; otherwise nothing was.
    pub executed: bool,
    /// How many, by topic.
    pub written: BTreeMap<String, u64>,
    /// How many stay, and why: `already`, `loops`, `cut` or `foreign`.
    pub skipped: BTreeMap<String, u64>,
    /// The topic of the handler's redrives, where it was made for this, or would be.
    pub made: Option<String>,
}

impl Page {
    /// Takes a letter in, unless the page is full.
    pub(super) fn take(&mut self, letter: &Letter, limit: usize) -> ControlFlow<()> {
        if self.letters.len() >= limit || self.bytes >= LARGE {
            self.more = true;
            return ControlFlow::Break(());
        }
        let (key, text) = (&letter.message.key, &letter.text);
        self.bytes += key.as_ref().map_or(0, |key| key.len());
        self.bytes += text.as_ref().map_or(0, String::len);
        self.letters.push(letter.into());
        ControlFlow::Continue(())
    }
}

impl From<&Letter> for Line {
    fn from(letter: &Letter) -> Self {
        Self {
            letter: (&letter.at).into(),
            origin: letter.origin.as_ref().map(Into::into),
            handler: letter.handler.clone(),
            revision: letter.revision.clone(),
            attempts: letter.attempts,
            redrives: letter.redrives,
            kind: letter.kind.clone(),
            text: letter.text.clone(),
            cut: letter.cut.clone(),
            timestamp: letter.message.timestamp.millis(),
            key: letter.message.key.as_deref().map(Into::into),
        }
    }
}

impl From<&Letter> for Shown {
    fn from(letter: &Letter) -> Self {
        let headers = letter.message.headers.iter().map(|header| Header {
            name: header.name.into(),
            value: header.value.map(Into::into),
        });
        Self {
            line: letter.into(),
            value: letter.message.value.as_deref().map(Into::into),
            headers: headers.collect(),
        }
    }
}

impl From<&MessageId> for Place {
    fn from(id: &MessageId) -> Self {
        Self {
            topic: id.topic.to_string(),
            partition: id.partition,
            offset: id.offset,
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }
}

impl Redriven {
    pub(super) fn of(done: Done, executed: bool) -> Self {
        let word = |why| match why {
            Skipped::Already => "already",
            Skipped::Loops => "loops",
            Skipped::Cut => "cut",
            Skipped::Foreign => "foreign",
        };
        let skipped = done.skipped.into_iter();
        Self {
            executed,
            written: done.written,
            skipped: skipped
                .map(|(why, count)| (word(why).to_owned(), count))
                .collect(),
            made: done.made,
        }
    }
}

#[cfg(test)]
mod tests {
    use pelton_types::{Message, Timestamp};

    use super::*;

    fn letter(bytes: usize) -> Letter {
        let message = Message {
            topic: "h.dead-letter".into(),
            partition: 0,
            offset: 0,
            timestamp: Timestamp::CreateTime(1_000),
            key: Some(vec![b'k'; bytes / 2].into()),
            value: None,
            headers: pelton_types::Headers::default(),
        };
        Letter {
            at: message.id(),
            origin: None,
            handler: None,
            revision: None,
            attempts: None,
            redrives: 0,
            kind: None,
            text: Some("t".repeat(bytes / 2)),
            cut: None,
            message,
        }
    }

    #[test]
    fn a_page_ends_with_its_limit_or_where_it_grows_large() {
        for (bytes, limit, held) in [(2, 3, 3), (1 << 20, 10, 4), (8 << 20, 10, 1)] {
            let (letter, mut page) = (letter(bytes), Page::default());
            while page.take(&letter, limit).is_continue() {}
            assert_eq!((page.letters.len(), page.more), (held, true), "{bytes}");
        }
    }
}

//! What is told of dead letters, and of their redrives.

use std::{collections::BTreeMap, ops::ControlFlow};

use pelton_operator::letters::{Letter, Line, Redriven as Done, Skipped};
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

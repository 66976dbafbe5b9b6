//! What was redriven before.
//!
//! The topics that letters were redriven to are the ledger: each redriven message names the letter that it was. So a
//! redrive that was cut short, however, is taken up by the next: what the brokers have is not written again, and what
//! they don't have is.

use std::{
    collections::{BTreeSet, HashSet},
    ops::ControlFlow,
};

use pelton_types::{
    MessageId,
    redrive::{LETTER, header},
};

use super::READER;
use crate::{Error, Reach};

/// The letters that stand in some topics.
#[derive(Debug, Default)]
pub(super) struct Ledger(HashSet<MessageId>);

impl Ledger {
    /// Reads these topics, from this time on where one is known: no copy of a letter is older than it. Those that
    /// aren't there hold nothing.
    pub(super) fn read(
        reach: &Reach,
        topics: &BTreeSet<String>,
        since: Option<i64>,
    ) -> Result<Self, Error> {
        let mut found = HashSet::new();
        let reader = reach.reader(READER)?;
        for topic in topics {
            let Some(mut ranges) = reader.ranges(topic)? else {
                continue;
            };
            if let Some(since) = since {
                ranges = reader.since(ranges, since)?;
            }
            reader.read(&ranges, |message| {
                let letter = header(&message.headers, LETTER);
                found.extend(letter.and_then(|text| text.parse::<MessageId>().ok()));
                ControlFlow::Continue(())
            })?;
        }
        Ok(Self(found))
    }

    pub(super) fn holds(&self, letter: &MessageId) -> bool {
        self.0.contains(letter)
    }
}

//! What was redriven before.
//!
//! The topics that letters were redriven to are the ledger: each redriven message names the letter that it was, and where
//! that came from. So a redrive that was cut short, however, is taken up by the next: what the brokers have is not
//! written again, and what they don't have is. The letter's place alone would not do: where its topic was deleted and
//! made anew, others stand there.

use std::{
    collections::{BTreeMap, HashSet},
    ops::ControlFlow,
};

use pelton_types::{
    Message, MessageId, Offset,
    redrive::{LETTER, ORIGIN},
};

use super::{Letter, READER};
use crate::{Error, Reach};

/// The topics that letters go to. Of one that they came from, the lowest offset of theirs on each of its partitions.
pub(super) type Targets = BTreeMap<String, BTreeMap<i32, Offset>>;

/// The letters that stand in some topics, each with its origin.
#[derive(Debug, Default)]
pub(super) struct Ledger(HashSet<(MessageId, MessageId)>);

impl Ledger {
    /// Reads these topics. Those that aren't there hold nothing.
    pub(super) fn read(reach: &Reach, targets: &Targets) -> Result<Self, Error> {
        let mut ledger = Self::default();
        let reader = reach.reader(READER)?;
        for (topic, origins) in targets {
            let Some(mut ranges) = reader.ranges(topic)? else {
                continue;
            };
            if !origins.is_empty() {
                // A copy stands on the partition that its message came from, and behind it.
                ranges.retain_mut(|(partition, range)| {
                    let first = origins.get(&partition.partition);
                    range.start = first.map_or(range.end, |first| range.start.max(*first));
                    !range.is_empty()
                });
            }
            reader.read(&ranges, |message| {
                ledger.enter(&message);
                ControlFlow::Continue(())
            })?;
        }
        Ok(ledger)
    }

    /// Takes in a message, if it is a letter's copy.
    fn enter(&mut self, message: &Message) {
        let named = |header| message.headers.text(header)?.parse::<MessageId>().ok();
        self.0.extend(named(LETTER).zip(named(ORIGIN)));
    }

    pub(super) fn holds(&self, letter: &Letter) -> bool {
        let origin = letter.origin.clone();
        origin.is_some_and(|origin| self.0.contains(&(letter.at.clone(), origin)))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{letter::tests::letter, writer::headers},
        *,
    };

    #[test]
    fn a_letter_where_another_one_stood_was_not_redriven() {
        let of = |source_offset| letter(7, &[("source-offset", source_offset)]);
        let (redriven, new) = (of("42"), of("43"));
        let copy = Message {
            headers: headers(&redriven, redriven.origin.as_ref().unwrap()),
            ..redriven.message.clone()
        };
        let mut ledger = Ledger::default();
        ledger.enter(&copy);
        assert_eq!(new.at, redriven.at);
        assert!(ledger.holds(&redriven));
        assert!(!ledger.holds(&new));
    }
}

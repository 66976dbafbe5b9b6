//! What was redriven before.
//!
//! The topics that letters were redriven to are the ledger: each redriven message names the letter that it was. So a
//! redrive that was cut short, however, is taken up by the next: what the brokers have is not written again, and what
//! they don't have is.

use std::{
    collections::{BTreeMap, HashSet},
    ops::ControlFlow,
};

use pelton_types::{MessageId, Offset, redrive::LETTER};

use super::READER;
use crate::{Error, Reach};

/// The topics that letters go to. Of one that they came from, the lowest offset of theirs on each of its partitions.
pub(super) type Targets = BTreeMap<String, BTreeMap<i32, Offset>>;

/// The letters that stand in some topics.
#[derive(Debug, Default)]
pub(super) struct Ledger(HashSet<MessageId>);

impl Ledger {
    /// Reads these topics. Those that aren't there hold nothing.
    pub(super) fn read(reach: &Reach, targets: &Targets) -> Result<Self, Error> {
        let mut found = HashSet::new();
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
                let letter = message.headers.text(LETTER);
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

//! Dead letters that nobody needs any more are deleted, from the oldest on: Kafka deletes nothing out of the middle.

use std::{collections::BTreeMap, ops::ControlFlow};

use pelton_types::{Offset, TopicPartition};
use tokio::runtime::Handle;

use super::{Filter, READER, find};
use crate::{Error, Reach};

/// What is deleted, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many letters.
    pub letters: u64,
    /// How many of them are another handler's, or another program's.
    pub of_others: u64,
    /// Nothing was deleted, though it was to be, because of those.
    pub refused: bool,
    /// From which offset on each partition keeps what it holds.
    pub keeps_from: BTreeMap<i32, Offset>,
}

/// Deletes what stands before the first letter that isn't older than `before` (milliseconds since 1970); all of it
/// without. Without `execute` it only says what that would be, and where letters of others are among them it deletes
/// nothing without `any_handler`.
///
/// # Errors
/// The topic can't be read, or a broker refuses.
pub fn purge(
    reach: &Reach,
    before: Option<i64>,
    any_handler: bool,
    execute: bool,
) -> Result<Purged, Error> {
    let topic = reach.dead_letter_topic()?;
    let reader = reach.reader(READER)?;
    let ranges = reader.ranges(topic)?;
    let ranges = ranges.ok_or_else(|| Error::NoTopic(topic.to_owned()))?;
    let mut purged = Purged {
        keeps_from: ranges
            .iter()
            .map(|(partition, range)| (partition.partition, range.end))
            .collect(),
        ..Purged::default()
    };
    let everything = Filter {
        any_handler: true,
        ..Filter::default()
    };
    find(reach, &everything, |letter| {
        let (partition, offset) = (letter.at.partition, letter.at.offset);
        let Some(keeps_from) = purged.keeps_from.get_mut(&partition) else {
            return ControlFlow::Continue(());
        };
        let time = letter.message.timestamp.millis().unwrap_or_default();
        if offset < *keeps_from && before.is_some_and(|before| time >= before) {
            *keeps_from = offset;
        }
        if offset < *keeps_from {
            purged.letters += 1;
            let own = letter.handler.as_deref() == Some(&reach.handler.name);
            purged.of_others += u64::from(!own);
        }
        ControlFlow::Continue(())
    })?;
    purged.refused = execute && purged.of_others > 0 && !any_handler;
    if execute && !purged.refused {
        let cuts: Vec<_> = purged
            .keeps_from
            .iter()
            .map(|(number, offset)| (TopicPartition::new(topic, *number), *offset))
            .collect();
        Handle::current().block_on(reach.admin()?.delete_before(&cuts))?;
    }
    Ok(purged)
}

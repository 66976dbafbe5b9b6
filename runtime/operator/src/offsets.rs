//! Where a handler's group stands in its topics, and setting it elsewhere.
//!
//! Invariant: nothing is committed for a group that has members: its coordinator sees to that.

use std::ops::Range;

use pelton_config::Topics;
use pelton_kafka::{Ranges, Reader};
use pelton_types::{Offset, TopicPartition};
use regex::Regex;
use tokio::runtime::Handle;

use crate::{Error, Reach};

/// How long the brokers may take to say which topics there are.
const ASK: std::time::Duration = std::time::Duration::from_secs(10);

/// One partition of a topic that the handler reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Which one.
    pub partition: TopicPartition,
    /// From its first message to after its last one.
    pub range: Range<Offset>,
    /// The next offset that the group has committed.
    pub committed: Option<Offset>,
}

impl Stand {
    /// Messages that the group has not finished.
    pub fn lag(&self) -> Option<i64> {
        self.committed
            .map(|committed| (self.range.end - committed.max(self.range.start)).max(0))
    }
}

/// Which partitions are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Where {
    /// Those of this topic.
    pub topic: Option<String>,
    /// This one of each topic.
    pub partition: Option<i32>,
}

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// At the first message that is there.
    Earliest,
    /// After the last one.
    Latest,
    /// At this offset, or the nearest that is there.
    Offset(Offset),
    /// At the first message that was not written before this, in milliseconds since 1970.
    Time(i64),
}

/// A partition's offset before and after a reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// How it stood.
    pub stand: Stand,
    /// Where the group goes on from.
    pub next: Offset,
}

/// How the group stands in every partition that is meant.
///
/// # Errors
/// A topic isn't there, or the brokers don't answer.
pub fn show(reach: &Reach, place: &Where) -> Result<Vec<Stand>, Error> {
    let reader = reach.reader(&reach.handler.group)?;
    stands(&reader, ranges(reach, &reader, place)?)
}

/// Moves the group in every partition that is meant. Without `execute` it only says where to.
///
/// # Errors
/// The group has members, a topic isn't there, or the brokers refuse or don't answer.
pub fn reset(reach: &Reach, place: &Where, to: To, execute: bool) -> Result<Vec<Moved>, Error> {
    let reader = reach.reader(&reach.handler.group)?;
    let ranges = ranges(reach, &reader, place)?;
    let times = match to {
        To::Time(time) => reader.since(ranges.clone(), time)?,
        To::Earliest | To::Latest | To::Offset(_) => ranges.clone(),
    };
    let stands = stands(&reader, ranges)?.into_iter();
    let moved: Vec<Moved> = stands
        .zip(times)
        .map(|(stand, (_, time))| Moved {
            next: target(to, &stand.range, time.start),
            stand,
        })
        .collect();
    if execute {
        let offsets = moved.iter();
        let offsets = offsets.map(|one| (one.stand.partition.clone(), one.next));
        reader.commit(&offsets.collect::<Vec<_>>())?;
    }
    Ok(moved)
}

fn target(to: To, range: &Range<Offset>, at_time: Offset) -> Offset {
    match to {
        To::Earliest => range.start,
        To::Latest => range.end,
        To::Offset(offset) => offset.clamp(range.start, range.end),
        To::Time(_) => at_time,
    }
}

fn stands(reader: &Reader, ranges: Ranges) -> Result<Vec<Stand>, Error> {
    let partitions: Vec<_> = ranges
        .iter()
        .map(|(partition, _)| partition.clone())
        .collect();
    let committed = reader.committed(&partitions)?;
    let all = ranges.into_iter().zip(committed);
    Ok(all
        .map(|((partition, range), committed)| Stand {
            partition,
            range,
            committed,
        })
        .collect())
}

/// The partitions that are meant, of the topics that the handler reads.
fn ranges(reach: &Reach, reader: &Reader, place: &Where) -> Result<Ranges, Error> {
    let mut all = Vec::new();
    for topic in topics(reach)? {
        if place.topic.as_ref().is_some_and(|wanted| *wanted != topic) {
            continue;
        }
        let found = reader.ranges(&topic)?;
        all.extend(found.ok_or(Error::NoTopic(topic))?);
    }
    all.retain(|(partition, _)| {
        place
            .partition
            .is_none_or(|wanted| wanted == partition.partition)
    });
    match all.is_empty() {
        true => Err(Error::NoPartition),
        false => Ok(all),
    }
}

/// What the handler reads: its topics, and that of its redrives once it is there.
fn topics(reach: &Reach) -> Result<Vec<String>, Error> {
    let there = Handle::current().block_on(reach.admin()?.topics(ASK))?;
    let mut topics: Vec<String> = match &reach.handler.topics {
        Topics::List(topics) => topics.clone(),
        Topics::Pattern(pattern) => {
            let own = |topic: &&String| Some(topic.as_str()) != reach.handler.dead_letter_topic();
            // It was checked with the configuration.
            let pattern = Regex::new(pattern).map_err(|_| Error::NoPartition)?;
            let names = there.keys().filter(|topic| pattern.is_match(topic));
            names.filter(own).cloned().collect()
        }
    };
    let retry = reach.handler.retry_topic();
    topics.extend(retry.filter(|retry| there.contains_key(retry)));
    topics.sort();
    topics.dedup();
    Ok(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_goes_on_only_where_there_is_something_or_will_be() {
        let range = 5..9;
        for (to, next) in [
            (To::Earliest, 5),
            (To::Latest, 9),
            (To::Offset(3), 5),
            (To::Offset(7), 7),
            (To::Offset(12), 9),
            (To::Time(1), 6),
        ] {
            assert_eq!(target(to, &range, 6), next, "{to:?}");
        }
    }

    #[test]
    fn what_is_deleted_is_no_lag() {
        let stand = |committed| Stand {
            partition: TopicPartition::new("t", 0),
            range: 5..9,
            committed,
        };
        assert_eq!(stand(None).lag(), None);
        assert_eq!(stand(Some(2)).lag(), Some(4));
        assert_eq!(stand(Some(8)).lag(), Some(1));
    }
}

//! One connection that asks about one group and its topics again and again, without ever joining.
//!
//! Invariant: everything is asked of the broker anew; nothing is remembered from an earlier answer.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use anyhow::{Result, ensure};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    topic_partition_list::TopicPartitionListElem,
};

use super::Client;
use crate::wait;

/// What a group has committed of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The next offset; `None` where nothing is committed.
    pub next: Option<i64>,
    /// What its members wrote beside it. `None` when it is not text.
    pub metadata: Option<String>,
}

/// See the module. Made by [`Client::probe`].
pub struct Probe {
    consumer: BaseConsumer,
    /// Sees what stands in a topic, whether it is committed or not.
    uncommitted: BaseConsumer,
}

impl Client {
    /// A connection for questions about a group.
    ///
    /// # Errors
    /// When librdkafka can't make one.
    pub fn probe(&self, group: &str) -> Result<Probe> {
        Ok(Probe {
            consumer: self.consumer(group)?,
            uncommitted: self
                .config()
                .set("isolation.level", "read_uncommitted")
                .create()?,
        })
    }
}

impl Probe {
    /// What the group has committed of each partition of a topic, with the metadata beside it.
    ///
    /// # Errors
    /// When the broker doesn't say within `limit`.
    pub fn committed(
        &self,
        topic: &str,
        partitions: i32,
        limit: Duration,
    ) -> Result<Vec<Committed>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, partitions - 1);
        let answer = self.consumer.committed_offsets(list, limit)?;
        let mut found = vec![None; usize::try_from(partitions)?];
        for element in answer.elements() {
            element.error()?;
            let slot = found.get_mut(usize::try_from(element.partition())?);
            if let Some(slot) = slot {
                *slot = Some(Committed {
                    next: match element.offset() {
                        Offset::Offset(offset) => Some(offset),
                        _ => None,
                    },
                    metadata: metadata(&element),
                });
            }
        }
        let answered: Vec<Committed> = found.into_iter().flatten().collect();
        ensure!(
            answered.len() == usize::try_from(partitions)?,
            "the broker says nothing of some partitions of {topic}"
        );
        Ok(answered)
    }

    /// The offset after the last message of each partition of a topic, committed or not.
    ///
    /// # Errors
    /// When the broker doesn't say within `limit` for one of them.
    pub fn ends(&self, topic: &str, partitions: i32, limit: Duration) -> Result<Vec<i64>> {
        ends(&self.uncommitted, topic, partitions, limit)
    }

    /// Whether a transaction is open in a topic. It hides all that stands behind its beginning.
    ///
    /// # Errors
    /// When the broker doesn't say within `limit` for one of the partitions.
    pub fn is_open(&self, topic: &str, partitions: i32, limit: Duration) -> Result<bool> {
        let stable = ends(&self.consumer, topic, partitions, limit)?;
        Ok(stable != self.ends(topic, partitions, limit)?)
    }

    /// Waits until no transaction is open in a topic. What a process that was killed has left open ends by its
    /// time-out, however long its successor has been at work by then.
    ///
    /// # Errors
    /// When one is open after `limit`, or the broker doesn't say.
    pub fn wait_until_closed(&self, topic: &str, partitions: i32, limit: Duration) -> Result<()> {
        let what = format!("every transaction in {topic} to end");
        wait::until_true(
            &what,
            limit,
            || Ok(!self.is_open(topic, partitions, limit)?),
        )
    }
}

/// Where a consumer sees the end of each partition.
fn ends(
    consumer: &BaseConsumer,
    topic: &str,
    partitions: i32,
    limit: Duration,
) -> Result<Vec<i64>> {
    let end = |partition| Ok(consumer.fetch_watermarks(topic, partition, limit)?.1);
    (0..partitions).map(end).collect()
}

/// Reads the metadata. rdkafka panics on bytes that aren't UTF-8, which anybody may commit.
fn metadata(element: &TopicPartitionListElem<'_>) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| element.metadata().to_owned())).ok()
}

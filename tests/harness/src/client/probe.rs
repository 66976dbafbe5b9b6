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
        let end = |partition| {
            Ok(self
                .uncommitted
                .fetch_watermarks(topic, partition, limit)?
                .1)
        };
        (0..partitions).map(end).collect()
    }
}

/// Reads the metadata. rdkafka panics on bytes that aren't UTF-8, which anybody may commit.
fn metadata(element: &TopicPartitionListElem<'_>) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| element.metadata().to_owned())).ok()
}

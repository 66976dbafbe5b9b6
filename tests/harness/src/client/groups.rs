//! What the broker knows of a consumer group, without joining it.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
};

use super::{Client, REQUEST_LIMIT};
use crate::wait;

/// A group of the classic protocol, as its coordinator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `Stable`, `Empty`, `PreparingRebalance`, `CompletingRebalance` or `Dead`.
    pub state: String,
    /// The assignment strategy in use.
    pub strategy: String,
    /// Its members.
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What the member calls itself.
    pub client_id: String,
    /// The id that the coordinator gave it.
    pub member_id: String,
    /// What it has been assigned, sorted.
    pub partitions: Vec<(String, i32)>,
}

impl Group {
    /// How many partitions each member has, in descending order: `[2, 2]` for two that share four.
    pub fn shares(&self) -> Vec<usize> {
        let mut shares: Vec<usize> = self
            .members
            .iter()
            .map(|member| member.partitions.len())
            .collect();
        shares.sort_unstable_by(|left, right| right.cmp(left));
        shares
    }
}

impl Client {
    /// Describes a group. `None` when the broker doesn't know it.
    ///
    /// # Errors
    /// When the broker doesn't answer, or a member's assignment can't be read.
    pub fn group(&self, group: &str) -> Result<Option<Group>> {
        let consumer = self.consumer("pelton-harness-probe")?;
        let list = consumer.fetch_group_list(Some(group), REQUEST_LIMIT)?;
        let Some(found) = list.groups().iter().find(|one| one.name() == group) else {
            return Ok(None);
        };
        let mut members = Vec::new();
        for member in found.members() {
            let bytes = member.assignment().unwrap_or_default();
            let partitions =
                assignment(bytes).with_context(|| format!("the assignment of {}", member.id()))?;
            members.push(Member {
                client_id: member.client_id().to_owned(),
                member_id: member.id().to_owned(),
                partitions,
            });
        }
        Ok(Some(Group {
            state: found.state().to_owned(),
            strategy: found.protocol().to_owned(),
            members,
        }))
    }

    /// Waits until the group is stable and its members have these shares, in descending order.
    ///
    /// # Errors
    /// When it isn't so within `limit`; the error says what it was instead.
    pub fn wait_for_shares(&self, group: &str, shares: &[usize], limit: Duration) -> Result<Group> {
        let mut last = None;
        let what = format!("the shares of group {group} to be {shares:?}");
        wait::until(&what, limit, || {
            last = self.group(group)?;
            Ok(last
                .clone()
                .filter(|group| group.state == "Stable" && group.shares() == shares))
        })
        .with_context(|| format!("last seen: {last:?}"))
    }

    /// The committed next offset of each partition of a topic.
    ///
    /// # Errors
    /// When the broker doesn't say.
    pub fn committed(&self, group: &str, topic: &str) -> Result<Vec<Option<i64>>> {
        let consumer = self.consumer(group)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, self.partitions(topic)? - 1);
        let committed = consumer.committed_offsets(list, REQUEST_LIMIT)?;
        let mut offsets: Vec<(i32, Option<i64>)> = Vec::new();
        for element in committed.elements() {
            element.error()?;
            let offset = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            offsets.push((element.partition(), offset));
        }
        offsets.sort_unstable();
        Ok(offsets.into_iter().map(|(_, offset)| offset).collect())
    }

    /// Commits next offsets, one for each partition of a topic, for a group that has no members.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn commit(&self, group: &str, topic: &str, offsets: &[i64]) -> Result<()> {
        let consumer = self.consumer(group)?;
        let mut list = TopicPartitionList::new();
        for (partition, offset) in (0..).zip(offsets) {
            list.add_partition_offset(topic, partition, Offset::Offset(*offset))?;
        }
        Ok(consumer.commit(&list, CommitMode::Sync)?)
    }

    /// Waits until the group has committed everything that stands in the topic now.
    ///
    /// # Errors
    /// When it hasn't within `limit`; the error says how far it came.
    pub fn wait_for_all_committed(&self, group: &str, topic: &str, limit: Duration) -> Result<()> {
        let ends = self.ends(topic)?;
        let mut last = Vec::new();
        wait::until_true(
            &format!("group {group} to commit all of {topic}"),
            limit,
            || {
                last = self.committed(group, topic)?;
                Ok(last
                    .iter()
                    .zip(&ends)
                    .all(|(committed, end)| committed.unwrap_or(0) >= *end))
            },
        )
        .with_context(|| format!("committed {last:?} of {ends:?}"))
    }
}

/// Reads the consumer protocol's assignment: version, then topics with their partitions. Empty while
/// the group rebalances.
fn assignment(bytes: &[u8]) -> Result<Vec<(String, i32)>> {
    let mut partitions = Vec::new();
    if bytes.is_empty() {
        return Ok(partitions);
    }
    let mut rest = bytes;
    let _version = take::<2>(&mut rest)?;
    for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
        let length = usize::from(u16::from_be_bytes(take(&mut rest)?));
        let (name, after) = rest.split_at_checked(length).context("it is cut short")?;
        let name = String::from_utf8(name.to_vec())?;
        rest = after;
        for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
            partitions.push((name.clone(), i32::from_be_bytes(take(&mut rest)?)));
        }
    }
    partitions.sort_unstable();
    Ok(partitions)
}

/// Takes the next `N` bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N]> {
    let (head, after) = rest.split_first_chunk::<N>().context("it is cut short")?;
    *rest = after;
    Ok(*head)
}

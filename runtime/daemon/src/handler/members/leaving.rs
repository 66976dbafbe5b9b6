//! How partitions are given up: what was begun is finished, cancelled or aborted, and their tasks are joined.
//!
//! Invariant: whoever asks goes on only after the tasks of these partitions have ended.

use std::{collections::HashMap, time::Instant};

use pelton_dispatch::{AssignmentId, Checkpoint, Outcome};
use pelton_kafka::{Commit, Epoch};
use pelton_types::TopicPartition;
use tracing::{info, warn};

use super::{Broken, Member, Members, Undone, list};
use crate::{
    metrics::Count,
    partition::{Ended, Inbox},
    status::Aspect,
};

impl Members {
    /// Drains these partitions and says what to commit for each.
    pub(in crate::handler) async fn revoke(
        &mut self,
        partitions: Vec<(TopicPartition, Epoch)>,
        deadline: Instant,
    ) -> Vec<Commit> {
        self.shared.metrics.count(Count::Rebalances);
        info!(handler = %self.shared.name, partitions = %list(partitions.iter().map(|(p, _)| p)), "partitions revoked");
        let assignments = self.assignments(&partitions);
        let drained_by = match &self.template.transactions {
            Some(_) => Instant::now() + deadline.saturating_duration_since(Instant::now()) * 3 / 4,
            None => deadline,
        };
        let drain = || Inbox::Drain {
            deadline: drained_by,
        };
        let ended = self.give_up(partitions, drain).await;
        self.holdings.revoked(self.members.keys());
        self.purge_unanswered(&ended);
        self.end_transactions(assignments, deadline).await;
        let unfinished = unfinished(&ended);
        if unfinished > 0 {
            self.unfinished = self.unfinished.saturating_add(unfinished);
            warn!(handler = %self.shared.name, unfinished,
                "these messages can't be committed and may be repeated by the next owner: the drain ran into its deadline, or \
                 what is finished doesn't fit into the commit's metadata");
        }
        ended
            .into_iter()
            .filter_map(|(partition, ended)| {
                let Checkpoint { next, metadata } = ended.last?;
                Some(Commit {
                    partition,
                    next,
                    metadata,
                })
            })
            .collect()
    }

    /// The names of those that are ours.
    fn assignments(&self, partitions: &[(TopicPartition, Epoch)]) -> Vec<AssignmentId> {
        let ours = partitions
            .iter()
            .filter(|(partition, epoch)| self.owns(partition, *epoch));
        ours.map(|(_, epoch)| AssignmentId(epoch.0)).collect()
    }

    /// Waits until what these partitions took part in is committed, or aborted (delivery rule 31).
    async fn end_transactions(&mut self, assignments: Vec<AssignmentId>, deadline: Instant) {
        let Some(transactions) = self.template.transactions.clone() else {
            return;
        };
        let left = transactions.left(assignments.clone());
        let name = self.shared.name.clone();
        match tokio::time::timeout_at(deadline.into(), left).await {
            Ok(Some(outcomes)) if outcomes.iter().all(|(_, o)| *o == Outcome::Committed) => {}
            Ok(None) => {
                self.left_uncommitted();
                warn!(handler = %name, "the last transaction of revoked partitions was given up: their next owner handles again what was in it, unless it is committed");
            }
            Ok(Some(_)) => {
                self.left_uncommitted();
                warn!(handler = %name, "the last transaction of revoked partitions was aborted: their next owner handles again what was in it");
            }
            Err(_) => {
                self.left_uncommitted();
                warn!(handler = %name, "the last transaction of revoked partitions has not ended in time: whether it is committed is for the coordinator to say");
                for assignment in assignments {
                    // What hasn't been sent of them must not be any more.
                    transactions.lost(assignment);
                }
                // They can be given up when that is known.
                transactions.heard().await;
            }
        }
    }

    /// Stops work on partitions that belong to someone else already.
    pub(in crate::handler) async fn lose(&mut self, partitions: Vec<(TopicPartition, Epoch)>) {
        self.shared.metrics.count(Count::Rebalances);
        warn!(handler = %self.shared.name, partitions = %list(partitions.iter().map(|(p, _)| p)),
            "partitions lost: nothing is committed for them; what was in flight is repeated by their next owner");
        let assignments: Vec<_> = self.assignments(&partitions);
        let ended = self.give_up(partitions, || Inbox::Lost).await;
        self.holdings.lost();
        self.purge_unanswered(&ended);
        if let Some(transactions) = self.template.transactions.clone() {
            // The group takes no offset of them, unless this member joins it anew while one is on its way.
            transactions.left(assignments).await;
        }
        self.unfinished = self.unfinished.saturating_add(unfinished(&ended));
        self.status.clear(&self.shared.name, Aspect::Stuck);
    }

    async fn give_up(
        &mut self,
        partitions: Vec<(TopicPartition, Epoch)>,
        tell: impl Fn() -> Inbox,
    ) -> Vec<(TopicPartition, Ended)> {
        let mut leaving = HashMap::new();
        for (partition, epoch) in partitions {
            if let Some(member) = self.take(&partition, epoch) {
                // A closed inbox means that the task has died, and was joined already.
                if member.inbox.send(tell()).await.is_ok() {
                    leaving.insert(member.task, (partition, member));
                } else {
                    self.gone(&partition, epoch);
                }
            }
        }
        let mut ended = Vec::new();
        while !leaving.is_empty() {
            match self.tasks.join_next_with_id().await {
                None => break,
                Some(Ok((id, end))) => {
                    if let Some((partition, _)) = leaving.remove(&id) {
                        self.forget(&partition);
                        ended.push((partition, end));
                    }
                }
                Some(Err(error)) => {
                    if let Some((partition, member)) = leaving.remove(&error.id()) {
                        self.gone(&partition, member.epoch);
                    }
                    self.died(&error);
                }
            }
        }
        ended
    }

    /// The task of a partition that is given up has died: nobody else says that its part of the transaction is lost.
    fn gone(&mut self, partition: &TopicPartition, epoch: Epoch) {
        if let Some(transactions) = &self.template.transactions {
            transactions.lost(AssignmentId(epoch.0));
        }
        self.forget(partition);
    }

    fn take(&mut self, partition: &TopicPartition, epoch: Epoch) -> Option<Member> {
        if self.members.get(partition)?.epoch != epoch {
            return None;
        }
        self.members.remove(partition)
    }

    /// Another daemon reports the partition now.
    fn forget(&mut self, partition: &TopicPartition) {
        let TopicPartition {
            topic,
            partition: number,
        } = partition;
        self.shared.metrics.forget(topic, *number);
        self.watchdog.forget(partition);
        self.overtaken.remove(partition);
        self.shared.shown.gone(partition);
    }

    /// Sees to it that outputs of partitions that were given up don't land behind the next owner's newer ones.
    /// What is purged of kept partitions is produced again by a new life of the handler.
    fn purge_unanswered(&self, ended: &[(TopicPartition, Ended)]) {
        // Where there are transactions, what is unanswered is aborted.
        let Some(producer) = &self.template.producer else {
            return;
        };
        if ended.iter().any(|(_, ended)| ended.unanswered) {
            producer.purge();
            self.template.trouble.happened_to(Broken::Stale);
        }
    }

    /// Ends every task that is left, without committing; what all of them leave undone.
    pub(in crate::handler) async fn finish(mut self) -> Undone {
        let left: Vec<_> = self
            .members
            .iter()
            .map(|(p, m)| (p.clone(), m.epoch))
            .collect();
        let ended = self.give_up(left, || Inbox::Lost).await;
        self.watchdog.end(&self.shared);
        self.shared.shown.all_gone();
        Undone {
            unfinished: self.unfinished.saturating_add(unfinished(&ended)),
            uncommitted: self.uncommitted,
        }
    }
}

fn unfinished(ended: &[(TopicPartition, Ended)]) -> u32 {
    let each = ended.iter().map(|(_, ended)| ended.unfinished);
    each.fold(0, u32::saturating_add)
}

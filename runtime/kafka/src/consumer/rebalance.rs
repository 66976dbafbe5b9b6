//! What happens when the group shares out partitions anew (delivery rules 8 to 13).
//!
//! Invariant: a partition is given up only after its drain was answered or ran out of time, and begun only
//! at an explicit offset.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use pelton_types::TopicPartition;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{
    AckSlot, Assignment, ConsumerEvent, Epoch, RevokeAck,
    commands::{self, WantedCommit},
    positions::told,
    start::Halt,
    thread::{Owned, Poll},
};
use crate::{
    Committed, TroubleClass,
    native::{Event, List, ListRef},
};

/// How much longer than announced an answer to a revocation is waited for.
const GRACE: Duration = Duration::from_millis(500);

fn next_epoch() -> Epoch {
    static LAST: AtomicU64 = AtomicU64::new(0);
    Epoch(LAST.fetch_add(1, Ordering::Relaxed) + 1)
}

impl Poll {
    /// Answers what the group decided.
    pub(super) fn rebalance(&mut self, event: &Event<'_>) {
        let Some(list) = event.partitions() else {
            return;
        };
        match event.error() {
            Some(Code::AssignPartitions) => self.assign(&list),
            Some(Code::RevokePartitions) => self.revoke(&list),
            other => tracing::warn!(error = ?other, "librdkafka reports a rebalance that failed"),
        }
    }

    fn assign(&mut self, list: &ListRef<'_>) {
        let mut partitions = self.named(list);
        // Under KIP-848 the broker matches patterns, and knows nothing of exclusions.
        partitions.retain(|partition| {
            !self
                .settings
                .exclude
                .iter()
                .any(|topic| **topic == *partition.topic)
        });
        self.expelled = false;
        let begun = self.places(&partitions);
        let offsets = match &begun {
            Ok(places) => List::of_offsets(
                places
                    .iter()
                    .map(|(partition, place)| (partition, place.next)),
            ),
            Err(_) => List::of_partitions(&partitions),
        };
        let assigned = if self.client.is_cooperative() {
            self.client.incremental_assign(&offsets)
        } else {
            self.placed.clear();
            self.client.assign(Some(&offsets))
        };
        self.placed.extend(partitions);
        if let Err(text) = assigned {
            // The group has moved on meanwhile; another rebalance follows.
            tracing::warn!(error = text, "librdkafka doesn't take the assignment");
            return;
        }
        match begun {
            Ok(places) => self.begin(places),
            // What can't be begun is given up again at once, unseen by the receiver.
            Err(Halt::Interrupted) => {}
            Err(Halt::Refused(error)) => self.over = Some(error),
        }
    }

    fn begin(&mut self, places: Vec<(TopicPartition, Committed)>) {
        let mut recovered = self.troubles.consuming();
        recovered.extend(self.troubles.close(&[TroubleClass::OutOfRange]));
        self.recovered(recovered);
        let assignments = places.into_iter().map(|(partition, place)| {
            let epoch = next_epoch();
            self.owned
                .insert(partition.clone(), Owned::new(epoch, place.next));
            Assignment {
                partition,
                epoch,
                start: place.next,
                metadata: place.metadata,
            }
        });
        let assignments = assignments.collect();
        self.emit(ConsumerEvent::Assigned(assignments));
    }

    fn revoke(&mut self, list: &ListRef<'_>) {
        let partitions = self.named(list);
        let owned: Vec<(TopicPartition, Epoch)> = partitions
            .iter()
            .filter_map(|partition| Some((partition.clone(), self.owned.get(partition)?.epoch)))
            .collect();
        let paused: Vec<TopicPartition> = owned
            .iter()
            .filter(|(partition, _)| self.owned.get(partition).is_some_and(|owned| owned.paused))
            .map(|(partition, _)| partition.clone())
            .collect();
        if !owned.is_empty() {
            if self.is_lost() {
                self.lose(owned);
            } else {
                self.drain(owned);
            }
        }
        if !paused.is_empty() {
            // Or it would still be paused when it comes back. Nothing is fetched yet: librdkafka pauses
            // everything by itself while the group is shared out anew.
            told("resume", self.client.resume(&List::of_partitions(&paused)));
        }
        self.shared.give_up_ownership();
        let unassigned = if self.client.is_cooperative() {
            let placed = partitions
                .iter()
                .filter(|partition| self.placed.contains(partition));
            self.client
                .incremental_unassign(&List::of_partitions(placed))
        } else {
            self.client.assign(None)
        };
        for partition in &partitions {
            self.placed.remove(partition);
        }
        self.expelled &= !self.owned.is_empty();
        if let Err(text) = unassigned {
            tracing::warn!(error = text, "librdkafka doesn't give up the assignment");
        }
    }

    /// Lets the receiver finish what is under way, and commits what it finished.
    fn drain(&mut self, owned: Vec<(TopicPartition, Epoch)>) {
        let slot = Arc::new(AckSlot::default());
        let deadline = Instant::now() + self.settings.drain_timeout;
        let done = RevokeAck { slot: slot.clone() };
        self.emit(ConsumerEvent::Revoked {
            partitions: owned.clone(),
            deadline,
            done,
        });
        let answer = slot.wait(deadline + GRACE, &self.shared.turns);
        if answer.is_none() {
            tracing::warn!(
                partitions = owned.len(),
                "revoked partitions were not drained in time, what was under way may be repeated"
            );
        }
        // Commits that were asked for before count too, whether the drain ended or not.
        for (partition, wanted) in self.shared.take_commits() {
            commands::merge(&mut self.commits, &partition, wanted);
        }
        for commit in answer.unwrap_or_default() {
            if let Some((partition, epoch)) = owned.iter().find(|(p, _)| *p == commit.partition) {
                let wanted = WantedCommit {
                    epoch: *epoch,
                    next: commit.next,
                    metadata: commit.metadata,
                };
                commands::merge(&mut self.commits, partition, wanted);
            }
        }
        let mut commits = Vec::new();
        for (partition, epoch) in owned {
            self.owned.remove(&partition);
            if let Some(wanted) = self.commits.remove(&partition)
                && wanted.epoch == epoch
            {
                commits.push((partition, wanted));
            }
        }
        self.await_answers();
        self.commit_and_wait(commits);
    }

    /// Whether what is owned may belong to someone else already. librdkafka's own flag is not set when polling
    /// stood still for too long while the group was being shared out.
    pub(super) fn is_lost(&self) -> bool {
        self.expelled || self.client.assignment_lost()
    }

    /// Lets the receiver cancel what is under way. Nothing is committed.
    fn lose(&mut self, owned: Vec<(TopicPartition, Epoch)>) {
        for (partition, _) in &owned {
            self.owned.remove(partition);
            self.commits.remove(partition);
        }
        let slot = Arc::new(AckSlot::default());
        let done = RevokeAck { slot: slot.clone() };
        self.emit(ConsumerEvent::Lost {
            partitions: owned,
            done,
        });
        let until = Instant::now() + self.settings.drain_timeout + GRACE;
        slot.wait(until, &self.shared.turns);
    }

    /// The same for everything that is owned.
    pub(super) fn lose_everything(&mut self) {
        let owned: Vec<_> = self
            .owned
            .iter()
            .map(|(partition, owned)| (partition.clone(), owned.epoch))
            .collect();
        if !owned.is_empty() {
            self.lose(owned);
            self.shared.give_up_ownership();
        }
    }

    fn named(&mut self, list: &ListRef<'_>) -> Vec<TopicPartition> {
        list.iter()
            .map(|entry| TopicPartition::new(self.round.name(&entry.topic), entry.partition))
            .collect()
    }
}

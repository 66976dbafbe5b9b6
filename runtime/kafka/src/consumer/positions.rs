//! Pausing, resuming and moving partitions.
//!
//! Invariant: librdkafka is told to resume only what it was told to pause. Resuming anything else makes it fetch
//! again what was handed out already.

use std::collections::HashMap;

use pelton_types::{Offset, TopicPartition};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{Epoch, thread::Poll};
use crate::{TroubleClass, native::List};

impl Poll {
    /// Goes on at another offset. librdkafka's own seek refuses a partition that stands still because its
    /// position was out of range, so the partition is given up and taken anew.
    pub(super) fn seek(&mut self, partition: TopicPartition, offset: Offset) {
        if let Some(owned) = self.owned.get_mut(&partition) {
            owned.start = offset;
        }
        let moved = if self.client.is_cooperative() {
            let partitions = List::of_partitions([&partition]);
            let offsets = List::of_offsets([(&partition, offset)]);
            self.client
                .incremental_unassign(&partitions)
                .and_then(|()| self.client.incremental_assign(&offsets))
        } else {
            self.client.assign(Some(&self.positions(&partition)))
        };
        match moved {
            Ok(()) => {
                let paused: Vec<&TopicPartition> = self
                    .owned
                    .iter()
                    .filter(|(_, owned)| owned.paused)
                    .map(|(partition, _)| partition)
                    .collect();
                told("pause", self.client.pause(&List::of_partitions(paused)));
                let recovered = self.troubles.close(&[TroubleClass::OutOfRange]);
                self.recovered(recovered);
            }
            Err(text) => {
                let text = format!("can't go to offset {offset} of {partition} ({text})");
                let report = self.troubles.report(TroubleClass::OutOfRange, text);
                self.report(report);
            }
        }
    }

    /// Where each owned partition goes on; the one that is moved at its new start.
    fn positions(&self, moved: &TopicPartition) -> List {
        let list = List::of_partitions(self.owned.keys());
        let read = self.client.position(&list);
        let positions: HashMap<(String, i32), Offset> = match read {
            Ok(()) => list
                .iter()
                .filter(|entry| entry.offset >= 0)
                .map(|entry| ((entry.topic.into_owned(), entry.partition), entry.offset))
                .collect(),
            Err(_) => HashMap::new(),
        };
        List::of_offsets(self.owned.iter().map(|(partition, owned)| {
            let position = positions.get(&(partition.topic.to_string(), partition.partition));
            let position = position.filter(|_| partition != moved);
            (partition, position.copied().unwrap_or(owned.start))
        }))
    }

    pub(super) fn pause_and_resume(&mut self, pauses: HashMap<TopicPartition, (Epoch, bool)>) {
        let (mut paused, mut resumed) = (Vec::new(), Vec::new());
        for (partition, (epoch, pause)) in pauses {
            match self.owned.get_mut(&partition) {
                Some(owned) if owned.epoch == epoch && owned.paused != pause => {
                    owned.paused = pause
                }
                Some(_) | None => continue,
            }
            if pause {
                paused.push(partition)
            } else {
                resumed.push(partition)
            }
        }
        if !paused.is_empty() {
            told("pause", self.client.pause(&List::of_partitions(&paused)));
        }
        if !resumed.is_empty() {
            told("resume", self.client.resume(&List::of_partitions(&resumed)));
        }
    }
}

/// Logs what librdkafka refused.
pub(super) fn told(what: &str, done: Result<(), Code>) {
    if let Err(code) = done {
        tracing::warn!(%code, "librdkafka can't {what} partitions");
    }
}

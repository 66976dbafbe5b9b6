//! What librdkafka reports beside messages: the ends of partitions, offsets that are gone, and what is wrong.

use std::time::Instant;

use pelton_types::TopicPartition;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{
    ConsumerEvent, Topics,
    thread::{PROBE, Poll, TICK},
};
use crate::{Error, TroubleClass, native::Event, trouble::Report};

impl Poll {
    pub(super) fn error(&mut self, event: &Event<'_>) {
        // A fatal error comes under the code of its cause.
        if let Some((code, text)) = self.client.fatal() {
            return self.fatal(code, text);
        }
        match event.error() {
            Some(Code::AutoOffsetReset) => self.out_of_range(event),
            Some(Code::PartitionEOF) => self.met_end(event),
            Some(Code::PollExceeded) => {
                // What follows is that the partitions are lost, which is told as such.
                self.expelled = true;
                tracing::warn!(reason = %event.reason(), "polling stood still for too long, the group goes on without");
            }
            // librdkafka goes on behind what it can't read, and the watermark would pass it. Where it is the broker
            // that can't read its log (`InvalidMessage`), the same offset is fetched again.
            Some(Code::BadMessage) => {
                let reason = event.reason();
                self.over = Some(Error::Fatal {
                    text: format!(
                        "fetched data can't be read, and going on would skip it: {reason}"
                    ),
                });
            }
            Some(code) => self.trouble(code, &event.reason()),
            None => {}
        }
    }

    /// The end of a partition was met; what stood before it was polled before it.
    fn met_end(&mut self, event: &Event<'_>) {
        let Some((topic, partition, end)) = event.partition() else {
            return;
        };
        let partition = TopicPartition::new(self.round.name(&topic), partition);
        if let Some(owned) = self.owned.get_mut(&partition) {
            owned.read_to = Some(end);
        }
    }

    fn fatal(&mut self, code: Code, text: String) {
        let group = self.settings.group.clone();
        self.over = Some(match (code, self.settings.instance_id.clone()) {
            (Code::FencedInstanceId, Some(instance)) => Error::InstanceConflict { group, instance },
            (Code::UnreleasedInstanceId, Some(instance)) => Error::InstanceHeld { group, instance },
            (Code::GroupAuthorizationFailed | Code::GroupMaxSizeReached, _) => {
                Error::GroupRefused { group, text }
            }
            _ => Error::Fatal { text },
        });
        // librdkafka gives up the assignment by itself then, without a word.
        self.lose_everything();
    }

    fn out_of_range(&mut self, event: &Event<'_>) {
        let Some((topic, partition, wanted)) = event.partition() else {
            return;
        };
        let partition = TopicPartition::new(self.round.name(&topic), partition);
        let Some(epoch) = self.owned.get(&partition).map(|owned| owned.epoch) else {
            return;
        };
        self.hand_on();
        // Each partition may be asked about, in one round.
        self.shared.turns.turn();
        let range = self.client.query_range(&partition, TICK).ok();
        if let Some((oldest, end)) = range
            && (oldest..=end).contains(&wanted)
        {
            let text = format!(
                "a broker calls offset {wanted} of {partition} out of range, which holds {oldest} to {end}; asking again"
            );
            let report = self.troubles.report(TroubleClass::OutOfRange, text);
            self.report(report);
            self.returning.insert(partition, (epoch, wanted));
            return;
        }
        self.emit(ConsumerEvent::OutOfRange {
            partition,
            epoch,
            wanted,
            range,
        });
    }

    pub(super) fn trouble(&mut self, code: Code, reason: &str) {
        let report = self.troubles.error(code, reason, Instant::now());
        self.report(report);
    }

    pub(super) fn report(&self, report: Option<Report>) {
        if let Some((class, text)) = report {
            self.emit(ConsumerEvent::Trouble { class, text });
        }
    }

    pub(super) fn recovered(&self, classes: Vec<TroubleClass>) {
        for class in classes {
            self.emit(ConsumerEvent::Recovered { class });
        }
    }

    /// Whether the topics that were not there are there now.
    pub(super) fn look_for_topics(&mut self) {
        let Ok(found) = self.client.topics(PROBE) else {
            return;
        };
        let all_there = match &self.settings.topics {
            Topics::List(wanted) => wanted.iter().all(|topic| found.contains_key(topic)),
            // One that went is given up with the next rebalance.
            Topics::Pattern(_) => {
                let mut owned = self.owned.keys();
                owned.all(|partition| found.contains_key(&*partition.topic))
            }
        };
        if all_there {
            let recovered = self.troubles.close(&[TroubleClass::UnknownTopic]);
            self.recovered(recovered);
        }
    }
}

//! What a group has committed.
#![expect(unsafe_code, reason = "librdkafka's clients are C objects")]

use std::time::Duration;

use pelton_types::{Offset, TopicPartition};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{Client, List, NO_OFFSET, client::millis, codes};

/// What a group has committed of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset.
    pub next: Offset,
    /// What is kept beside it. Both come from one answer: together they say what is finished.
    pub metadata: Vec<u8>,
}

impl Client {
    /// What the client's group has committed of each of these partitions, in their order; `None` where it is nothing.
    pub(crate) fn committed_of(
        &self,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Option<Committed>>, Code> {
        let list = List::of_partitions(partitions);
        // SAFETY: client and list are alive; what is found is filled into the list.
        codes::check(unsafe {
            codes::rd_kafka_committed(self.ptr(), list.ptr(), millis(timeout))
        })?;
        list.iter()
            .map(|entry| match entry.error {
                Some(code) => Err(code),
                None => Ok((entry.offset != NO_OFFSET).then(|| Committed {
                    next: entry.offset,
                    metadata: entry.metadata.to_vec(),
                })),
            })
            .collect()
    }
}

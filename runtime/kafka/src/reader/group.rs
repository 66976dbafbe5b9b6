//! A group's committed offsets, read and replaced from outside.

use std::time::Instant;

use pelton_types::{Offset, TopicPartition};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{ASK, Reader, TICK};
use crate::{
    Committed, Error,
    native::{EventKind, List},
};

impl Reader {
    /// What the group has committed for these partitions; `None` where it has committed nothing.
    ///
    /// # Errors
    /// The brokers don't answer, or refuse.
    pub fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Offset>>, Error> {
        let found = self.client.committed_of(partitions, ASK);
        let found = found.map_err(|code| self.refused(&code.to_string()))?;
        let next = |place: Option<Committed>| place.map(|place| place.next);
        Ok(found.into_iter().map(next).collect())
    }

    /// Commits these next offsets for the group, whatever it has committed. The coordinator allows it only while
    /// the group has no members.
    ///
    /// # Errors
    /// [`Error::GroupInUse`] where it has; otherwise why the brokers refuse, or that they don't answer.
    pub fn commit(&self, offsets: &[(TopicPartition, Offset)]) -> Result<(), Error> {
        let list = List::of_offsets(offsets.iter().map(|(one, offset)| (one, *offset)));
        let answers = self
            .client
            .new_queue()
            .ok_or_else(|| self.refused("no queue"))?;
        let asked = self.client.commit(&list, &answers, 0);
        asked.map_err(|code| self.refused(&code.to_string()))?;
        let begun = Instant::now();
        while begun.elapsed() < ASK * 3 {
            // What it needs to find the coordinator comes by the other queue.
            drop(self.queue.poll(TICK));
            let Some(event) = answers.poll(TICK) else {
                continue;
            };
            if event.kind() != EventKind::OffsetCommit {
                continue;
            }
            let of_one = event.partitions();
            let of_one = of_one.iter().flat_map(|list| list.iter());
            let wrong = of_one.filter_map(|entry| entry.error).next();
            return match event.error().or(wrong) {
                None => Ok(()),
                Some(
                    Code::UnknownMemberId | Code::IllegalGeneration | Code::RebalanceInProgress,
                ) => Err(Error::GroupInUse {
                    group: self.group.clone(),
                }),
                Some(code) => Err(self.refused(&code.to_string())),
            };
        }
        Err(self.refused("the coordinator does not answer"))
    }

    fn refused(&self, text: &str) -> Error {
        Error::Offsets {
            group: self.group.clone(),
            text: text.to_owned(),
        }
    }
}

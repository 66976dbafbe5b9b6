//! Where partitions end: as the fetches tell, and asked for where none is made. So the lag of a partition that stands
//! still on purpose grows where people look.

use pelton_types::{Offset, TopicPartition};

use super::{
    End,
    thread::{PROBE, Poll},
};
use crate::native::List;

/// Every how many ticks the ends of paused partitions are asked for.
const EVERY: u32 = 3;
/// The time that stands for a partition's end (ListOffsets).
const LATEST: Offset = -1;

impl Poll {
    /// The ends of what this member works on, as far as they are known; about once a second.
    pub(super) fn ends(&mut self) -> Vec<(TopicPartition, End)> {
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(EVERY) && !self.troubles.is_disconnected() {
            self.ask_for_ends();
        }
        let owned = self.owned.iter();
        owned
            .filter_map(|(partition, owned)| {
                let high = self.client.cached_high(partition).max(owned.high)?;
                let read_to = owned.read_to;
                Some((partition.clone(), End { high, read_to }))
            })
            .collect()
    }

    fn ask_for_ends(&mut self) {
        let paused = self.owned.iter().filter(|(_, owned)| owned.paused);
        let paused: Vec<TopicPartition> = paused.map(|(partition, _)| partition.clone()).collect();
        if paused.is_empty() {
            return;
        }
        let list = List::of_offsets(paused.iter().map(|partition| (partition, LATEST)));
        // What is wrong with a broker is told by those who can't do without it.
        if self.client.offsets_at(&list, PROBE).is_err() {
            return;
        }
        for (partition, entry) in paused.iter().zip(list.iter()) {
            if let Some(owned) = self.owned.get_mut(partition)
                && entry.error.is_none()
                && entry.offset >= 0
            {
                owned.high = Some(entry.offset);
            }
        }
    }
}

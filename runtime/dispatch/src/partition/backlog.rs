//! The messages of a partition from the watermark on, in the order of their offsets.
//!
//! Invariant: offsets rise strictly, and the watermark never falls. Offsets have gaps (compaction,
//! transaction markers), so the watermark is the lowest message that is there and not finished,
//! never "the last one plus one" while something is held (delivery rule 1).

use std::collections::VecDeque;

use pelton_types::Offset;

use super::entry::{Entry, State};
use crate::Arrival;

/// The messages that are fetched and not yet released.
#[derive(Debug)]
pub(super) struct Backlog {
    entries: VecDeque<Entry>,
    /// Every entry before this index is decided. It only makes finding the first undecided one cheap.
    decided: usize,
    bytes: u64,
    /// Entries that wait for their next attempt.
    retrying: usize,
    position: Offset,
}

impl Backlog {
    pub fn new(start: Offset) -> Self {
        Self {
            entries: VecDeque::new(),
            decided: 0,
            bytes: 0,
            retrying: 0,
            position: start,
        }
    }

    /// Appends a message; one that is not above everything fetched so far is known already.
    pub fn push(&mut self, arrival: &Arrival) {
        if arrival.offset < self.position {
            return;
        }
        self.position = arrival.offset.saturating_add(1);
        self.bytes += u64::from(arrival.bytes);
        self.entries.push_back(Entry::new(arrival));
    }

    pub fn get_mut(&mut self, offset: Offset) -> Option<&mut Entry> {
        let index = self
            .entries
            .binary_search_by_key(&offset, |entry| entry.offset)
            .ok()?;
        self.entries.get_mut(index)
    }

    /// The entries from the first undecided one on.
    pub fn undecided(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.decided += self
            .entries
            .iter()
            .skip(self.decided)
            .take_while(|entry| entry.is_decided())
            .count();
        self.entries.range_mut(self.decided..)
    }

    /// Forgets the finished messages that nothing unfinished precedes.
    pub fn drop_finished(&mut self) {
        while let Some(entry) = self
            .entries
            .pop_front_if(|entry| matches!(entry.state, State::Finished))
        {
            self.bytes -= u64::from(entry.bytes);
            self.decided = self.decided.saturating_sub(1);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The lowest offset that is not finished. Exact only after [`Self::drop_finished`].
    pub fn watermark(&self) -> Offset {
        self.entries
            .front()
            .map_or(self.position, |entry| entry.offset)
    }

    /// The next offset to be fetched.
    pub fn position(&self) -> Offset {
        self.position
    }

    /// Counts messages that wait for their next attempt, so that a snapshot need not look for them.
    pub fn count_retrying(&mut self, began: usize, ended: usize) {
        self.retrying = (self.retrying + began).saturating_sub(ended);
    }

    pub fn retrying(&self) -> usize {
        self.retrying
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

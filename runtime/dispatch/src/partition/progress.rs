//! What is finished beyond the watermark: what an earlier owner left, and what is to be committed.
//!
//! Invariant: what an earlier owner finished stays in every commit until the position has passed it.

use std::{collections::VecDeque, ops::Range, time::Duration};

use pelton_types::Offset;

use super::{
    Partition,
    entry::{Entry, State, Told},
};
use crate::{
    Arrival, Checkpoint, Policy, Progress, Tried, Written,
    checkpoint::{digits, distance},
};

/// What an earlier owner left, from the position on.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    finished: VecDeque<Range<Offset>>,
    tried: VecDeque<Tried>,
}

impl Inherited {
    pub fn new(progress: Progress) -> Self {
        Self {
            finished: progress.finished.into(),
            tried: progress.tried.into(),
        }
    }

    /// A message at the position, with what is known of it. What lies before it is forgotten: it has no message.
    fn entry(&mut self, arrival: &Arrival, now: Duration, policy: &Policy) -> Entry {
        let offset = arrival.offset;
        let mut entry = Entry::new(arrival);
        while self
            .finished
            .pop_front_if(|range| range.end <= offset)
            .is_some()
        {}
        while self
            .tried
            .pop_front_if(|tried| tried.offset < offset)
            .is_some()
        {}
        if let Some(range) = self.finished.front_mut() {
            if range.contains(&offset) {
                entry.state = State::Finished;
                entry.told = Told::Committed;
            }
            range.start = range.start.max(offset.saturating_add(1));
        }
        let tried = self.tried.pop_front_if(|tried| tried.offset == offset);
        if let (Some(tried), State::Queued) = (tried, &entry.state) {
            // One attempt is left at least, and no clock of another machine keeps a message for ever.
            entry.attempts = tried.attempts.min(policy.retry.attempts.get() - 1);
            entry.due = tried.due.min(now.saturating_add(policy.retry.max_backoff));
            entry.state = State::Retrying;
        }
        entry
    }
}

impl Partition {
    /// Messages that come while draining are left to the next owner. One whose offset is below what was
    /// fetched before is a repetition (a rewound fetch) and is known already.
    pub(super) fn fetched(&mut self, arrivals: &[Arrival]) {
        if self.drain.is_some() {
            return;
        }
        for arrival in arrivals {
            if arrival.offset >= self.backlog.position() {
                let entry = self.inherited.entry(arrival, self.now, &self.policy);
                self.backlog.push(entry);
            }
        }
    }

    /// What is to be committed now, and how much of what is finished it tells.
    pub(super) fn checkpoint(&self) -> (Checkpoint, Written) {
        let next = self.backlog.watermark();
        let written = self.progress().metadata(next, self.metadata_bytes());
        let metadata = written.metadata.clone();
        (Checkpoint { next, metadata }, written)
    }

    /// While what is to be said doesn't fit into the metadata, nothing further is begun: what fills the holes
    /// makes it shorter. The lowest unfinished message goes on in any case: what an earlier owner left may not
    /// fit at all, where its limit was higher.
    pub(super) fn horizon(&mut self) -> Offset {
        if self.crowded {
            self.crowded = !self.checkpoint().1.complete;
        }
        if self.crowded {
            self.backlog
                .begun()
                .max(self.backlog.watermark().saturating_add(1))
        } else {
            Offset::MAX
        }
    }

    /// Offsets that an earlier owner finished and that a commit cut there doesn't tell any more.
    pub(super) fn inherited_from(&self, cut: Offset) -> u64 {
        let cut_off = |range: &Range<Offset>| range.end.saturating_sub(range.start.max(cut)).max(0);
        let offsets = self.inherited.finished.iter().map(cut_off);
        offsets.map(i64::unsigned_abs).sum()
    }

    /// How many more messages may finish, in whatever order, so that a checkpoint can tell of all of them, and
    /// the position up to which that holds: distances grow with it.
    pub(super) fn metadata_room(&self) -> (usize, Offset) {
        let next = self.backlog.watermark();
        let inherited = self.inherited.finished.back().map_or(0, |range| range.end);
        let end = self.backlog.position().max(inherited);
        let digits = digits(2 * distance(next, end));
        let progress = self.progress();
        let room = progress.further_pairs(next, digits, self.metadata_bytes());
        let until = i64::try_from(1_u128 << (7 * digits).min(62)).unwrap_or(Offset::MAX);
        (room, next.saturating_add(until))
    }

    fn metadata_bytes(&self) -> usize {
        usize::try_from(self.policy.metadata_bytes).unwrap_or(usize::MAX)
    }

    fn progress(&self) -> Progress {
        let mut progress = Progress::default();
        let mut goes_on = false;
        for entry in self.backlog.iter() {
            let end = entry.offset.saturating_add(1);
            let finished = matches!(entry.state, State::Finished);
            match progress.finished.last_mut().filter(|_| goes_on && finished) {
                // Offsets between two finished messages have no message.
                Some(range) => range.end = end,
                None if finished => progress.finished.push(entry.offset..end),
                None => progress.tried.extend(entry.tried()),
            }
            goes_on = finished;
        }
        for range in self.inherited.finished.iter().filter(|r| !r.is_empty()) {
            match progress.finished.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => progress.finished.push(range.clone()),
            }
        }
        progress.tried.extend(&self.inherited.tried);
        progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    /// A partition that has fetched these.
    fn fetched(checkpoint: &Checkpoint, offsets: &[Offset]) -> Partition {
        let mut partition = Partition::new(crate::policy::example(), checkpoint);
        let arrivals = offsets.iter().map(|offset| Arrival {
            offset: *offset,
            bytes: 1,
            key: None,
        });
        let event = Event::Fetched(arrivals.collect());
        partition.handle(Duration::ZERO, event, &mut Vec::new());
        partition
    }

    #[test]
    fn distances_may_double_before_the_room_is_counted_anew() {
        let near = fetched(&Checkpoint::at(10), &[10, 72]);
        assert_eq!(near.metadata_room(), (764, 10 + 128), "126: one digit");
        let far = fetched(&Checkpoint::at(10), &[10, 73]);
        assert_eq!(far.metadata_room(), (382, 10 + 16_384), "128: two digits");
    }

    #[test]
    fn what_an_earlier_owner_finished_further_on_counts_too() {
        let progress = Progress {
            finished: vec![20..30, 100..110],
            tried: Vec::new(),
        };
        let checkpoint = Checkpoint {
            next: 10,
            metadata: progress.metadata(10, 4096).metadata,
        };
        let partition = fetched(&checkpoint, &[10]);
        assert_eq!(partition.metadata_room(), (381, 10 + 16_384));
    }
}

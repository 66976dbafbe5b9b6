//! The messages of a partition that the driver keeps, in the order of their offsets.
//!
//! Invariant: offsets rise strictly, and the watermark falls only when a transaction is aborted. Offsets have gaps (compaction,
//! transaction markers), so the watermark is the lowest message that is there and not finished,
//! never "the last one plus one" while something is held (delivery rule 1).

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use pelton_types::Offset;

use super::entry::{Entry, State};

/// The messages that are fetched and not yet released.
#[derive(Debug)]
pub(super) struct Backlog {
    entries: VecDeque<Entry>,
    /// Every entry before this index is finished, and the one at it is not: it stands at the watermark.
    finished: usize,
    /// Every entry before this index is decided. It only makes finding the first undecided one cheap.
    decided: usize,
    bytes: u64,
    /// Messages that wait for their next attempt, by when it is due.
    retries: BTreeSet<(Duration, Offset)>,
    position: Offset,
    /// Above every message that was begun.
    begun: Offset,
}

impl Backlog {
    pub fn new(start: Offset) -> Self {
        Self {
            entries: VecDeque::new(),
            finished: 0,
            decided: 0,
            bytes: 0,
            retries: BTreeSet::new(),
            position: start,
            begun: start,
        }
    }

    /// Appends a message that stands at the position or above.
    pub fn push(&mut self, entry: Entry) {
        self.position = entry.offset.saturating_add(1);
        self.bytes += u64::from(entry.bytes);
        if matches!(entry.state, State::Retrying) {
            self.retries.insert((entry.due, entry.offset));
        }
        if !matches!(entry.state, State::Queued) {
            self.begun = self.position;
        }
        self.entries.push_back(entry);
    }

    pub fn get_mut(&mut self, offset: Offset) -> Option<&mut Entry> {
        let index = self.position_of(offset)?;
        self.entries.get_mut(index)
    }

    fn position_of(&self, offset: Offset) -> Option<usize> {
        let at = |index: usize| self.entries.get(index).map(|entry| entry.offset);
        // Most offsets follow one another, so that the first one tells where the others are.
        let guess = usize::try_from(offset.checked_sub(at(0)?)?).ok()?;
        if at(guess) == Some(offset) {
            return Some(guess);
        }
        let found = |entry: &Entry| entry.offset;
        self.entries.binary_search_by_key(&offset, found).ok()
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

    /// A message waits for its next attempt from now on.
    pub fn wait_for_retry(&mut self, offset: Offset, due: Duration) {
        if let Some(entry) = self.get_mut(offset) {
            entry.state = State::Retrying;
            entry.due = due;
            self.retries.insert((due, offset));
        }
    }

    /// Messages were taken for calls, those among them that waited for a retry as told.
    pub fn began(&mut self, highest: Offset, retries: &[(Duration, Offset)]) {
        self.begun = self.begun.max(highest.saturating_add(1));
        for retry in retries {
            self.retries.remove(retry);
        }
    }

    /// Finds the watermark anew, which has risen if anything.
    pub fn raise_watermark(&mut self) {
        self.finished += self
            .entries
            .iter()
            .skip(self.finished)
            .take_while(|entry| matches!(entry.state, State::Finished))
            .count();
    }

    /// Forgets the messages below this offset, none of which is at the watermark or above.
    pub fn forget(&mut self, below: Offset) {
        while self.finished > 0
            && let Some(entry) = self.entries.pop_front_if(|entry| entry.offset < below)
        {
            self.bytes -= u64::from(entry.bytes);
            self.finished -= 1;
            self.decided = self.decided.saturating_sub(1);
        }
    }

    /// Every message that is kept, for its state to be set anew: finished and decided ones are found again after it.
    pub fn rewind(&mut self) -> impl Iterator<Item = &mut Entry> {
        (self.finished, self.decided) = (0, 0);
        self.entries.iter_mut()
    }

    /// Every message that is kept.
    pub fn kept(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut()
    }

    /// The messages from the watermark on.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.range(self.finished..)
    }

    /// The lowest offset that is not finished. Exact only after [`Self::raise_watermark`].
    pub fn watermark(&self) -> Offset {
        self.entries
            .get(self.finished)
            .map_or(self.position, |entry| entry.offset)
    }

    /// The next offset to be fetched.
    pub fn position(&self) -> Offset {
        self.position
    }

    /// Above every message that was begun.
    pub fn begun(&self) -> Offset {
        self.begun
    }

    /// How many messages wait for their next attempt.
    pub fn retrying(&self) -> usize {
        self.retries.len()
    }

    /// Whether a retry is due.
    pub fn has_due_retry(&self, now: Duration) -> bool {
        self.retries.first().is_some_and(|(due, _)| *due <= now)
    }

    /// When the next retry is due that isn't yet.
    pub fn next_retry(&self, now: Duration) -> Option<Duration> {
        self.retries
            .range((now, Offset::MAX)..)
            .map(|(due, _)| *due)
            .next()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

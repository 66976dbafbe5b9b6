//! Whether a partition moves, and where it stands if it does not: the judgement of the stall watchdog. Pure.
//!
//! A partition moves when its watermark or its committed offset rises. One that has something to do and does
//! not move for `after` has stalled, whatever the reason: also a retry that is not due yet keeps messages.
//!
//! Invariant: a stall begins once and is over once; in between it is the same stall, wherever it stands.

mod place;

use std::time::Duration;

use pelton_dispatch::Snapshot;
use pelton_kafka::End;
use pelton_types::Offset;

use self::place::describe;
pub(crate) use self::place::{Place, waits_at};

/// What is known of a partition at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub snapshot: &'a Snapshot,
    /// Where the partition ends, once that is known.
    pub end: Option<End>,
    pub now: Duration,
}

/// A partition that does not move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stall {
    pub place: Place,
    /// What it waits for, in words.
    pub at: String,
    /// For how long it has not moved.
    pub lasted: Duration,
}

/// What an observation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    /// It moves, or there is nothing to do.
    Fine,
    /// It has stalled just now.
    Began(Stall),
    /// It has not moved yet.
    Lasts(Stall),
    /// It moves again, or there is nothing to do any more.
    Over { lasted: Duration },
}

/// The watch over one assigned partition, for as long as it is assigned.
#[derive(Debug)]
pub(crate) struct Watch {
    /// How long it may stand still.
    after: Duration,
    /// How long a finished message may wait for its commit.
    commit_after: Duration,
    watermark: Offset,
    committed: Offset,
    holds: bool,
    /// Since when messages wait and none is finished.
    works_since: Option<Duration>,
    /// Since when finished messages wait and nothing is committed.
    commits_since: Option<Duration>,
    /// Since when it has stalled, as was said.
    stalled_since: Option<Duration>,
}

impl Watch {
    pub(crate) fn new(after: Duration, commit_interval: Duration) -> Self {
        Self {
            after,
            commit_after: after.saturating_add(commit_interval),
            watermark: Offset::MIN,
            committed: Offset::MIN,
            holds: false,
            works_since: None,
            commits_since: None,
            stalled_since: None,
        }
    }

    /// Takes in how things stand; about once a second.
    pub(crate) fn observe(&mut self, seen: Seen<'_>) -> Observed {
        let Seen { snapshot, now, .. } = seen;
        let place = waits_at(seen);
        let holds = snapshot.oldest.is_some();
        // With its first message a partition that only fetched has moved, though its watermark has not.
        let moved = snapshot.watermark > self.watermark || (holds && !self.holds);
        wait(&mut self.works_since, place.is_some(), moved, now);
        let uncommitted = !snapshot.draining && snapshot.watermark > snapshot.committed;
        let committed = snapshot.committed > self.committed;
        wait(&mut self.commits_since, uncommitted, committed, now);
        self.watermark = snapshot.watermark;
        self.committed = snapshot.committed;
        self.holds = holds;
        let too_long = |since: Option<Duration>, after: Duration| {
            since.filter(|since| now.saturating_sub(*since) >= after)
        };
        let stands = match (place, too_long(self.works_since, self.after)) {
            (Some(place), Some(since)) => Some((place, since)),
            _ => too_long(self.commits_since, self.commit_after)
                .map(|since| (Place::Committing, since)),
        };
        self.conclude(seen, stands)
    }

    fn conclude(&mut self, seen: Seen<'_>, stands: Option<(Place, Duration)>) -> Observed {
        let lasted = |since: Duration| seen.now.saturating_sub(since);
        let Some((place, since)) = stands else {
            return match self.stalled_since.take() {
                None => Observed::Fine,
                // It has stopped for good, which is told as such.
                Some(_) if seen.snapshot.halted => Observed::Fine,
                Some(since) => Observed::Over {
                    lasted: lasted(since),
                },
            };
        };
        let began = self.stalled_since.is_none();
        let since = *self.stalled_since.get_or_insert(since);
        let stall = Stall {
            place,
            at: describe(seen, place),
            lasted: lasted(since),
        };
        match began {
            true => Observed::Began(stall),
            false => Observed::Lasts(stall),
        }
    }
}

/// Keeps the time since when something waits; it begins anew whenever something moved.
fn wait(since: &mut Option<Duration>, waits: bool, moved: bool, now: Duration) {
    match waits {
        false => *since = None,
        true if moved => *since = Some(now),
        true => {
            since.get_or_insert(now);
        }
    }
}

#[cfg(test)]
mod tests;

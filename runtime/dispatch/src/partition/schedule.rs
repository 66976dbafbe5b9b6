//! Which messages are called next.
//!
//! Invariant: a message is called only when every message of its lane before it is decided, or stands before
//! it in the same call. What can't be called holds up its own lane and no other.

use std::time::Duration;

use pelton_types::Offset;

use super::{
    backlog::Backlog,
    entry::{Entry, State},
    lane::{Closed, Lane},
};
use crate::{Attempt, Order};

/// What there is room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Calls that may begin.
    pub calls: usize,
    /// Messages in one call.
    pub messages: usize,
    /// Bytes in one call of more than one message.
    pub bytes: u32,
    /// Messages that may be begun, besides retries. The lowest unfinished one may be in any case.
    pub begin: usize,
    /// Only messages below this offset may be called.
    pub below: Offset,
}

/// A call to begin; its messages are marked as being called.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub messages: Vec<Attempt>,
    /// On a fresh instance: a message under suspicion is called alone on one (rule 40).
    pub fresh: bool,
    /// By the revision before: such a message is a suspect, so it is alone too.
    pub fallback: bool,
    bytes: u64,
    lanes: Vec<Lane>,
}

/// Goes through the undecided messages once, in the order of their offsets.
struct Choice {
    order: Order,
    now: Duration,
    room: Room,
    watermark: Offset,
    /// A retry may be begun, whatever is in flight.
    retries_due: bool,
    closed: Closed,
    calls: Vec<Chosen>,
    current: Chosen,
    retries: Vec<(Duration, Offset)>,
}

/// The calls that can begin now.
pub(super) fn choose(
    backlog: &mut Backlog,
    order: Order,
    now: Duration,
    room: Room,
) -> Vec<Chosen> {
    let mut choice = Choice {
        order,
        now,
        room,
        watermark: backlog.watermark(),
        retries_due: backlog.has_due_retry(now),
        closed: Closed::default(),
        calls: Vec::new(),
        current: Chosen::default(),
        retries: Vec::new(),
    };
    for entry in backlog.undecided() {
        if entry.offset >= room.below || choice.is_over(entry) {
            break;
        }
        choice.consider(entry);
    }
    choice.begin_call();
    let highest = choice
        .calls
        .iter()
        .flat_map(|call| &call.messages)
        .map(|attempt| attempt.offset)
        .max();
    if let Some(highest) = highest {
        backlog.began(highest, &choice.retries);
    }
    choice.calls
}

impl Choice {
    fn is_full(&self) -> bool {
        self.calls.len() >= self.room.calls
    }

    /// Nothing can be called from this message on.
    fn is_over(&self, entry: &Entry) -> bool {
        let exhausted = self.room.begin == 0 && !self.retries_due && entry.offset != self.watermark;
        exhausted || self.is_full() || self.closed.all()
    }

    fn consider(&mut self, entry: &mut Entry) {
        if entry.is_decided() {
            return;
        }
        let lane = Lane::of(self.order, entry);
        if self.closed.contains(lane) {
            return;
        }
        if !self.may_begin(entry) {
            self.closed.close(lane);
            return;
        }
        if !self.current.messages.is_empty() && !self.fits(entry) {
            self.begin_call();
            if self.is_full() || self.closed.contains(lane) {
                return;
            }
        }
        self.take(entry, lane);
        if entry.suspect {
            self.begin_call();
        }
    }

    /// Whether its time has come, and there is room for a further message in flight.
    fn may_begin(&self, entry: &Entry) -> bool {
        match entry.state {
            State::Queued => self.room.begin > 0 || entry.offset == self.watermark,
            State::Retrying => entry.due <= self.now,
            State::Calling
            | State::Held
            | State::Producing
            | State::Doomed
            | State::LetterHeld(_)
            | State::DeadLettering(_)
            | State::LetterWaiting(_)
            | State::Halted
            | State::Finished => false,
        }
    }

    fn fits(&self, entry: &Entry) -> bool {
        self.current.messages.len() < self.room.messages
            && self.current.bytes + u64::from(entry.bytes) <= u64::from(self.room.bytes)
            && !entry.suspect
    }

    fn take(&mut self, entry: &mut Entry, lane: Lane) {
        match entry.state {
            State::Retrying => self.retries.push((entry.due, entry.offset)),
            _ => self.room.begin = self.room.begin.saturating_sub(1),
        }
        entry.state = State::Calling;
        self.current.messages.push(Attempt {
            offset: entry.offset,
            attempt: entry.attempts + 1,
        });
        self.current.bytes += u64::from(entry.bytes);
        self.current.fresh = entry.suspect;
        self.current.fallback = entry.fallback;
        self.current.lanes.push(lane);
    }

    /// The messages taken so far make a call; what follows in their lanes waits for it.
    fn begin_call(&mut self) {
        let call = std::mem::take(&mut self.current);
        if !call.messages.is_empty() {
            call.lanes.iter().for_each(|lane| self.closed.close(*lane));
            self.calls.push(call);
        }
    }
}

//! One message in the backlog and how far it has come.
//!
//! Invariant: a message that is decided (its handler's part is over) never becomes undecided again,
//! and a finished one never changes, unless the transaction that holds it is aborted.

use std::time::Duration;

use pelton_types::{Failure, Offset};

use crate::{Arrival, Tried};

/// How far a message has come, as people are shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits to be called.
    Queued,
    /// It is part of a call under way.
    Calling,
    /// An attempt failed; the next one waits for its time.
    Retrying {
        /// When the next attempt is due.
        due: Duration,
    },
    /// Its outputs are being produced.
    Producing,
    /// Its dead letter is being written, or was refused and waits to be written again.
    DeadLettering,
    /// It ended the partition's work.
    Halted,
}

/// A message between its arrival and its release.
#[derive(Debug)]
pub(super) struct Entry {
    pub offset: Offset,
    pub bytes: u32,
    /// A hash of its key; `None` for a null key.
    pub key: Option<u64>,
    /// Attempts that count.
    pub attempts: u32,
    /// When the attempt that follows the last failure was or is due.
    pub due: Duration,
    /// It may have broken an instance: it is called alone, on a fresh one, from now on (rule 40).
    pub suspect: bool,
    /// Its attempts are used up, and the revision before the one that runs has its own.
    pub fallback: bool,
    /// Calls in a row that began with this message and never came to it.
    pub passed_over: u32,
    /// Why it has ended for good, where a transaction may undo that: it isn't called again.
    pub doomed: Option<Box<Failure>>,
    /// Whether a transaction told that it is finished.
    pub told: Told,
    pub state: State,
}

/// There is one for each message that is held: what few of them have is boxed.
const _: () = assert!(size_of::<Entry>() <= 96);

/// How far it is known that a message is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// By this member alone.
    Not,
    /// In the transaction that is being committed.
    Sealed,
    /// It is committed.
    Committed,
}

/// How far a message has come.
#[derive(Debug)]
pub(super) enum State {
    Queued,
    Calling,
    /// Until it is due.
    Retrying,
    /// Its outputs wait for the next transaction.
    Held,
    Producing,
    /// Its outputs were refused for good, and what there is of them goes with the transaction.
    Doomed,
    /// Its dead letter waits for the next transaction.
    LetterHeld(Letter),
    DeadLettering(Letter),
    LetterWaiting(Letter),
    Halted,
    Finished,
}

/// Why a message is dead-lettered, and how often writing it was refused.
#[derive(Debug)]
pub(super) struct Letter {
    pub failure: Box<Failure>,
    pub refusals: u32,
}

impl Entry {
    pub fn new(arrival: &Arrival) -> Self {
        Self {
            offset: arrival.offset,
            bytes: arrival.bytes,
            key: arrival.key,
            attempts: 0,
            due: Duration::ZERO,
            suspect: false,
            fallback: false,
            passed_over: 0,
            doomed: None,
            told: Told::Not,
            state: State::Queued,
        }
    }

    /// Whether the handler's part is over, so that in partition order later messages may be called.
    pub fn is_decided(&self) -> bool {
        match self.state {
            State::Queued | State::Calling | State::Retrying => false,
            State::Held
            | State::Producing
            | State::Doomed
            | State::LetterHeld(_)
            | State::DeadLettering(_)
            | State::LetterWaiting(_)
            | State::Halted
            | State::Finished => true,
        }
    }

    /// Whether its handler, or the broker, may have done something that isn't known yet.
    pub fn is_in_doubt(&self) -> bool {
        matches!(
            self.state,
            State::Calling
                | State::Held
                | State::Producing
                | State::Doomed
                | State::LetterHeld(_)
                | State::DeadLettering(_)
        )
    }

    /// Whether it waits for a transaction to end or to begin.
    pub fn is_held(&self) -> bool {
        matches!(
            self.state,
            State::Held | State::Doomed | State::LetterHeld(_)
        )
    }

    /// What the next owner should know of its failed attempts.
    pub fn tried(&self) -> Option<Tried> {
        if matches!(self.state, State::Held | State::Producing | State::Finished) {
            return None;
        }
        // Rounded up: a retry is never early.
        let due = Duration::from_millis(
            u64::try_from(self.due.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX),
        );
        (self.attempts > 0).then_some(Tried {
            offset: self.offset,
            attempts: self.attempts,
            due,
        })
    }

    /// What people are shown; `None` once finished.
    pub fn stage(&self) -> Option<Stage> {
        match self.state {
            State::Queued => Some(Stage::Queued),
            State::Calling => Some(Stage::Calling),
            State::Retrying => Some(Stage::Retrying { due: self.due }),
            State::Held | State::Producing | State::Doomed => Some(Stage::Producing),
            State::LetterHeld(_) | State::DeadLettering(_) | State::LetterWaiting(_) => {
                Some(Stage::DeadLettering)
            }
            State::Halted => Some(Stage::Halted),
            State::Finished => None,
        }
    }
}

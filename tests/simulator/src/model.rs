//! What may happen to one partition's machine, and what it must and must not command.
//!
//! The model knows nothing of how the machine works. It keeps the history of each message as the
//! delivery rules speak of it, and judges every step three times: could this event come at all, after what
//! was commanded (`environment`); was each command allowed, and owed (`commands`); and is nothing left
//! undone that could have been done (`settle`). The simulator and the replayer of recordings use the same
//! model, so what a real broker does and what is simulated can't drift apart unnoticed.

mod commands;
mod environment;
mod settle;

use std::{collections::BTreeMap, time::Duration};

use pelton_dispatch::{CallId, Command, Event, Policy, Snapshot};
use pelton_types::{Failure, Offset};

/// Something that must not be, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err(crate::model::Violation(format!($($why)+)));
        }
    };
}
pub(crate) use ensure;

/// Calls in a row that may begin with a message without coming to it.
const PASSED_OVER_LIMIT: u32 = 16;
/// The least time before something that was refused or failed at the broker is tried again.
const RETRY_FLOOR: Duration = Duration::from_millis(100);

/// The history of one assigned partition.
#[derive(Clone, Debug)]
pub struct Model {
    policy: Policy,
    now: Duration,
    /// Messages from the watermark on.
    messages: BTreeMap<Offset, Known>,
    bytes: u64,
    /// What was fetched, also while draining.
    fetched: Offset,
    /// The next offset after what the machine took in.
    position: Offset,
    released: Offset,
    committed: Offset,
    commit: Option<Offset>,
    /// The earliest time of the next commit.
    commit_at: Duration,
    call: Option<Called>,
    /// A call that was cancelled may still answer, once.
    cancelled: Option<(CallId, usize)>,
    next_call: u64,
    timer: Option<Duration>,
    paused: bool,
    halted: bool,
    drain: Option<Duration>,
    end: End,
}

/// How far the assignment has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotYet,
    /// `Lost` has come in this step: a call may be cancelled.
    Losing,
    /// Nothing more may be commanded.
    Over,
}

/// The call under way.
#[derive(Clone, Debug)]
struct Called {
    call: CallId,
    offsets: Vec<Offset>,
    fresh: bool,
    curtailed: bool,
}

/// One message's history.
#[derive(Clone, Debug)]
struct Known {
    bytes: u32,
    attempts: u32,
    suspect: bool,
    passed_over: u32,
    fate: Fate,
}

/// Where a message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It may be called from this time on.
    Open { due: Duration },
    /// It is being called.
    Called,
    /// The handler succeeded; its outputs are to be produced in this step.
    OweProduce,
    /// An attempt failed; that is to be said in this step.
    OweRetry(Failure),
    /// Its end is to be commanded in this step.
    OweEnd(Failure),
    /// Its outputs are being written.
    Producing,
    /// Its dead letter is being written.
    Lettering(Failure),
    /// Its dead letter was refused at this time.
    LetterRefused { failure: Failure, at: Duration },
    /// It ended the partition's work.
    Halted,
    /// It is finished.
    Finished,
}

impl Known {
    fn is_undecided(&self) -> bool {
        matches!(
            self.fate,
            Fate::Open { .. } | Fate::Called | Fate::OweRetry(_)
        )
    }

    fn is_begun(&self) -> bool {
        self.attempts > 0 || self.suspect || !matches!(self.fate, Fate::Open { .. })
    }

    fn is_in_delivery(&self) -> bool {
        matches!(self.fate, Fate::Producing | Fate::Lettering(_))
    }
}

impl Model {
    /// A partition that was assigned at `start`, where `start` is committed.
    pub fn new(policy: Policy, start: Offset) -> Self {
        Self {
            policy,
            now: Duration::ZERO,
            messages: BTreeMap::new(),
            bytes: 0,
            fetched: start,
            position: start,
            released: start,
            committed: start,
            commit: None,
            commit_at: Duration::ZERO,
            call: None,
            cancelled: None,
            next_call: 0,
            timer: None,
            paused: false,
            halted: false,
            drain: None,
            end: End::NotYet,
        }
    }

    /// Judges one event and everything that was commanded upon it.
    pub fn step(
        &mut self,
        at: Duration,
        event: &Event,
        commands: &[Command],
    ) -> Result<(), Violation> {
        self.allows(at, event)?;
        self.happened(at, event);
        commands
            .iter()
            .try_for_each(|command| self.observe(command))?;
        self.settle()
    }

    /// Whether the machine says of itself what the history says.
    pub fn agrees(&self, snapshot: &Snapshot) -> Result<(), Violation> {
        if self.end != End::NotYet {
            return Ok(());
        }
        let told = (snapshot.position, snapshot.watermark, snapshot.committed);
        let known = (self.position, self.watermark(), self.committed);
        ensure!(
            told == known,
            "snapshot says position, watermark, committed {told:?}, but it is {known:?}"
        );
        let told = (
            snapshot.messages,
            snapshot.bytes,
            snapshot.paused,
            snapshot.halted,
        );
        let known = (self.messages.len(), self.bytes, self.paused, self.halted);
        ensure!(
            told == known,
            "snapshot says messages, bytes, paused, halted {told:?}, but it is {known:?}"
        );
        let told = (
            snapshot.in_delivery,
            snapshot.oldest.map(|oldest| oldest.offset),
        );
        let in_delivery = self
            .messages
            .values()
            .filter(|known| known.is_in_delivery())
            .count();
        let known = (
            in_delivery,
            self.messages.first_key_value().map(|(offset, _)| *offset),
        );
        ensure!(
            told == known,
            "snapshot says in delivery, oldest {told:?}, but it is {known:?}"
        );
        Ok(())
    }

    /// The lowest offset that is not finished.
    pub fn watermark(&self) -> Offset {
        self.messages
            .first_key_value()
            .map_or(self.position, |(offset, _)| *offset)
    }

    /// Whether the assignment has ended.
    pub fn is_over(&self) -> bool {
        self.end != End::NotYet
    }

    /// Whether a drain has begun.
    pub fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    fn forget_finished(&mut self) {
        while let Some(entry) = self
            .messages
            .first_entry()
            .filter(|e| e.get().fate == Fate::Finished)
        {
            self.bytes -= u64::from(entry.remove().bytes);
        }
    }
}

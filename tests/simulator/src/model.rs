//! What may happen to one partition's machine, and what it must and must not command.
//!
//! The model knows nothing of how the machine works. It keeps the history of each message as the
//! delivery rules speak of it, and judges every step three times: could this event come at all, after what
//! was commanded (`environment`); was each command allowed, and owed (`commands`); and is nothing left
//! undone that could have been done (`settle`). The simulator and the replayer of recordings use the same
//! model, so what a real broker does and what is simulated can't drift apart unnoticed.

mod calls;
mod commands;
mod environment;
mod progress;
mod settle;
mod transaction;

use std::{collections::BTreeMap, time::Duration};

use pelton_dispatch::{CallId, Checkpoint, Command, Event, Order, Policy, Progress, Snapshot};
use pelton_types::{Failure, Offset};

use self::transaction::{Part, Told};

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
    /// Messages from the watermark on; exactly-once, from the committed offset on.
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
    /// Something finished, failed or rose that no commit under way or acknowledged tells.
    news: bool,
    /// What an earlier owner told, from the position on.
    inherited: Progress,
    /// Above every message that was begun, by this owner or an earlier one.
    begun: Offset,
    crowded: Crowded,
    calls: Vec<Called>,
    /// Calls that were cancelled may still answer, once.
    cancelled: Vec<(CallId, usize)>,
    waiting: Waiting,
    /// The part in a member's transaction, exactly-once.
    part: Option<Part>,
    /// The highest that the watermark ever was.
    risen: Offset,
    /// The byte limit for pausing.
    buffer_bytes: u32,
    next_call: u64,
    timer: Option<Duration>,
    paused: bool,
    /// An operator has paused it.
    suspended: bool,
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

/// Whether the last commit could not tell everything, so that nothing beyond what was begun may be called.
/// The machine looks at it again when it has a call free, which is not always certain from outside.
#[derive(Clone, Copy, Debug, Default)]
struct Crowded {
    surely: bool,
    perhaps: bool,
    /// Below which offsets something may be called in this step, and below which it must be.
    looked: Option<(Offset, Offset)>,
}

/// What is known of the handler: whether it spends its time waiting.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    /// Some call waited for more than half of its time.
    once: bool,
    /// Some call clearly did not.
    not_always: bool,
}

/// Messages that wait for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lane {
    All,
    Key(u64),
    Own(Offset),
}

/// A call under way.
#[derive(Clone, Debug)]
struct Called {
    call: CallId,
    offsets: Vec<Offset>,
    fresh: bool,
    /// Another revision is used since it began.
    outdated: bool,
    curtailed: bool,
}

/// One message's history.
#[derive(Clone, Debug)]
struct Known {
    bytes: u32,
    key: Option<u64>,
    attempts: u32,
    /// When the attempt after the last failure was or is due.
    due: Duration,
    suspect: bool,
    /// It is for the revision before the one that runs.
    fallback: bool,
    passed_over: u32,
    /// Why it has ended for good, where a transaction may undo that: it isn't called again.
    doomed: Option<Failure>,
    told: Told,
    fate: Fate,
}

/// Where a message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It may be called.
    Queued,
    /// An attempt failed, and the next one may be made from this time on.
    Retrying { due: Duration },
    /// It is being called.
    Called,
    /// The handler succeeded; its outputs are to be produced in this step.
    OweProduce,
    /// The handler succeeded; its outputs are to be kept, which is to be said in this step.
    OweHold,
    /// An attempt failed; that is to be said in this step.
    OweRetry(Failure),
    /// Its attempts are used up and the revision before is asked; that is to be said in this step.
    OweFallBack(Failure),
    /// Its end is to be commanded in this step.
    OweEnd(Failure),
    /// Its outputs wait for the next transaction.
    Held,
    /// Its outputs were refused, and what there is of them goes with the transaction.
    Doomed(Failure),
    /// Its dead letter waits for the next transaction.
    LetterHeld(Failure),
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
            Fate::Queued
                | Fate::Retrying { .. }
                | Fate::Called
                | Fate::OweRetry(_)
                | Fate::OweFallBack(_)
        )
    }

    /// Begun, and neither finished nor back in the queue.
    fn is_in_flight(&self) -> bool {
        match self.fate {
            Fate::Queued | Fate::Halted | Fate::Finished => false,
            Fate::Retrying { .. }
            | Fate::Called
            | Fate::Held
            | Fate::Doomed(_)
            | Fate::LetterHeld(_)
            | Fate::OweHold
            | Fate::OweProduce
            | Fate::OweRetry(_)
            | Fate::OweFallBack(_)
            | Fate::OweEnd(_)
            | Fate::Producing
            | Fate::Lettering(_)
            | Fate::LetterRefused { .. } => true,
        }
    }

    /// What it or the broker did is not known: the next owner may repeat it.
    fn is_in_doubt(&self) -> bool {
        self.is_in_delivery() || self.awaits_transaction() || self.fate == Fate::Called
    }

    /// It waits for a transaction to end or to begin.
    fn awaits_transaction(&self) -> bool {
        matches!(
            self.fate,
            Fate::Held | Fate::Doomed(_) | Fate::LetterHeld(_)
        )
    }

    fn is_in_delivery(&self) -> bool {
        matches!(self.fate, Fate::Producing | Fate::Lettering(_))
    }
}

impl Model {
    /// A partition that was assigned at `start.next`, where `start` is committed.
    /// Metadata that is another program's, or damaged, counts as none.
    pub fn new(policy: Policy, start: &Checkpoint) -> Self {
        let inherited = start.progress().unwrap_or_default();
        let start = start.next;
        Self {
            buffer_bytes: policy.buffer_bytes,
            part: Part::of(policy.guarantee),
            risen: start,
            policy,
            news: false,
            inherited,
            begun: start,
            crowded: Crowded::default(),
            waiting: Waiting::default(),
            now: Duration::ZERO,
            messages: BTreeMap::new(),
            bytes: 0,
            fetched: start,
            position: start,
            released: start,
            committed: start,
            commit: None,
            commit_at: Duration::ZERO,
            calls: Vec::new(),
            cancelled: Vec::new(),
            next_call: 0,
            timer: None,
            paused: false,
            suspended: false,
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
        self.crowded.looked = None;
        self.happened(at, event);
        self.rises();
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
        let known = (
            self.count(Known::is_in_delivery),
            self.unfinished().map(|(offset, _)| offset),
        );
        ensure!(
            told == known,
            "snapshot says in delivery, oldest {told:?}, but it is {known:?}"
        );
        let told = (
            snapshot.calling,
            snapshot.retrying,
            snapshot.dead_letters_waiting,
        );
        let known = (
            self.count(|known| known.fate == Fate::Called),
            self.count(|known| matches!(known.fate, Fate::Retrying { .. })),
            self.count(|known| matches!(known.fate, Fate::LetterRefused { .. })),
        );
        ensure!(
            told == known,
            "snapshot says calling, retrying, dead letters waiting {told:?}, but it is {known:?}"
        );
        ensure!(
            snapshot.suspended == self.suspended,
            "snapshot says suspended {}, but it is {}",
            snapshot.suspended,
            self.suspended
        );
        let crowded = snapshot.crowded;
        ensure!(
            crowded || !self.crowded.surely,
            "snapshot says that everything fits into the metadata, which it doesn't"
        );
        ensure!(
            !crowded || self.crowded.perhaps,
            "snapshot says that not everything fits into the metadata, which it does"
        );
        Ok(())
    }

    fn count(&self, of: impl Fn(&Known) -> bool) -> usize {
        self.messages.values().filter(|known| of(known)).count()
    }

    fn lane(&self, offset: Offset, known: &Known) -> Lane {
        match (self.policy.order, known.key) {
            (Order::Partition, _) => Lane::All,
            (Order::Key, Some(key)) => Lane::Key(key),
            (Order::Key, None) | (Order::None, _) => Lane::Own(offset),
        }
    }

    /// The lowest offset that is not finished.
    pub fn watermark(&self) -> Offset {
        self.unfinished()
            .map_or(self.position, |(offset, _)| offset)
    }

    /// The lowest message that is not finished.
    fn unfinished(&self) -> Option<(Offset, &Known)> {
        self.messages
            .iter()
            .map(|(offset, known)| (*offset, known))
            .find(|(_, known)| known.fate != Fate::Finished)
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
        if self.part.is_some() {
            return;
        }
        while let Some(entry) = self
            .messages
            .first_entry()
            .filter(|e| e.get().fate == Fate::Finished)
        {
            self.bytes -= u64::from(entry.remove().bytes);
        }
    }
}

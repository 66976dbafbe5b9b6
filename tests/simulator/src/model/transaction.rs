//! A partition's part in its member's transaction, where the guarantee is exactly-once.
//!
//! Nothing is handed over but into an open transaction; a checkpoint is given once it is asked for, when all that was
//! handed over is acknowledged; nothing is released before it is committed; and an abort makes everything as it was at
//! the last commit, but for what is known of failed attempts.

mod commands;

use pelton_dispatch::{Guarantee, OnExhausted, Order, Outcome};
use pelton_types::{Failure, Offset};

use super::{End, Fate, Known, Model, Violation, ensure};

/// Metadata of this size tells of any messages as long as there are no more than so many.
const PLENTY: (u32, usize) = (4096, 200);

/// How far the present transaction has come, as this partition has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Closed,
    Open,
    /// The checkpoint is asked for.
    Closing,
}

/// How far it is known that a message is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Not,
    Sealed,
    Committed,
}

/// The part in the present transaction.
#[derive(Clone, Debug)]
pub(super) struct Part {
    gate: Gate,
    /// What the transaction that is being ended commits.
    sealed: Option<Offset>,
    /// It can't be committed, as far as this partition knows.
    spoiled: bool,
    /// For which message that is to be said in this step.
    owes_spoil: Option<Offset>,
    /// Messages and bytes that take part, and are to be told of in this step.
    joined: (u32, u64),
    /// Messages and bytes that take part.
    taking_part: (u32, u64),
    /// It was told that there is something to commit.
    told: bool,
    /// Calls that the abort in this step made void, and that are not cancelled yet.
    void: usize,
}

impl Part {
    pub fn of(guarantee: Guarantee) -> Option<Self> {
        (guarantee == Guarantee::ExactlyOnce).then_some(Self {
            gate: Gate::Closed,
            sealed: None,
            spoiled: false,
            owes_spoil: None,
            joined: (0, 0),
            taking_part: (0, 0),
            told: false,
            void: 0,
        })
    }
}

/// What may happen, and what it means.
impl Model {
    fn part(&self) -> Result<&Part, Violation> {
        let none = || Violation("there is no transaction".to_owned());
        self.part.as_ref().ok_or_else(none)
    }

    pub(super) fn allows_seal(&self) -> Result<(), Violation> {
        let gate = self.part()?.gate;
        ensure!(
            gate == Gate::Open || self.is_over(),
            "asked to seal while {gate:?}"
        );
        Ok(())
    }

    pub(super) fn allows_end(&self, outcome: Outcome) -> Result<(), Violation> {
        let gate = self.part()?.gate;
        ensure!(
            outcome == Outcome::Aborted || gate == Gate::Closed || self.is_over(),
            "a commit of what is not sealed, but {gate:?}"
        );
        Ok(())
    }

    pub(super) fn seals(&mut self) {
        if let Some(part) = &mut self.part {
            part.gate = Gate::Closing;
        }
    }

    pub(super) fn transaction_ended(&mut self, outcome: Outcome) {
        let retrying = self.count(|known| matches!(known.fate, Fate::Retrying { .. })) > 0;
        let Some(part) = self.part.as_mut().filter(|_| self.end == End::NotYet) else {
            return;
        };
        part.gate = Gate::Open;
        part.spoiled = false;
        match (part.sealed.take(), outcome) {
            (sealed, Outcome::Committed) => {
                self.committed = sealed.unwrap_or(self.committed);
                for known in self.messages.values_mut() {
                    if known.told == Told::Sealed {
                        known.told = Told::Committed;
                    }
                }
            }
            (_, Outcome::Aborted) => {
                (part.joined, part.taking_part, part.told) = ((0, 0), (0, 0), false);
                let mut called_again = false;
                for known in self.messages.values_mut() {
                    called_again |= undo(known);
                }
                part.void = if called_again { self.calls.len() } else { 0 };
                self.news = retrying;
            }
        }
        for known in self.messages.values_mut() {
            known.fate = match std::mem::replace(&mut known.fate, Fate::Queued) {
                Fate::Held => Fate::OweProduce,
                Fate::LetterHeld(failure) | Fate::Doomed(failure) => Fate::OweEnd(failure),
                other => other,
            };
        }
    }

    /// Something of a message was refused that may be in the transaction. Returns whether there is one.
    pub(super) fn spoils(&mut self, offset: Offset) -> bool {
        if let Some(part) = &mut self.part {
            part.spoiled = true;
            part.owes_spoil = Some(offset);
        }
        self.part.is_some()
    }

    /// A message is to end as configured; its dead letter only in a transaction.
    pub(super) fn ends(&mut self, offset: Offset, failure: &Failure) {
        let kept = !self.is_open() && self.policy.on_exhausted == OnExhausted::DeadLetter;
        let stays = self.part.is_some() && self.policy.on_exhausted != OnExhausted::Stop;
        if let Some(known) = self.messages.get_mut(&offset) {
            if stays {
                known.doomed = Some(failure.clone());
            }
            known.fate = match kept {
                true => Fate::LetterHeld(failure.clone()),
                false => Fate::OweEnd(failure.clone()),
            };
        }
    }

    /// A message takes part in the present transaction, or the next.
    pub(super) fn joins(&mut self, bytes: u32) {
        if let Some(part) = &mut self.part {
            part.joined.0 += 1;
            part.joined.1 += u64::from(bytes);
            part.taking_part.0 += 1;
            part.taking_part.1 += u64::from(bytes);
        }
    }

    /// Where the watermark stands higher than ever, that is something to commit.
    pub(super) fn rises(&mut self) {
        let watermark = self.watermark();
        if self.part.is_some() && !self.is_over() && watermark > self.risen {
            self.risen = watermark;
            self.news = true;
        }
    }

    /// Whether outputs may be handed over.
    pub(super) fn is_open(&self) -> bool {
        self.part
            .as_ref()
            .is_none_or(|part| part.gate == Gate::Open)
    }

    pub(super) fn is_spoiled(&self) -> bool {
        self.part.as_ref().is_none_or(|part| part.spoiled)
    }

    /// Below which offset messages are to be released.
    pub(super) fn releasable(&self) -> Offset {
        match self.part {
            None => self.watermark(),
            Some(_) => self.committed.max(self.released),
        }
    }

    pub(super) fn forget_committed(&mut self, below: Offset) {
        while let Some(entry) = self.messages.first_entry().filter(|e| *e.key() < below) {
            self.bytes -= u64::from(entry.remove().bytes);
        }
    }

    /// Below which offset messages are called: after a halt those before it alone, that an abort has undone, and only
    /// where all of them had been begun.
    pub(super) fn halts_at(&self) -> Offset {
        let halted = |(_, known): &(&Offset, &Known)| known.fate == Fate::Halted;
        match self.messages.iter().find(halted) {
            _ if !self.halted => Offset::MAX,
            Some((offset, _)) if self.goes_on() => *offset,
            _ => Offset::MIN,
        }
    }

    pub(super) fn goes_on(&self) -> bool {
        let halted = self.halted;
        !self.suspended && (!halted || self.part.is_some() && self.policy.order == Order::Partition)
    }

    /// Whether a checkpoint can tell of whatever may finish. Where it's close only the machine reckons it.
    pub(super) fn surely_tells_of_all(&self) -> bool {
        let letter = |known: &Known| matches!(known.fate, Fate::LetterRefused { .. });
        let in_order = self.policy.order == Order::Partition && self.count(letter) == 0;
        let plenty = self.policy.metadata_bytes >= PLENTY.0 && self.messages.len() <= PLENTY.1;
        self.part.is_none() || in_order || plenty
    }
}

/// Takes back what an aborted transaction held of a message; whether it has to be called again.
fn undo(known: &mut Known) -> bool {
    if known.told == Told::Committed {
        return false;
    }
    known.told = Told::Not;
    let doomed = known.doomed.clone();
    let (fate, again) = match (std::mem::replace(&mut known.fate, Fate::Queued), doomed) {
        (Fate::Lettering(failure), _) => (Fate::LetterHeld(failure), false),
        (Fate::Finished, Some(failure)) => (Fate::Doomed(failure), false),
        (Fate::Finished | Fate::Producing | Fate::Held, _) => (Fate::Queued, true),
        (other, _) => (other, false),
    };
    known.fate = fate;
    if again {
        known.attempts = known.attempts.saturating_sub(1);
    }
    again
}

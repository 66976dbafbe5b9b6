//! A partition's part in its member's transaction, where the guarantee is exactly-once.
//!
//! The transaction spans all partitions of a member, so the member decides when it ends (see
//! [`Member`](crate::Member)); here it is decided what goes into it. While the gate is open outputs are handed
//! over as they come. Once the member asks for the end, nothing further is: what handlers return meanwhile is
//! held, and goes into the next transaction.
//!
//! Invariants:
//! - when a partition is sealed, what its checkpoint calls finished since the last one is exactly what it
//!   handed over in this transaction, and all of that is acknowledged;
//! - nothing is released before it is committed, so an abort can always be redone from what is held;
//! - an abort costs no message an attempt, and a message whose outputs were refused for good is not produced
//!   again (delivery rules 24 and 30).

use pelton_types::{Failure, Offset};

use super::{
    Partition,
    entry::{Entry, State, Told},
};
use crate::{Checkpoint, Command, Guarantee, Order, Outcome};

/// How far the present transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// Outputs are handed over.
    Open,
    /// The member asked for the end; what was handed over is not all acknowledged.
    Closing,
    /// Nothing is handed over: the checkpoint is given, or no transaction has begun yet.
    Closed,
}

/// What the member knows of this partition.
#[derive(Debug)]
pub(super) struct Part {
    gate: Gate,
    /// Messages and bytes that take part and were not told of.
    messages: u32,
    bytes: u64,
    /// Messages that take part.
    taking_part: u32,
    /// Their bytes.
    taking_bytes: u64,
    /// The member was told that there is something to commit.
    told: bool,
    /// Messages held until the next transaction, or whose outputs were refused in this one.
    waiting: usize,
    /// A refusal means that this transaction can't be committed.
    spoiled: bool,
    /// Messages that may still finish before it must be counted anew how many the metadata can tell of.
    room: usize,
    /// The position up to which that holds.
    room_until: Offset,
}

impl Part {
    /// What a policy asks for.
    pub fn of(guarantee: Guarantee) -> Option<Self> {
        (guarantee == Guarantee::ExactlyOnce).then_some(Self {
            gate: Gate::Closed,
            messages: 0,
            bytes: 0,
            taking_part: 0,
            taking_bytes: 0,
            told: false,
            waiting: 0,
            spoiled: false,
            room: 0,
            room_until: 0,
        })
    }

    fn joins(&mut self, bytes: u32) {
        self.messages += 1;
        self.bytes += u64::from(bytes);
        self.taking_part += 1;
        self.taking_bytes += u64::from(bytes);
        self.room = self.room.saturating_sub(1);
    }
}

impl Partition {
    /// Whether outputs can be handed over now.
    pub(super) fn may_hand_over(&self) -> bool {
        self.part
            .as_ref()
            .is_none_or(|part| part.gate == Gate::Open)
    }

    /// A message takes part in the present transaction: it is finished, or its outputs are handed over.
    pub(super) fn takes_part(&mut self, bytes: u32) {
        if let Some(part) = &mut self.part {
            part.joins(bytes);
        }
    }

    /// A message is kept out of the present transaction.
    pub(super) fn holds(&mut self) {
        if let Some(part) = &mut self.part {
            part.waiting += 1;
        }
    }

    /// Whether something waits for a transaction to end or to begin.
    pub(super) fn awaits_transaction(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.waiting > 0)
    }

    /// Messages that wait for one.
    pub(super) fn held(&self) -> usize {
        self.part.as_ref().map_or(0, |part| part.waiting)
    }

    /// The member ends the transaction.
    pub(super) fn seal(&mut self) {
        if let Some(part) = self.part.as_mut().filter(|part| part.gate == Gate::Open) {
            part.gate = Gate::Closing;
        }
    }

    /// Something of a message that may be in the transaction was refused for good. Returns whether that is so.
    pub(super) fn spoil(
        &mut self,
        offset: Offset,
        failure: &Failure,
        commands: &mut Vec<Command>,
    ) -> bool {
        let Some(part) = &mut self.part else {
            return false;
        };
        part.spoiled = true;
        commands.push(Command::Spoil {
            offset,
            failure: failure.clone(),
        });
        true
    }

    /// Tells the member what there is to commit, and gives the checkpoint where it is asked for.
    pub(super) fn take_part(&mut self, commands: &mut Vec<Command>) {
        let news = self.commits.has_news();
        // What waits to be called fills the buffer too, and no commit makes room for that.
        let (most, most_bytes) = (self.policy.buffer_messages.get(), self.buffer_bytes);
        let Some(part) = &mut self.part else { return };
        if part.messages > 0 || news && !part.told {
            part.told = true;
            let half_full = part.taking_part.saturating_mul(2) >= most
                || part.taking_bytes.saturating_mul(2) >= u64::from(most_bytes);
            commands.push(Command::Progress {
                messages: std::mem::take(&mut part.messages),
                bytes: std::mem::take(&mut part.bytes),
                urgent: half_full && part.taking_part > 0,
            });
        }
        if part.gate == Gate::Closing && self.in_delivery == 0 && !part.spoiled {
            part.gate = Gate::Closed;
            part.told = false;
            (part.taking_part, part.taking_bytes) = (0, 0);
            let checkpoint = news.then(|| self.begin_sealed());
            commands.push(Command::Sealed(checkpoint));
        }
    }

    /// The checkpoint of everything that is finished, to be committed with the transaction.
    fn begin_sealed(&mut self) -> Checkpoint {
        for entry in self.backlog.kept() {
            if matches!(entry.state, State::Finished) && entry.told == Told::Not {
                entry.told = Told::Sealed;
            }
        }
        let (checkpoint, written) = self.checkpoint();
        self.crowded = !written.complete;
        self.commits.begin_now(checkpoint.next);
        checkpoint
    }

    /// The transaction has ended and the next one has begun.
    pub(super) fn transaction_ended(&mut self, outcome: Outcome, commands: &mut Vec<Command>) {
        let Some(part) = &mut self.part else { return };
        part.gate = Gate::Open;
        part.waiting = 0;
        part.spoiled = false;
        if outcome == Outcome::Committed {
            for entry in self.backlog.kept() {
                if entry.told == Told::Sealed {
                    entry.told = Told::Committed;
                }
            }
            self.commits.acknowledge_sealed();
        } else {
            part.told = false;
            (part.messages, part.bytes) = (0, 0);
            (part.taking_part, part.taking_bytes) = (0, 0);
            self.rewind(commands);
        }
        self.hand_over_held(commands);
    }

    /// Everything is as at the last commit, but what is known of failed attempts stays known. Calls under way are
    /// void where a message before theirs has to be called again.
    fn rewind(&mut self, commands: &mut Vec<Command>) {
        let mut rewound = false;
        for entry in self.backlog.rewind() {
            rewound |= undo(entry);
        }
        self.in_delivery = 0;
        if rewound {
            for active in std::mem::take(&mut self.active) {
                for offset in active.offsets {
                    self.requeue(offset);
                }
                commands.push(Command::Cancel { call: active.call });
            }
        }
        self.backlog.raise_watermark();
        self.commits.abandon(self.backlog.retrying() > 0);
    }

    /// What was held back, and what can only be dead-lettered, goes into the new transaction.
    fn hand_over_held(&mut self, commands: &mut Vec<Command>) {
        let held: Vec<Offset> = self
            .backlog
            .iter()
            .filter(|entry| entry.is_held())
            .map(|entry| entry.offset)
            .collect();
        for offset in held {
            let Some(entry) = self.backlog.get_mut(offset) else {
                continue;
            };
            match std::mem::replace(&mut entry.state, State::Queued) {
                State::Held => self.produce(offset, commands),
                State::LetterHeld(letter) => self.write_letter(offset, letter, commands),
                State::Doomed => {
                    if let Some(failure) = entry.doomed.clone() {
                        self.give_up(offset, *failure, commands);
                    }
                }
                other => entry.state = other,
            }
        }
    }

    /// How many further messages may be begun so that, whatever finishes, a checkpoint can tell all of it: what a
    /// checkpoint leaves out would be handed over twice.
    pub(super) fn tellable(&mut self) -> usize {
        let (in_flight, position) = (self.in_flight(), self.backlog.position());
        let in_order = self.policy.order == Order::Partition && self.letters.is_empty();
        let Some(part) = self.part.as_ref().filter(|_| !in_order) else {
            return usize::MAX;
        };
        if part.room > in_flight && position < part.room_until {
            return part.room - in_flight;
        }
        let (room, until) = self.metadata_room();
        if let Some(part) = &mut self.part {
            (part.room, part.room_until) = (room, until);
        }
        room.saturating_sub(in_flight)
    }
}

/// Takes back what an aborted transaction held of a message; whether it has to be called again.
fn undo(entry: &mut Entry) -> bool {
    if entry.told == Told::Committed {
        return false;
    }
    entry.told = Told::Not;
    let doomed = entry.doomed.is_some();
    let (state, called_again) = match std::mem::replace(&mut entry.state, State::Queued) {
        State::Doomed => (State::Doomed, false),
        State::DeadLettering(letter) | State::LetterHeld(letter) => {
            (State::LetterHeld(letter), false)
        }
        State::Finished if doomed => (State::Doomed, false),
        State::Finished | State::Producing | State::Held => {
            entry.attempts = entry.attempts.saturating_sub(1);
            (State::Queued, true)
        }
        other => (other, false),
    };
    entry.state = state;
    called_again
}

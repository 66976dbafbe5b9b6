//! What becomes of a message after its call, its delivery, or their failure.
//!
//! Invariant: a message leaves this file decided in exactly one way (its outputs are produced, it is
//! dead-lettered, skipped or halts the partition), or waits for another attempt, the last of which may be
//! that of the revision before.

use pelton_types::{Failure, FailureKind, Offset, Verdict};

use super::{
    Active, Partition, backoff,
    entry::{Letter, State},
    lane::{Closed, Lane},
    pace::CallTime,
};
use crate::{CallId, Command, OnExhausted};

/// Calls in a row that may begin with a message and not come to it. A call that is cut short for a swap is
/// no fault, a guest that passes a message over for ever is one (rule 16: no endless loop).
const PASSED_OVER_LIMIT: u32 = 16;

/// How an attempt was made.
#[derive(Clone, Copy, Debug)]
struct Circumstances {
    /// On a fresh instance.
    fresh: bool,
    /// By a revision on probation.
    probation: bool,
}

impl Partition {
    /// Settles the messages of a call. A result counts only if everything before it in its lane and in the
    /// call is done; the rest goes back into the queue (rule 39). Only the fault of an instance is believed
    /// behind messages that were not attempted: their results died with the instance.
    pub(super) fn called(
        &mut self,
        call: CallId,
        verdicts: Vec<Verdict>,
        time: CallTime,
        probation: bool,
        commands: &mut Vec<Command>,
    ) {
        let Some(index) = self.active.iter().position(|active| active.call == call) else {
            return;
        };
        let active = self.active.remove(index);
        self.learn(&active, &verdicts, time);
        let tried = Circumstances {
            fresh: active.fresh,
            probation,
        };
        let mut closed = Closed::default();
        let mut failed = false;
        let answers = verdicts
            .into_iter()
            .chain(std::iter::repeat(Verdict::NotAttempted));
        for (offset, verdict) in active.offsets.iter().copied().zip(answers) {
            let lane = self.lane(offset);
            let counts = !closed.contains(lane);
            match verdict {
                Verdict::Done { outputs } if counts => {
                    self.succeeded(offset, outputs, commands);
                    continue;
                }
                Verdict::Failed(failure)
                    if counts || (!failed && failure.kind.is_instance_fault() && !active.fresh) =>
                {
                    self.failed(offset, failure, tried, commands);
                    failed = true;
                }
                Verdict::Done { .. } | Verdict::Failed(_) | Verdict::NotAttempted => {
                    self.requeue(offset);
                }
            }
            closed.close(lane);
        }
        if !failed && !active.curtailed {
            self.count_passed_over(&active, tried, commands);
        }
    }

    fn lane(&mut self, offset: Offset) -> Lane {
        let order = self.policy.order;
        self.backlog
            .get_mut(offset)
            .map_or(Lane::Own, |entry| Lane::of(order, entry))
    }

    /// A fresh instance costs its making, which says nothing about the messages to come.
    fn learn(&mut self, active: &Active, verdicts: &[Verdict], time: CallTime) {
        let last = verdicts
            .iter()
            .rposition(|verdict| !matches!(verdict, Verdict::NotAttempted));
        if let Some(last) = last.filter(|_| !active.fresh) {
            self.pace.learn(active.offsets.len().min(last + 1), time);
        }
    }

    fn succeeded(&mut self, offset: Offset, outputs: u32, commands: &mut Vec<Command>) {
        let may_hand_over = self.may_hand_over();
        let Some(entry) = self.backlog.get_mut(offset) else {
            return;
        };
        entry.attempts = entry.attempts.saturating_add(1);
        let bytes = entry.bytes;
        if outputs == 0 {
            entry.state = State::Finished;
            self.commits.news();
            self.takes_part(bytes);
        } else if may_hand_over {
            self.produce(offset, commands);
        } else {
            entry.state = State::Held;
            self.holds();
            commands.push(Command::Hold { offset });
        }
    }

    /// Hands over what the handler returned for a message.
    pub(super) fn produce(&mut self, offset: Offset, commands: &mut Vec<Command>) {
        let Some(entry) = self.backlog.get_mut(offset) else {
            return;
        };
        let bytes = entry.bytes;
        entry.state = State::Producing;
        self.in_delivery += 1;
        self.takes_part(bytes);
        commands.push(Command::Produce { offset });
    }

    /// Hands over a dead letter, or keeps it until that can be.
    pub(super) fn write_letter(
        &mut self,
        offset: Offset,
        letter: Letter,
        commands: &mut Vec<Command>,
    ) {
        let may_hand_over = self.may_hand_over();
        let Some(entry) = self.backlog.get_mut(offset) else {
            return;
        };
        if !may_hand_over {
            entry.state = State::LetterHeld(letter);
            self.holds();
            return;
        }
        let (attempts, bytes, failure) =
            (entry.attempts, entry.bytes, Failure::clone(&letter.failure));
        entry.state = State::DeadLettering(letter);
        self.in_delivery += 1;
        self.takes_part(bytes);
        commands.push(Command::DeadLetter {
            offset,
            attempts,
            failure,
        });
    }

    fn failed(
        &mut self,
        offset: Offset,
        failure: Failure,
        tried: Circumstances,
        commands: &mut Vec<Command>,
    ) {
        let Some(entry) = self.backlog.get_mut(offset) else {
            return;
        };
        if failure.kind.is_instance_fault() && !tried.fresh {
            entry.suspect = true;
            entry.passed_over = 0;
            entry.state = State::Queued;
            return;
        }
        entry.attempts = entry.attempts.saturating_add(1);
        entry.passed_over = 0;
        let attempt = entry.attempts;
        let retry = &self.policy.retry;
        let exhausted = attempt >= retry.attempts.get();
        if failure.kind.is_permanent() {
            self.give_up(offset, failure, commands);
        } else if exhausted && tried.probation && !entry.fallback {
            self.fall_back(offset, failure, commands);
        } else if exhausted {
            self.give_up(offset, failure, commands);
        } else {
            // Where a drain has begun it is the next owner who makes it, from what is committed (rule 23).
            let due = self
                .now
                .saturating_add(backoff::after_failure(retry, offset, attempt, &failure));
            self.backlog.wait_for_retry(offset, due);
            self.commits.news();
            commands.push(Command::Retry {
                offset,
                attempt,
                failure,
                due,
            });
        }
    }

    /// The revision before gets one attempt, on a fresh instance: what fails there too is poison. The message
    /// goes on holding up its lane, and where a drain has begun the next owner goes on with it.
    fn fall_back(&mut self, offset: Offset, failure: Failure, commands: &mut Vec<Command>) {
        let Some(entry) = self.backlog.get_mut(offset) else {
            return;
        };
        entry.fallback = true;
        entry.suspect = true;
        entry.state = State::Queued;
        let attempts = entry.attempts;
        self.commits.news();
        commands.push(Command::FallBack {
            offset,
            attempts,
            failure,
        });
    }

    pub(super) fn requeue(&mut self, offset: Offset) {
        if let Some(entry) = self.backlog.get_mut(offset) {
            entry.state = State::Queued;
        }
    }

    /// Ends a message for good, as configured.
    pub(super) fn give_up(
        &mut self,
        offset: Offset,
        failure: Failure,
        commands: &mut Vec<Command>,
    ) {
        let Some(entry) = self.backlog.get_mut(offset) else {
            return;
        };
        let (attempts, bytes) = (entry.attempts, entry.bytes);
        if self.part.is_some() && self.policy.on_exhausted != OnExhausted::Stop {
            // An aborted transaction is redone without another call of it.
            entry.doomed = Some(Box::new(failure.clone()));
        }
        match self.policy.on_exhausted {
            OnExhausted::DeadLetter => {
                let letter = Letter {
                    failure: Box::new(failure),
                    refusals: 0,
                };
                self.write_letter(offset, letter, commands);
            }
            OnExhausted::Skip => {
                entry.state = State::Finished;
                self.commits.news();
                self.takes_part(bytes);
                commands.push(Command::Skip {
                    offset,
                    attempts,
                    failure,
                });
            }
            OnExhausted::Stop => {
                entry.state = State::Halted;
                self.halted = true;
                commands.push(Command::Halt {
                    offset,
                    attempts,
                    failure,
                });
                // Nothing past this message is committed: what the call has not begun is better left.
                self.curtail(commands);
            }
        }
    }

    /// The first message of a call was not attempted, though nobody cut the call short. A few times that
    /// is a swap or an instance that went away; then it is the guest's fault.
    fn count_passed_over(
        &mut self,
        active: &Active,
        tried: Circumstances,
        commands: &mut Vec<Command>,
    ) {
        let Some(offset) = active.offsets.first().copied() else {
            return;
        };
        let Some(entry) = self
            .backlog
            .get_mut(offset)
            .filter(|entry| !entry.is_decided())
        else {
            return;
        };
        entry.passed_over += 1;
        if entry.passed_over >= PASSED_OVER_LIMIT {
            let text = format!("called {PASSED_OVER_LIMIT} times without coming to this message");
            let failure = Failure::new(FailureKind::Contract, text);
            self.failed(offset, failure, tried, commands);
        }
    }

    /// What was last produced or dead-lettered for these messages is acknowledged.
    pub(super) fn delivered(&mut self, offsets: &[Offset]) {
        for offset in offsets {
            let Some(entry) = self.backlog.get_mut(*offset) else {
                continue;
            };
            if matches!(entry.state, State::Producing | State::DeadLettering(_)) {
                entry.state = State::Finished;
                self.in_delivery -= 1;
                self.commits.news();
            }
        }
    }

    /// An output was refused: that is the end of the message's attempts, another one changes nothing.
    /// A dead letter was refused: it is written again, for ever, and nothing past it is committed (rule 17).
    pub(super) fn refused(
        &mut self,
        offset: Offset,
        failure: Failure,
        partly: bool,
        commands: &mut Vec<Command>,
    ) {
        let Some(entry) = self.backlog.get_mut(offset) else {
            return;
        };
        match std::mem::replace(&mut entry.state, State::Queued) {
            State::Producing => {
                self.in_delivery -= 1;
                if partly && self.spoil(offset, &failure, commands) {
                    self.doom(offset, failure);
                } else {
                    self.give_up(offset, failure, commands);
                }
            }
            State::DeadLettering(mut letter) => {
                self.in_delivery -= 1;
                if partly {
                    self.spoil(offset, &failure, commands);
                }
                let Some(entry) = self.backlog.get_mut(offset) else {
                    return;
                };
                letter.refusals = letter.refusals.saturating_add(1);
                let delay = backoff::after_refusal(&self.policy.retry, offset, letter.refusals);
                self.letters
                    .insert((self.now.saturating_add(delay), offset));
                entry.state = State::LetterWaiting(letter);
            }
            other => entry.state = other,
        }
    }

    /// Nothing of a message is produced again: it ends when the transaction that holds some of it is aborted.
    fn doom(&mut self, offset: Offset, failure: Failure) {
        if let Some(entry) = self.backlog.get_mut(offset) {
            entry.state = State::Doomed;
            entry.doomed = Some(Box::new(failure));
            self.holds();
        }
    }

    /// Writes the refused dead letters whose time has come again.
    pub(super) fn repeat_dead_letters(&mut self, commands: &mut Vec<Command>) {
        while self.drain.is_none()
            && self.may_hand_over()
            && self
                .letters
                .first()
                .is_some_and(|(due, _)| *due <= self.now)
        {
            let Some((_, offset)) = self.letters.pop_first() else {
                return;
            };
            let Some(entry) = self.backlog.get_mut(offset) else {
                continue;
            };
            match std::mem::replace(&mut entry.state, State::Queued) {
                State::LetterWaiting(letter) => self.write_letter(offset, letter, commands),
                other => entry.state = other,
            }
        }
    }
}

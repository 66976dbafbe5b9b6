//! What the machine commands, carried out.
//!
//! Invariant: nothing here waits.

use std::time::Duration;

use pelton_dispatch::{AssignmentId, Checkpoint, Command, MemberEvent};
use pelton_types::{Failure, Offset};
use tracing::{info, trace, warn};

use super::{Ended, Running, outbox::Addressed, show};
use crate::{dead_letter, flood::Kind, handler::Broken, metrics::Count, overview::Attempted};

impl Running {
    pub(super) fn carry_out(&mut self, command: Command) {
        let consumer = &self.task.consumer;
        let (partition, epoch) = (&self.task.partition, self.task.epoch);
        match command {
            Command::Call {
                call,
                messages,
                fresh,
                fallback,
            } => {
                self.returns.forget(&messages);
                self.calls.defer(call, messages, fresh, fallback);
            }
            Command::Curtail { call } => {
                // A call that is curtailed before it begins answers at once, and holds up no drain.
                self.begin_call();
                self.calls.curtail(call);
            }
            Command::Cancel { call } => self.calls.cancel(call),
            Command::Produce { offset } => self.produce(offset),
            Command::Hold { offset } => self.returns.keep(offset),
            Command::Progress {
                messages,
                bytes,
                urgent,
            } => self.progressed(messages, bytes, urgent),
            Command::Sealed(checkpoint) => self.tell_member(|assignment| MemberEvent::Sealed {
                assignment,
                checkpoint,
            }),
            Command::Spoil { offset, failure } => self.spoiled(offset, failure),
            Command::DeadLetter {
                offset,
                attempts,
                failure,
            } => self.dead_letter(offset, attempts, &failure),
            Command::Skip {
                offset,
                attempts,
                failure,
            } => self.skipped(offset, attempts, &failure),
            Command::Retry {
                offset,
                attempt,
                failure,
                due,
            } => self.retried(offset, attempt, &failure, due),
            Command::FallBack {
                offset,
                attempts,
                failure,
            } => self.fell_back(offset, attempts, &failure),
            Command::Release { below } => self.released(below),
            Command::Commit(Checkpoint { next, metadata }) => {
                trace!(%partition, next, metadata, "commit");
                consumer.commit(partition, epoch, next, metadata);
            }
            Command::PauseFetch => consumer.pause(partition, epoch),
            Command::ResumeFetch => consumer.resume(partition, epoch),
            Command::SetTimer { at } => self.timer = Some(at),
            Command::Drained { last, unfinished } => self.drained(last, unfinished),
            Command::Halt {
                offset,
                attempts,
                failure,
            } => self.halt(offset, attempts, &failure),
        }
    }

    fn progressed(&self, messages: u32, bytes: u64, urgent: bool) {
        self.tell_member(|assignment| MemberEvent::Progress {
            assignment,
            messages,
            bytes,
            urgent,
        });
    }

    fn spoiled(&self, offset: Offset, failure: Failure) {
        warn!(handler = %self.task.shared.name, partition = %self.task.partition, offset, error = %failure.text,
            "the transaction can't be committed");
        if let Some(seat) = &self.task.seat {
            seat.spoiled(self.heard, failure.text);
        }
    }

    fn released(&mut self, below: Offset) {
        let (now, metrics) = (self.clock.now(), &self.task.shared.metrics);
        self.held.release(below, |since, messages| {
            metrics.finished(now.saturating_sub(since), messages);
        });
    }

    fn drained(&mut self, mut last: Option<Checkpoint>, unfinished: u32) {
        if self.task.seat.is_some() {
            // Offsets go with the transaction only.
            let last = last.take();
            self.tell_member(|assignment| MemberEvent::Drained { assignment, last });
        }
        self.ended = Some(Ended {
            last,
            unfinished,
            unanswered: false,
        });
    }

    pub(super) fn tell_member(&self, event: impl FnOnce(AssignmentId) -> MemberEvent) {
        if let Some(seat) = &self.task.seat {
            seat.tell(self.heard, event(seat.assignment()));
        }
    }

    pub(super) fn begin_call(&mut self) {
        if self.calls.begin(&self.held).is_err() {
            self.task.trouble.happened_to(Broken::Task);
        }
    }

    fn produce(&mut self, offset: Offset) {
        let (Some(outputs), Some(message)) = (self.returns.take(offset), self.held.message(offset))
        else {
            return self.task.trouble.happened_to(Broken::Task);
        };
        self.made.extend(&outputs);
        let (name, default) = (&self.task.shared.name, self.default_topic.as_ref());
        let outgoing = outputs.into_iter().filter_map(|output| {
            let to = Addressed::complete(output, &message, default)?;
            show::output(name, &message, &to.topic, &to.output);
            Some(to)
        });
        self.outbox.send(offset, false, outgoing);
    }

    fn dead_letter(&mut self, offset: Offset, attempts: u32, failure: &Failure) {
        self.note(offset, attempts, failure, "dead-lettered");
        let shared = &self.task.shared;
        let (Some(topic), Some(message)) = (&shared.dead_letter_topic, self.held.message(offset))
        else {
            return self.task.trouble.happened_to(Broken::Task);
        };
        let revision = self.tried_by(offset);
        if self.tells(Kind::DeadLettered) {
            warn!(handler = %shared.name, partition = %self.task.partition, offset, attempts, %revision,
                kind = %failure.kind, error = %failure.text, topic = %topic, "dead-lettering message");
        }
        let why = dead_letter::Why {
            group: &shared.group,
            handler: &shared.name,
            revision: &revision,
            attempts,
            redrives: self.held.redrives(offset),
            failure,
        };
        let letter = Addressed {
            topic: topic.clone(),
            output: dead_letter::output(&message, &why, self.task.letter_bytes),
        };
        self.outbox.send(offset, true, [letter].into_iter());
    }

    /// The revision that was last given the message.
    fn tried_by(&self, offset: Offset) -> String {
        let revision = self.held.tried_by(offset);
        revision.map(|id| id.to_string()).unwrap_or_default()
    }

    /// Whether the log has a line of this kind for one message more.
    pub(super) fn tells(&self, kind: Kind) -> bool {
        self.task.shared.floods.admit(kind, self.clock.now())
    }

    /// What people are told who ask how the handler stands.
    fn note(&self, offset: Offset, attempt: u32, failure: &Failure, then: &'static str) {
        self.task.shared.shown.failed(&Attempted {
            partition: &self.task.partition,
            offset,
            attempt,
            failure,
            then,
            now: self.clock.now(),
        });
    }

    fn skipped(&self, offset: Offset, attempts: u32, failure: &Failure) {
        self.task.shared.metrics.ended("skipped");
        self.note(offset, attempts, failure, "skipped");
        if !self.tells(Kind::Skipped) {
            return;
        }
        let revision = self.tried_by(offset);
        warn!(handler = %self.task.shared.name, partition = %self.task.partition, offset, attempts, %revision,
            kind = %failure.kind, error = %failure.text, "message skipped, as on-exhausted = \"skip\" says");
    }

    fn retried(&self, offset: Offset, attempt: u32, failure: &Failure, due: Duration) {
        self.task.shared.metrics.retried(failure.kind);
        self.note(offset, attempt, failure, "retried");
        if !self.tells(Kind::Failed) {
            return;
        }
        let again_in = due.saturating_sub(self.clock.now());
        let revision = self.tried_by(offset);
        info!(handler = %self.task.shared.name, partition = %self.task.partition, offset, attempt, %revision,
            kind = %failure.kind, error = %failure.text, ?again_in, "attempt failed");
    }

    fn fell_back(&self, offset: Offset, attempts: u32, failure: &Failure) {
        self.task.shared.metrics.count(Count::Fallbacks);
        self.note(offset, attempts, failure, "fell-back");
        if !self.tells(Kind::FellBack) {
            return;
        }
        let revision = self.tried_by(offset);
        warn!(handler = %self.task.shared.name, partition = %self.task.partition, offset, attempts, %revision,
            kind = %failure.kind, error = %failure.text,
            "the revision on probation has used up its attempts; the message is given to the one before");
    }

    fn halt(&self, offset: Offset, attempts: u32, failure: &Failure) {
        self.task.shared.metrics.ended("halted");
        self.note(offset, attempts, failure, "halted");
        let text = format!(
            "partition {} stopped at offset {offset} after {attempts} attempts ({}: {}), as on-exhausted = \"stop\" says",
            self.task.partition, failure.kind, failure.text
        );
        let revision = self.tried_by(offset);
        tracing::error!(handler = %self.task.shared.name, %revision, "{text}");
    }
}

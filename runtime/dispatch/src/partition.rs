//! The machine of one assigned partition.
//!
//! One machine lives for one assignment: whoever drives it drops answers that belong to an earlier
//! assignment, because calls and offsets are named within this one only (delivery rules 2 and 3).
//! Each event is first applied to the message it is about, then the machine *proceeds*: it releases,
//! calls, commits and sets its timer as far as its state allows. So nothing depends on which event
//! happened to make a thing possible.
//!
//! Invariant: `backlog` holds every fetched message from the watermark on, and nothing else decides
//! what may be committed.

mod backlog;
mod backoff;
mod commits;
mod drain;
mod entry;
mod flow;
mod lane;
mod outcome;
mod pace;
mod progress;
mod schedule;
mod snapshot;
mod transaction;

use std::{collections::BTreeSet, time::Duration};

use pelton_types::Offset;

use self::{
    backlog::Backlog,
    commits::Commits,
    entry::{Entry, State},
    flow::Flow,
    pace::{CallTime, Pace},
    progress::Inherited,
    schedule::{Chosen, Room},
    transaction::Part,
};
pub use self::{
    entry::Stage,
    snapshot::{Oldest, Snapshot},
};
use crate::{CallId, Checkpoint, Command, Event, Guarantee, Order, Policy};

/// What to do next with the messages of one assigned partition.
#[derive(Debug)]
pub struct Partition {
    policy: Policy,
    /// The latest time that any event brought; an event that brings an earlier one does not turn it back.
    now: Duration,
    backlog: Backlog,
    /// What an earlier owner finished beyond the position.
    inherited: Inherited,
    commits: Commits,
    /// The part in the member's transaction, where there is one.
    part: Option<Part>,
    /// The last commit could not tell all that is finished.
    crowded: bool,
    flow: Flow,
    /// Most bytes held before fetching pauses.
    buffer_bytes: u32,
    pace: Pace,
    /// The calls under way.
    active: Vec<Active>,
    next_call: u64,
    /// Messages whose outputs or dead letter are handed over and not answered yet.
    in_delivery: usize,
    /// Refused dead letters, by when they are written again.
    letters: BTreeSet<(Duration, Offset)>,
    /// The lowest offset that the driver was told to keep.
    released: Offset,
    /// The highest that the watermark ever was.
    risen: Offset,
    /// The time last asked for by [`Command::SetTimer`] that has not come yet.
    timer: Option<Duration>,
    /// The deadline of the drain that has begun.
    drain: Option<Duration>,
    /// An operator has paused it: nothing is called.
    suspended: bool,
    /// A message ended the partition's work: nothing more is called.
    halted: bool,
    /// Drained or lost: nothing more is commanded.
    over: bool,
}

/// A call under way.
#[derive(Debug)]
struct Active {
    call: CallId,
    offsets: Vec<Offset>,
    fresh: bool,
    curtailed: bool,
}

impl Partition {
    /// A machine for a partition that is fetched from `start.next` on, where `start` is what is committed.
    /// Metadata that can't be read counts as none; the driver reports it (see [`Checkpoint::progress`]).
    pub fn new(policy: Policy, start: &Checkpoint) -> Self {
        let progress = start.progress().unwrap_or_default();
        let start = start.next;
        Self {
            now: Duration::ZERO,
            backlog: Backlog::new(start),
            inherited: Inherited::new(progress),
            commits: Commits::new(start),
            part: Part::of(policy.guarantee),
            crowded: false,
            flow: Flow::default(),
            buffer_bytes: policy.buffer_bytes,
            pace: Pace::new(&policy),
            active: Vec::new(),
            next_call: 0,
            in_delivery: 0,
            letters: BTreeSet::new(),
            released: start,
            risen: start,
            timer: None,
            drain: None,
            suspended: false,
            halted: false,
            over: false,
            policy,
        }
    }

    /// Takes in what happened and appends what is to be done to `commands`, in the order in which
    /// it is to be begun. After [`Command::Drained`] or [`Event::Lost`] every event is ignored.
    pub fn handle(&mut self, now: Duration, event: Event, commands: &mut Vec<Command>) {
        if self.over {
            return;
        }
        self.now = self.now.max(now);
        match event {
            Event::Fetched(arrivals) => self.fetched(&arrivals),
            Event::Called {
                call,
                verdicts,
                took,
                waited,
                probation,
            } => {
                let time = CallTime { took, waited };
                self.called(call, verdicts, time, probation, commands);
            }
            Event::Delivered { offsets } => self.delivered(&offsets),
            Event::Refused {
                offset,
                failure,
                partly,
            } => self.refused(offset, failure, partly, commands),
            Event::Committed { next } => self.commits.acknowledge(next),
            Event::CommitFailed { next } => {
                self.commits
                    .fail(next, self.now, self.policy.commit_interval);
            }
            Event::Seal => self.seal(),
            Event::TransactionEnded(outcome) => self.transaction_ended(outcome, commands),
            Event::Timer => self.timer = None,
            Event::Buffer { bytes } => self.buffer_bytes = bytes.min(self.policy.buffer_bytes),
            Event::Swapped => self.curtail(commands),
            Event::Pause => self.suspend(commands),
            Event::Resume => self.suspended = false,
            Event::Drain { deadline } => self.begin_drain(deadline, commands),
            Event::Lost => self.lose(commands),
        }
        self.proceed(commands);
    }

    /// Everything that the state allows now, whichever event made it possible.
    fn proceed(&mut self, commands: &mut Vec<Command>) {
        if self.over {
            return;
        }
        self.release(commands);
        if self.end_drain(commands) {
            return;
        }
        self.repeat_dead_letters(commands);
        self.call(commands);
        if self.drain.is_none() {
            let most = (self.policy.buffer_messages.get(), self.buffer_bytes);
            self.flow
                .regulate(most, &self.backlog, self.halted || self.suspended, commands);
        }
        match self.part {
            None => self.commit(commands),
            Some(_) => self.take_part(commands),
        }
        self.set_timer(commands);
    }

    fn release(&mut self, commands: &mut Vec<Command>) {
        self.backlog.raise_watermark();
        let watermark = self.backlog.watermark();
        if watermark > self.risen {
            self.risen = watermark;
            self.commits.news();
        }
        // An aborted transaction is redone from what is held.
        let below = match self.policy.guarantee {
            Guarantee::AtLeastOnce => watermark,
            Guarantee::ExactlyOnce => self.commits.acknowledged(),
        };
        if below > self.released {
            self.released = below;
            self.backlog.forget(below);
            commands.push(Command::Release { below });
        }
    }

    /// Begins the calls that can begin.
    fn call(&mut self, commands: &mut Vec<Command>) {
        let calls = self.pace.calls().saturating_sub(self.active.len());
        if calls == 0 || self.drain.is_some() || !self.goes_on() {
            return;
        }
        let most = usize::try_from(self.policy.in_flight.get()).unwrap_or(usize::MAX);
        let room = Room {
            calls,
            messages: self.pace.batch(),
            bytes: self.policy.batch_bytes,
            begin: most.saturating_sub(self.in_flight()).min(self.tellable()),
            below: self.horizon().min(self.halted_at()),
        };
        let chosen = schedule::choose(&mut self.backlog, self.policy.order, self.now, room);
        for Chosen {
            messages,
            fresh,
            fallback,
            ..
        } in chosen
        {
            let call = CallId(self.next_call);
            self.next_call += 1;
            self.active.push(Active {
                call,
                offsets: messages.iter().map(|attempt| attempt.offset).collect(),
                fresh,
                curtailed: false,
            });
            commands.push(Command::Call {
                call,
                messages,
                fresh,
                fallback,
            });
        }
    }

    /// Whether messages are called: after a halt only those before it that an aborted transaction has undone, and
    /// only in partition order, where all of them had been begun.
    fn goes_on(&self) -> bool {
        let halted = self.halted;
        !self.suspended && (!halted || self.part.is_some() && self.policy.order == Order::Partition)
    }

    /// The lowest message that ended the partition's work.
    fn halted_at(&self) -> Offset {
        let halted = |entry: &&Entry| matches!(entry.state, State::Halted);
        let first = || self.backlog.iter().find(halted);
        let first = self.halted.then(first).flatten();
        first.map_or(Offset::MAX, |entry| entry.offset)
    }

    /// Messages of the calls under way.
    fn calling(&self) -> usize {
        self.active.iter().map(|active| active.offsets.len()).sum()
    }

    /// Messages begun and not finished.
    fn in_flight(&self) -> usize {
        self.calling()
            + self.in_delivery
            + self.held()
            + self.letters.len()
            + self.backlog.retrying()
    }

    fn commit(&mut self, commands: &mut Vec<Command>) {
        let watermark = self.backlog.watermark();
        if self
            .commits
            .begin(watermark, self.now, self.policy.commit_interval)
        {
            let (checkpoint, written) = self.checkpoint();
            self.crowded = !written.complete;
            commands.push(Command::Commit(checkpoint));
        }
    }

    /// Asks for the earliest time at which there is something to do. A wish that is no longer needed
    /// is left standing: one timer event too many costs less than a command for each change.
    fn set_timer(&mut self, commands: &mut Vec<Command>) {
        let works = self.drain.is_none();
        let letter = self.letters.first().map(|(due, _)| *due);
        let letter = letter.filter(|_| self.may_hand_over());
        let retry = self.backlog.next_retry(self.now).filter(|_| self.goes_on());
        let Some(at) = [
            letter.filter(|_| works),
            retry.filter(|_| works),
            self.commits.due().filter(|_| self.part.is_none()),
            self.drain,
        ]
        .into_iter()
        .flatten()
        .min() else {
            return;
        };
        if self.timer.is_none_or(|timer| at < timer) {
            self.timer = Some(at);
            commands.push(Command::SetTimer { at });
        }
    }
}

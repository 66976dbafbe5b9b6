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
mod outcome;
mod pace;
mod schedule;
mod snapshot;

use std::{collections::BTreeSet, time::Duration};

use pelton_types::Offset;

use self::{
    backlog::Backlog,
    commits::Commits,
    flow::Flow,
    pace::Pace,
    schedule::{Choice, Limits},
};
pub use self::{
    entry::Stage,
    snapshot::{Oldest, Snapshot},
};
use crate::{Arrival, CallId, Command, Event, Policy};

/// What to do next with the messages of one assigned partition.
#[derive(Debug)]
pub struct Partition {
    policy: Policy,
    /// The latest time that any event brought; an event that brings an earlier one does not turn it back.
    now: Duration,
    backlog: Backlog,
    commits: Commits,
    flow: Flow,
    pace: Pace,
    /// The call under way.
    active: Option<Active>,
    next_call: u64,
    /// Messages whose outputs or dead letter are handed over and not answered yet.
    in_delivery: usize,
    /// Refused dead letters, by when they are written again.
    letters: BTreeSet<(Duration, Offset)>,
    /// The lowest offset that the driver was told to keep.
    released: Offset,
    /// The time last asked for by [`Command::SetTimer`] that has not come yet.
    timer: Option<Duration>,
    /// The deadline of the drain that has begun.
    drain: Option<Duration>,
    /// A message ended the partition's work: nothing more is called.
    halted: bool,
    /// Drained or lost: nothing more is commanded.
    over: bool,
}

/// The call under way.
#[derive(Debug)]
struct Active {
    call: CallId,
    offsets: Vec<Offset>,
    fresh: bool,
    curtailed: bool,
}

impl Partition {
    /// A machine for a partition that is fetched from `start` on, where `start` is what is committed.
    pub fn new(policy: Policy, start: Offset) -> Self {
        Self {
            now: Duration::ZERO,
            backlog: Backlog::new(start),
            commits: Commits::new(start),
            flow: Flow::default(),
            pace: Pace::new(policy.batch_target, policy.batch_messages),
            active: None,
            next_call: 0,
            in_delivery: 0,
            letters: BTreeSet::new(),
            released: start,
            timer: None,
            drain: None,
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
            } => self.called(call, verdicts, took, commands),
            Event::Delivered { offset } => self.delivered(offset),
            Event::Refused { offset, failure } => self.refused(offset, failure, commands),
            Event::Committed { next } => self.commits.acknowledge(next),
            Event::CommitFailed { next } => {
                self.commits
                    .fail(next, self.now, self.policy.commit_interval);
            }
            Event::Timer => self.timer = None,
            Event::Drain { deadline } => self.begin_drain(deadline, commands),
            Event::Lost => self.lose(commands),
        }
        self.proceed(commands);
    }

    /// Messages that come while draining are left to the next owner. One whose offset is below what was
    /// fetched before is a repetition (a rewound fetch) and is known already.
    fn fetched(&mut self, arrivals: &[Arrival]) {
        if self.drain.is_none() {
            arrivals
                .iter()
                .for_each(|arrival| self.backlog.push(arrival));
        }
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
        let retry = self.call(commands);
        if self.drain.is_none() {
            self.flow
                .regulate(&self.policy, &self.backlog, self.halted, commands);
        }
        let watermark = self.backlog.watermark();
        if let Some(next) = self
            .commits
            .begin(watermark, self.now, self.policy.commit_interval)
        {
            commands.push(Command::Commit { next });
        }
        self.set_timer(retry, commands);
    }

    fn release(&mut self, commands: &mut Vec<Command>) {
        self.backlog.drop_finished();
        let below = self.backlog.watermark();
        if below > self.released {
            self.released = below;
            commands.push(Command::Release { below });
        }
    }

    /// Begins the next call if there is one to begin, else returns when the next retry is due.
    fn call(&mut self, commands: &mut Vec<Command>) -> Option<Duration> {
        if self.active.is_some() || self.drain.is_some() || self.halted {
            return None;
        }
        let limits = Limits {
            messages: self.pace.batch(),
            bytes: self.policy.batch_bytes,
        };
        match schedule::in_partition_order(&mut self.backlog, self.now, limits) {
            Choice::Nothing => None,
            Choice::Wait { due } => Some(due),
            Choice::Call { messages, fresh } => {
                let call = CallId(self.next_call);
                self.next_call += 1;
                let offsets = messages.iter().map(|attempt| attempt.offset).collect();
                self.active = Some(Active {
                    call,
                    offsets,
                    fresh,
                    curtailed: false,
                });
                commands.push(Command::Call {
                    call,
                    messages,
                    fresh,
                });
                None
            }
        }
    }

    /// Asks for the earliest time at which there is something to do. A wish that is no longer needed
    /// is left standing: one timer event too many costs less than a command for each change.
    fn set_timer(&mut self, retry: Option<Duration>, commands: &mut Vec<Command>) {
        let letter = self
            .letters
            .first()
            .map(|(due, _)| *due)
            .filter(|_| self.drain.is_none());
        let commit = self.commits.due(self.backlog.watermark());
        let Some(at) = [retry, letter, commit, self.drain]
            .into_iter()
            .flatten()
            .min()
        else {
            return;
        };
        if self.timer.is_none_or(|timer| at < timer) {
            self.timer = Some(at);
            commands.push(Command::SetTimer { at });
        }
    }
}

//! The machine of one member's transactions (`guarantee = "exactly-once"`).
//!
//! A member has one producer and one transaction at a time, which holds what all of its partitions hand over and
//! how far they have come. This machine decides when it ends and how: it asks every partition to seal, commits
//! what they say, and tells them what came of it; it aborts what must not be committed; and when it can't know
//! whether a transaction was committed it asks for a new producer, which fences the old one, and goes by what the
//! group's offsets say then.
//!
//! Invariants:
//! - a commit names a checkpoint of every partition that takes part, and nothing is handed over between the first
//!   of them and the commit's end;
//! - a partition hears that its transaction was committed only when that is certain, and that it was aborted only
//!   when nothing of it will ever be visible;
//! - no transaction begins after one in which a request was never answered, but with a new producer (delivery
//!   rule 35);
//! - a call that doesn't return is left behind together with its producer, whose epoch the next one takes
//!   (delivery rule 36).
//! - the group's offsets of a partition are sent only while it is owned: who gives one up waits for what is under way.

mod event;
mod outcome;
mod seat;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::event::{Ended, MemberCommand, MemberEvent, Trouble};
use self::seat::Seat;
use crate::{Checkpoint, Outcome};

/// Names an assignment of a partition to this member. No two of a process have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AssignmentId(pub u64);

/// How a member's transactions are to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionPolicy {
    /// The longest time from the first thing that takes part to the end.
    pub interval: Duration,
    /// Most messages that take part.
    pub messages: u32,
    /// Most bytes of these messages.
    pub bytes: u64,
    /// How long the coordinator lets a transaction be open, and how long one call to the producer may take.
    pub timeout: Duration,
}

/// How much longer than twice its time-out a call may take before it counts as never returning: librdkafka begins
/// no request after the time-out, but waits for one that it has begun for as long again.
const GRACE: Duration = Duration::from_secs(5);
/// So many fences within this time may be the doing of late requests.
const MOST_FENCES: usize = 3;
const FENCES_WITHIN: Duration = Duration::from_secs(60);
/// Aborts in a row that are redone at once.
const FREE_ABORTS: u32 = 3;
/// The delay after the next one; it doubles with each further one.
const ABORT_DELAY: Duration = Duration::from_millis(100);
/// The delay before a producer is asked for again that could not be had: what refuses one may do so at once.
const RENEW_DELAY: Duration = Duration::from_secs(1);
/// The longest delay after an abort.
const MOST_ABORT_DELAY: Duration = Duration::from_secs(10);

/// What to do next with the transactions of one member.
#[derive(Debug)]
pub struct Member {
    policy: TransactionPolicy,
    now: Duration,
    state: State,
    seats: BTreeMap<AssignmentId, Seat>,
    /// What takes part in the transaction that is open, or will in the next one.
    messages: u64,
    bytes: u64,
    /// When the first of it was told of.
    since: Option<Duration>,
    /// When the first of what is in the transaction that is being ended was told of.
    began: Option<Duration>,
    /// End the transaction as soon as there is something in it.
    urgent: bool,
    /// Aborts since the last commit.
    aborts: u32,
    /// When it was fenced though its transaction had not outlived its time-out.
    fences: Vec<Duration>,
    /// No producer was there yet.
    first: bool,
    timer: Option<Duration>,
}

/// Where the member stands.
#[derive(Debug)]
enum State {
    /// A producer is being made, or renewed; with what an earlier one may have committed.
    Renewing {
        attempted: BTreeMap<AssignmentId, Checkpoint>,
    },
    /// No producer could be had; another one is asked for later.
    Waiting {
        attempted: BTreeMap<AssignmentId, Checkpoint>,
        until: Duration,
    },
    /// A transaction is open.
    Open,
    /// The partitions have been asked to seal.
    Sealing,
    /// What they said is being committed.
    Committing {
        checkpoints: BTreeMap<AssignmentId, Checkpoint>,
        until: Duration,
    },
    /// The transaction is being aborted.
    Aborting { until: Duration },
    /// It was aborted, as others before it; the next one begins later.
    Resting { until: Duration },
    /// The member can't go on.
    Over,
}

impl Member {
    /// A machine whose first command asks for a producer.
    pub fn new(
        policy: TransactionPolicy,
        now: Duration,
        commands: &mut Vec<MemberCommand>,
    ) -> Self {
        let mut member = Self {
            policy,
            now,
            state: State::Over,
            seats: BTreeMap::new(),
            messages: 0,
            bytes: 0,
            since: None,
            began: None,
            urgent: false,
            aborts: 0,
            fences: Vec::new(),
            first: true,
            timer: None,
        };
        member.renew(BTreeMap::new(), false, commands);
        member.proceed(commands);
        member
    }

    /// Takes in what happened and appends what is to be done to `commands`, in its order.
    pub fn handle(&mut self, now: Duration, event: MemberEvent, commands: &mut Vec<MemberCommand>) {
        if matches!(self.state, State::Over) {
            return;
        }
        self.now = self.now.max(now);
        match event {
            MemberEvent::Assigned { assignment, start } => {
                self.assigned(assignment, start, commands);
            }
            MemberEvent::Progress {
                assignment,
                messages,
                bytes,
                urgent,
            } => self.progressed(assignment, messages, bytes, urgent),
            MemberEvent::Sealed {
                assignment,
                checkpoint,
            } => self.sealed(assignment, checkpoint),
            MemberEvent::Drained { assignment, last } => {
                self.drained(assignment, last, commands);
            }
            MemberEvent::Lost { assignment } => self.lost(assignment, commands),
            MemberEvent::Spoiled => self.spoiled(commands),
            MemberEvent::Ended(ended) => self.ended(ended, commands),
            MemberEvent::Timer => self.timer = None,
        }
        self.proceed(commands);
    }

    /// Whether the transactions of partitions that were given up have all ended.
    pub fn is_settled(&self) -> bool {
        self.seats.values().all(|seat| !seat.is_given_up())
    }

    /// Everything that the state allows now.
    fn proceed(&mut self, commands: &mut Vec<MemberCommand>) {
        self.overdue(commands);
        self.renew_again(commands);
        self.begin_again(commands);
        self.begin_seal(commands);
        self.commit(commands);
        self.set_timer(commands);
    }

    /// A call that should have returned long ago: nobody can tell what it still does. A new producer takes the epoch
    /// from it. One that is being made is waited for, or each hour of an outage would leave hundreds behind.
    fn overdue(&mut self, commands: &mut Vec<MemberCommand>) {
        let now = self.now;
        let attempted = match &mut self.state {
            State::Committing { checkpoints, until } if *until <= now => {
                std::mem::take(checkpoints)
            }
            State::Aborting { until } if *until <= now => BTreeMap::new(),
            _ => return,
        };
        self.renew(attempted, true, commands);
    }

    /// What could not be had a while ago is asked for again.
    fn renew_again(&mut self, commands: &mut Vec<MemberCommand>) {
        if let State::Waiting { attempted, until } = &mut self.state
            && *until <= self.now
        {
            let attempted = std::mem::take(attempted);
            self.renew(attempted, false, commands);
        }
    }

    fn fence(&mut self, why: Trouble, commands: &mut Vec<MemberCommand>) {
        self.state = State::Over;
        commands.push(MemberCommand::Fence(why));
    }

    /// The next transaction begins after a rest, or at once where partitions wait to be given up.
    fn begin_again(&mut self, commands: &mut Vec<MemberCommand>) {
        if let State::Resting { until } = self.state
            && (until <= self.now || !self.is_settled())
        {
            self.tell_all(Outcome::Aborted, commands);
        }
    }

    fn begin_seal(&mut self, commands: &mut Vec<MemberCommand>) {
        if !matches!(self.state, State::Open) || !self.is_due() {
            return;
        }
        self.state = State::Sealing;
        // A last checkpoint can be all there is, and nothing was told of before it.
        self.began = self.since.or(Some(self.now));
        (self.since, self.messages, self.bytes, self.urgent) = (None, 0, 0, false);
        for (assignment, seat) in &mut self.seats {
            if seat.begin_seal() {
                commands.push(MemberCommand::Seal {
                    assignment: *assignment,
                });
            }
        }
    }

    fn is_due(&self) -> bool {
        let Some(since) = self.since else {
            // Nothing takes part, but those who were given up wait for an answer.
            return !self.is_settled();
        };
        self.urgent
            || !self.is_settled()
            || self.messages >= u64::from(self.policy.messages)
            || self.bytes >= self.policy.bytes
            || since.saturating_add(self.policy.interval) <= self.now
    }

    /// Commits once every partition has said what.
    fn commit(&mut self, commands: &mut Vec<MemberCommand>) {
        let sealed = self.seats.values().all(Seat::is_sealed);
        if !matches!(self.state, State::Sealing) || !sealed {
            return;
        }
        let checkpoints: BTreeMap<_, _> = self
            .seats
            .iter_mut()
            .filter_map(|(assignment, seat)| Some((*assignment, seat.checkpoint()?)))
            .collect();
        if checkpoints.is_empty() {
            // Nothing was handed over, or it would stand in a checkpoint.
            return self.tell_all(Outcome::Committed, commands);
        }
        commands.push(MemberCommand::Commit {
            checkpoints: checkpoints.clone(),
        });
        self.state = State::Committing {
            checkpoints,
            until: self.deadline(),
        };
    }

    fn abort(&mut self, commands: &mut Vec<MemberCommand>) {
        self.began = self.began.or(self.since).or(Some(self.now));
        commands.push(MemberCommand::Abort);
        self.state = State::Aborting {
            until: self.deadline(),
        };
    }

    fn renew(
        &mut self,
        attempted: BTreeMap<AssignmentId, Checkpoint>,
        leave_behind: bool,
        commands: &mut Vec<MemberCommand>,
    ) {
        commands.push(MemberCommand::Renew {
            committed_of: attempted.keys().copied().collect(),
            leave_behind,
        });
        self.state = State::Renewing { attempted };
    }

    fn deadline(&self) -> Duration {
        self.now.saturating_add(2 * self.policy.timeout + GRACE)
    }

    /// Tells every partition how the transaction ended; the next one is open.
    fn tell_all(&mut self, outcome: Outcome, commands: &mut Vec<MemberCommand>) {
        self.state = State::Open;
        self.began = None;
        if outcome == Outcome::Aborted {
            // What was told of is void, and is told of again.
            (self.since, self.messages, self.bytes) = (None, 0, 0);
        }
        self.seats.retain(|assignment, seat| {
            let assignment = *assignment;
            let stays = seat.begin_transaction(outcome);
            match (stays, seat.is_given_up()) {
                (true, true) => {}
                (true, false) => commands.push(MemberCommand::Tell {
                    assignment,
                    outcome,
                }),
                (false, _) => commands.push(MemberCommand::Left {
                    assignment,
                    outcome,
                }),
            }
            stays
        });
    }

    fn set_timer(&mut self, commands: &mut Vec<MemberCommand>) {
        let at = match &self.state {
            State::Committing { until, .. }
            | State::Waiting { until, .. }
            | State::Aborting { until }
            | State::Resting { until } => Some(*until),
            State::Open => self
                .since
                .map(|since| since.saturating_add(self.policy.interval)),
            // A producer that is being made is waited for.
            State::Renewing { .. } | State::Sealing | State::Over => None,
        };
        if let Some(at) = at
            && self.timer.is_none_or(|timer| at < timer)
        {
            self.timer = Some(at);
            commands.push(MemberCommand::SetTimer { at });
        }
    }
}

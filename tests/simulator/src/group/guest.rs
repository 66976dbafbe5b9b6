//! The engine and its guest: runs a call's messages one after the other in virtual time.
//!
//! Invariant: what a run answers depends only on what it began before it was curtailed.

use std::{collections::BTreeSet, time::Duration};

use pelton_dispatch::{Attempt, CallId, Order};
use pelton_types::{Failure, FailureKind, Offset, Verdict};

use super::{
    behaviour::Behaviour,
    topic::{Log, Logged, Row},
};

/// An instance that is kept between calls.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Instance {
    used: bool,
    broken: bool,
}

/// A call under way.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub call: CallId,
    /// Grows when the run is curtailed, so that its first end is not believed.
    pub version: u32,
    pub offsets: Vec<Offset>,
    pub fresh: bool,
    began: Duration,
    before: Instance,
    steps: Vec<Ran>,
    packed: bool,
}

/// One message in a run.
#[derive(Clone, Debug)]
struct Ran {
    begins: Duration,
    ends: Duration,
    waited: Duration,
    verdict: Verdict,
    after: Instance,
    /// The instance died on it.
    dies: bool,
}

/// What a run answers.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub verdicts: Vec<Verdict>,
    pub took: Duration,
    pub waited: Duration,
    pub ends: Duration,
    pub instance: Instance,
    /// Its instance died.
    pub died: bool,
}

/// How a call is run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions {
    pub now: Duration,
    pub fresh: bool,
    /// An instance that dies takes the results of its call with it.
    pub packed: bool,
    /// The position before which the call is cut short, as by a swap.
    pub cut: Option<usize>,
    pub order: Order,
    /// Behind a failure the guest goes on with other rows.
    pub goes_on: bool,
    /// By the revision before.
    pub fallback: bool,
}

impl Run {
    pub fn begin(
        log: &Log,
        instance: Instance,
        call: CallId,
        messages: &[Attempt],
        how: Conditions,
    ) -> Self {
        let mut instance = if how.fresh {
            Instance::default()
        } else {
            instance
        };
        let before = instance;
        let mut now = how.now;
        let mut failed: BTreeSet<Row> = BTreeSet::new();
        let mut steps = Vec::with_capacity(messages.len());
        for attempt in messages.iter().take(how.cut.unwrap_or(messages.len())) {
            let Some(message) = log.get(attempt.offset) else {
                break;
            };
            let row = message.row(how.order);
            let ran = if failed.contains(&row) {
                Ran::skipped(instance, now)
            } else {
                let attempt = (attempt.attempt, how.fallback);
                handle(message, attempt, instance, now)
            };
            (instance, now) = (ran.after, ran.ends);
            let fails = matches!(ran.verdict, Verdict::Failed(_));
            let unnoticed = message.behaviour == Behaviour::Forbidden;
            if fails && !unnoticed {
                failed.insert(row);
            }
            let goes_on =
                !fails || !ran.dies && (unnoticed || how.goes_on && how.order != Order::Partition);
            steps.push(ran);
            if !goes_on {
                break;
            }
        }
        let offsets = messages.iter().map(|attempt| attempt.offset).collect();
        Self {
            call,
            version: 0,
            offsets,
            fresh: how.fresh,
            began: how.now,
            before,
            steps,
            packed: how.packed,
        }
    }

    /// Stops at the next message boundary.
    pub fn curtail(&mut self, now: Duration) {
        self.version += 1;
        self.steps.retain(|step| step.begins <= now);
    }

    pub fn answer(&self) -> Answer {
        let died = self.steps.last().is_some_and(|step| step.dies);
        let lost = if died && self.packed {
            self.steps.len().saturating_sub(1)
        } else {
            0
        };
        let mut verdicts: Vec<_> = self.steps.iter().map(|step| step.verdict.clone()).collect();
        verdicts
            .iter_mut()
            .take(lost)
            .for_each(|verdict| *verdict = Verdict::NotAttempted);
        verdicts.resize(self.offsets.len(), Verdict::NotAttempted);
        let ends = self.steps.last().map_or(self.began, |step| step.ends);
        let instance = self.steps.last().map_or(self.before, |step| step.after);
        Answer {
            verdicts,
            took: ends.saturating_sub(self.began),
            waited: self.steps.iter().map(|step| step.waited).sum(),
            ends,
            instance,
            died,
        }
    }
}

impl Ran {
    /// Not attempted, because an earlier message of its row failed.
    fn skipped(instance: Instance, now: Duration) -> Self {
        Self {
            begins: now,
            ends: now,
            waited: Duration::ZERO,
            verdict: Verdict::NotAttempted,
            after: instance,
            dies: false,
        }
    }
}

/// What the guest does in an attempt, by the revision that runs or by the one before.
fn handle(
    message: &Logged,
    (attempt, fallback): (u32, bool),
    before: Instance,
    now: Duration,
) -> Ran {
    let fails = |kind: FailureKind| Verdict::Failed(Failure::new(kind, "as it does"));
    let (verdict, dies) = match message.behaviour {
        _ if before.broken => (fails(FailureKind::Trap), true),
        Behaviour::PassedOver => (Verdict::NotAttempted, false),
        Behaviour::Traps(kind) => (fails(kind), true),
        Behaviour::TrapsOnUsed if before.used => (fails(FailureKind::Trap), true),
        Behaviour::Flaky {
            failures,
            kind,
            wish,
        } if attempt <= failures || fallback => (
            Verdict::Failed(Failure {
                retry_after: wish,
                ..Failure::new(kind, "not yet")
            }),
            false,
        ),
        Behaviour::Fails(kind) => (fails(kind), false),
        Behaviour::Regressed(kind) if !fallback => (fails(kind), kind.is_instance_fault()),
        Behaviour::Forbidden => (fails(FailureKind::Contract), false),
        Behaviour::Done { outputs } => (Verdict::Done { outputs }, false),
        Behaviour::TrapsOnUsed
        | Behaviour::Flaky { .. }
        | Behaviour::Breaks
        | Behaviour::Regressed(_)
        | Behaviour::Refused => (Verdict::Done { outputs: 1 }, false),
    };
    let passed_over = verdict == Verdict::NotAttempted;
    let after = match (dies, passed_over) {
        (true, _) => Instance::default(),
        (false, true) => before,
        (false, false) => Instance {
            used: true,
            broken: message.behaviour == Behaviour::Breaks,
        },
    };
    let ends = if passed_over {
        now
    } else {
        now + message.takes
    };
    Ran {
        begins: now,
        ends,
        waited: if message.waits {
            (ends - now) * 9 / 10
        } else {
            Duration::ZERO
        },
        verdict,
        after,
        dies,
    }
}

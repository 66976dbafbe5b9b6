//! What a seed has in store beyond what any group has: how long transactions may take, and what goes wrong with them.

use std::time::Duration;

use pelton_dispatch::{Guarantee, TransactionPolicy};
use rand::{Rng, rngs::SmallRng, seq::IndexedRandom};

use crate::group::plan::Plan;

/// Everything about transactions that is fixed for one run.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub policy: TransactionPolicy,
    /// When a client gives up on a request and sends it again.
    pub request_timeout: Duration,
    /// The chance that a request doesn't arrive, or arrives too late, or that its answer doesn't.
    pub troubled: f64,
    /// The chance that something between a member and a partition's task waits for long: the task is busy.
    pub busy: f64,
    pub disturbances: Vec<(Duration, Disturbance)>,
}

/// Something that happens to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disturbance {
    /// A member starts.
    Join,
    /// A member's process dies.
    Crash,
    /// A member stops as asked.
    Stop,
    /// The coordinator gives a living member up; it learns that later.
    Expel,
    /// The assignment changes without a reason.
    Shuffle,
    /// An operator pauses a process for a while.
    Pause,
    /// A process stands still, for longer than its session or its transaction may last, or not.
    Freeze,
}

impl Limits {
    pub fn draw(rng: &mut SmallRng, plan: &mut Plan) -> Self {
        plan.policy.guarantee = Guarantee::ExactlyOnce;
        plan.foreign = 0.0;
        plan.most_skew = Duration::ZERO;
        let metadata = one_of(rng, &[120, 400, 4096, 4096]);
        plan.metadata_bytes = [metadata, metadata];
        plan.messages = rng.random_range(5..40);
        let quiet = Duration::from_millis(200);
        let count = one_of(rng, &[0, 2, 6, 12]);
        let mut disturbances: Vec<_> = (0..count)
            .map(|_| {
                let at = rng.random_range(quiet..plan.calm_at);
                (at, Self::disturbance(rng))
            })
            .collect();
        disturbances.sort_by_key(|(at, _)| *at);
        Self {
            policy: TransactionPolicy {
                interval: Duration::from_millis(one_of(rng, &[1, 50, 100, 1_000])),
                messages: one_of(rng, &[1, 5, 1_000]),
                bytes: one_of(rng, &[500, 1_000_000]),
                timeout: Duration::from_millis(rng.random_range(1_000..4_000)),
            },
            request_timeout: Duration::from_millis(rng.random_range(50..500)),
            troubled: one_of(rng, &[0.0, 0.02, 0.1, 0.3]),
            busy: one_of(rng, &[0.0, 0.02, 0.2]),
            disturbances,
        }
    }

    fn disturbance(rng: &mut SmallRng) -> Disturbance {
        let all = [
            Disturbance::Join,
            Disturbance::Join,
            Disturbance::Crash,
            Disturbance::Stop,
            Disturbance::Expel,
            Disturbance::Shuffle,
            Disturbance::Shuffle,
            Disturbance::Freeze,
            Disturbance::Freeze,
            Disturbance::Pause,
        ];
        one_of(rng, &all)
    }
}

fn one_of<T: Copy>(rng: &mut SmallRng, choices: &[T]) -> T {
    #[expect(
        clippy::expect_used,
        reason = "every caller passes a literal with something in it"
    )]
    *choices.choose(rng).expect("a choice of nothing")
}

//! What a seed has in store: the policy, the size of the group, and how hostile its world is.

use std::{num::NonZeroU32, time::Duration};

use pelton_dispatch::{Guarantee, OnExhausted, Order, Policy, Retry};
use rand::{Rng, rngs::SmallRng, seq::IndexedRandom};

/// When the first disturbance may come.
const QUIET_START: Duration = Duration::from_millis(200);

/// Everything that is fixed for one run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub policy: Policy,
    pub partitions: usize,
    /// Messages in each partition.
    pub messages: usize,
    pub most_bytes: u32,
    /// The chance of a gap before each offset.
    pub gaps: f64,
    /// The share of messages that aren't simply handled.
    pub trouble: f64,
    /// Different keys; none, if there is none.
    pub keys: u64,
    /// The share of messages that the handler spends waiting.
    pub waits: f64,
    /// The guest goes on with other rows behind a failure (rule 39).
    pub goes_on: bool,
    /// Most bytes of metadata, for members with an even and with an odd number: a configuration is being changed.
    pub metadata_bytes: [u32; 2],
    /// The chance that another program's metadata stands where a partition is assigned.
    pub foreign: f64,
    /// How far members' clocks are apart.
    pub most_skew: Duration,
    /// The chance that a machine's byte limit changes.
    pub buffer_changes: f64,
    /// The share of messages that take very long.
    pub slow: f64,
    /// An instance that dies takes the results of its call with it.
    pub packed: bool,
    /// The chance that a call is cut short without being asked to, as a swap does.
    pub swap: f64,
    /// The revision that runs is on probation, and the one before stands by.
    pub probation: bool,
    /// The chance that a commit fails.
    pub commit_fails: f64,
    /// The chance that a write takes long.
    pub late_write: f64,
    /// While the dead-letter topic refuses everything.
    pub letters_refused: (Duration, Duration),
    pub members: usize,
    pub drain_limit: Duration,
    pub session: Duration,
    pub disturbances: Vec<(Duration, Disturbance)>,
    /// From here on nothing fails any more but what the messages themselves do.
    pub calm_at: Duration,
}

/// Something that happens to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Disturbance {
    /// A member starts.
    Join,
    /// A member's process dies.
    Crash,
    /// A member stops as asked.
    Stop,
    /// The coordinator gives a living member up; it learns that later.
    Fence,
    /// The assignment changes without a reason.
    Shuffle,
    /// An operator pauses a member for a while.
    Pause,
}

impl Plan {
    pub fn draw(rng: &mut SmallRng) -> Self {
        let calm_at = Duration::from_millis(rng.random_range(2_000..20_000));
        let refused_from = rng.random_range(Duration::ZERO..calm_at);
        let disturbances = if rng.random_bool(0.1) {
            0
        } else {
            rng.random_range(1..14)
        };
        let mut disturbances: Vec<_> = (0..disturbances)
            .map(|_| {
                (
                    rng.random_range(QUIET_START..calm_at),
                    Self::draw_disturbance(rng),
                )
            })
            .collect();
        disturbances.sort_by_key(|(at, _)| *at);
        Self {
            policy: Self::draw_policy(rng),
            partitions: rng.random_range(1..5),
            messages: rng.random_range(10..90),
            most_bytes: 400,
            gaps: one_of(rng, &[0.0, 0.05, 0.5]),
            trouble: one_of(rng, &[0.0, 0.05, 0.2, 0.5]),
            keys: one_of(rng, &[0, 1, 3, 3, 20]),
            waits: one_of(rng, &[0.0, 0.5, 1.0, 1.0]),
            goes_on: rng.random_bool(0.7),
            metadata_bytes: Self::draw_metadata_bytes(rng),
            foreign: one_of(rng, &[0.0, 0.0, 0.1]),
            most_skew: Duration::from_millis(one_of(rng, &[0, 300, 60_000])),
            buffer_changes: one_of(rng, &[0.0, 0.3]),
            slow: one_of(rng, &[0.0, 0.02, 0.1]),
            packed: rng.random_bool(0.7),
            swap: one_of(rng, &[0.0, 0.05]),
            probation: rng.random_bool(0.3),
            commit_fails: one_of(rng, &[0.0, 0.1, 0.5]),
            late_write: one_of(rng, &[0.0, 0.05, 0.3]),
            letters_refused: (refused_from, rng.random_range(refused_from..=calm_at)),
            members: rng.random_range(1..4),
            drain_limit: Duration::from_millis(rng.random_range(50..2_000)),
            session: Duration::from_millis(rng.random_range(500..3_000)),
            disturbances,
            calm_at,
        }
    }

    fn draw_disturbance(rng: &mut SmallRng) -> Disturbance {
        let all = [
            Disturbance::Join,
            Disturbance::Join,
            Disturbance::Crash,
            Disturbance::Stop,
            Disturbance::Fence,
            Disturbance::Shuffle,
            Disturbance::Pause,
        ];
        one_of(rng, &all)
    }

    fn draw_metadata_bytes(rng: &mut SmallRng) -> [u32; 2] {
        let sizes = [0, 20, 35, 60, 4096, 4096, 4096];
        let size = one_of(rng, &sizes);
        let other = one_of(rng, &sizes);
        if rng.random_bool(0.8) {
            [size, size]
        } else {
            [size, other]
        }
    }

    fn draw_policy(rng: &mut SmallRng) -> Policy {
        let backoff = rng.random_range(0..1_000);
        let number =
            |rng: &mut SmallRng, most| NonZeroU32::MIN.saturating_add(rng.random_range(0..most));
        Policy {
            guarantee: Guarantee::AtLeastOnce,
            retry: Retry {
                attempts: number(rng, 4),
                backoff: Duration::from_millis(backoff),
                max_backoff: Duration::from_millis(rng.random_range(backoff..4_000)),
                jitter_percent: one_of(rng, &[0, 20, 100]),
                jitter_seed: rng.random(),
            },
            on_exhausted: one_of(
                rng,
                &[
                    OnExhausted::DeadLetter,
                    OnExhausted::DeadLetter,
                    OnExhausted::DeadLetter,
                    OnExhausted::Skip,
                    OnExhausted::Stop,
                ],
            ),
            order: one_of(
                rng,
                &[Order::Partition, Order::Key, Order::Key, Order::None],
            ),
            in_flight: NonZeroU32::MIN.saturating_add(one_of(rng, &[0, 1, 4, 20, 999, 999])),
            calls: number(rng, 8),
            batch_messages: number(rng, 40),
            batch_bytes: rng.random_range(100..5_000),
            batch_target: Duration::from_millis(rng.random_range(1..50)),
            buffer_messages: number(rng, 60),
            buffer_bytes: rng.random_range(100..20_000),
            commit_interval: Duration::from_millis(one_of(rng, &[0, 10, 200, 1_000])),
            metadata_bytes: 0,
        }
    }

    /// How long the handler takes for a message.
    pub fn draw_handling(&self, rng: &mut SmallRng) -> Duration {
        if rng.random_bool(self.slow) {
            Duration::from_millis(rng.random_range(100..5_000))
        } else {
            Duration::from_micros(rng.random_range(1..20_000))
        }
    }

    /// A message's key; many have none.
    pub fn draw_key(&self, rng: &mut SmallRng) -> Option<u64> {
        let has_one = self.keys > 0 && rng.random_bool(0.9);
        has_one.then(|| rng.random_range(0..self.keys))
    }

    /// How a member is configured. Where the configuration is being changed, the new one holds fewer messages too.
    pub fn policy_of(&self, member: usize) -> Policy {
        let [old, new] = self.metadata_bytes;
        let mut policy = self.policy.clone();
        policy.metadata_bytes = if member.is_multiple_of(2) { old } else { new };
        if policy.metadata_bytes != old {
            let fewer = policy.buffer_messages.get() / 8;
            policy.buffer_messages = NonZeroU32::MIN.saturating_add(fewer);
        }
        policy
    }

    /// How long the network takes, there or back.
    pub fn draw_latency(&self, rng: &mut SmallRng) -> Duration {
        Duration::from_micros(rng.random_range(100..15_000))
    }
}

fn one_of<T: Copy>(rng: &mut SmallRng, choices: &[T]) -> T {
    #[expect(
        clippy::expect_used,
        reason = "every caller passes a literal with something in it"
    )]
    *choices.choose(rng).expect("a choice of nothing")
}

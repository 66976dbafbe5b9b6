//! What the handler makes of a message: fixed by the seed for each message, whoever handles it.
//!
//! Invariant: how a message must end follows from its behaviour and the policy alone. That is what lets
//! the ledger say at the end that nothing was lost and no innocent message was given up.

use std::time::Duration;

use pelton_dispatch::Policy;
use pelton_types::FailureKind;
use rand::{Rng, rngs::SmallRng, seq::IndexedRandom};

/// What the handler does with one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// It succeeds; no outputs means filtered.
    Done { outputs: u32 },
    /// It succeeds after so many failed attempts.
    Flaky {
        failures: u32,
        kind: FailureKind,
        wish: Option<Duration>,
    },
    /// It always fails in this way.
    Fails(FailureKind),
    /// It fails in this way by the new revision, and succeeds by the one before.
    Regressed(FailureKind),
    /// It breaks every instance that meets it.
    Traps(FailureKind),
    /// It breaks an instance that has handled anything before.
    TrapsOnUsed,
    /// It succeeds and leaves the instance broken: the next message there dies, innocent.
    Breaks,
    /// It succeeds, but the broker refuses an output.
    Refused,
    /// It names an output topic that isn't its own: the driver makes that a failure, alone.
    Forbidden,
    /// The guest passes it over and goes on with the next one.
    PassedOver,
}

/// How a message must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Its outputs land.
    Outputs,
    /// Nothing lands.
    Filtered,
    /// It is given up, as the policy says.
    GivenUp,
}

impl Behaviour {
    /// Draws one; `trouble` is the share of messages that aren't simply handled. Some of them the revision before
    /// could handle, where the one that runs is on `probation`.
    pub fn draw(rng: &mut SmallRng, trouble: f64, probation: bool) -> Self {
        if !rng.random_bool(trouble) {
            return Self::Done {
                outputs: rng.random_range(0..3),
            };
        }
        let instance_faults = [
            FailureKind::Trap,
            FailureKind::TimeLimit,
            FailureKind::MemoryLimit,
            FailureKind::Contract,
        ];
        let ordinary = [
            FailureKind::Retry,
            FailureKind::Other,
            FailureKind::OutputLimit,
        ];
        let of = |rng: &mut SmallRng, kinds: &[FailureKind]| {
            kinds.choose(rng).copied().unwrap_or(FailureKind::Other)
        };
        match rng.random_range(0..20) {
            0..6 => Self::Flaky {
                failures: rng.random_range(1..4),
                kind: of(rng, &ordinary),
                wish: rng
                    .random_bool(0.3)
                    .then(|| Duration::from_millis(rng.random_range(0..3000))),
            },
            6..8 if probation => {
                let all = [&ordinary[..], &instance_faults].concat();
                Self::Regressed(of(rng, &all))
            }
            6..8 => Self::Fails(of(rng, &ordinary)),
            8..10 => Self::Fails(FailureKind::Reject),
            10..12 => Self::Traps(of(rng, &instance_faults)),
            12..14 => Self::TrapsOnUsed,
            14..16 => Self::Breaks,
            16..18 => Self::Refused,
            18 => Self::Forbidden,
            _ => Self::PassedOver,
        }
    }

    /// How a message of this behaviour must end.
    pub fn expected(self, policy: &Policy) -> Expected {
        match self {
            Self::Done { outputs: 0 } => Expected::Filtered,
            Self::Done { .. } | Self::TrapsOnUsed | Self::Breaks | Self::Regressed(_) => {
                Expected::Outputs
            }
            Self::Flaky { failures, .. } if failures < policy.retry.attempts.get() => {
                Expected::Outputs
            }
            Self::Flaky { .. }
            | Self::Fails(_)
            | Self::Traps(_)
            | Self::Refused
            | Self::Forbidden
            | Self::PassedOver => Expected::GivenUp,
        }
    }
}

//! How long to wait before something is tried again.
//!
//! Invariant: a delay never exceeds the policy's longest one, and the same message, attempt and seed
//! give the same delay: a recording replays identically.

use std::time::Duration;

use pelton_types::{Failure, Offset};

use crate::Retry;

/// The least time between two writes of a refused dead letter. They go on for ever, so a configuration
/// without a back-off must not turn them into a busy loop.
const LETTER_FLOOR: Duration = Duration::from_millis(100);

/// Longer delays are cut to this (some 584 years), so that the arithmetic can't overflow.
const LONGEST: Duration = Duration::from_nanos(u64::MAX);

/// The delay after attempt `attempt` (from 1) failed. What the handler asked for is obeyed as it is.
pub(super) fn after_failure(
    retry: &Retry,
    offset: Offset,
    attempt: u32,
    failure: &Failure,
) -> Duration {
    match failure.retry_after {
        Some(wish) => wish.min(retry.max_backoff),
        None => spread(retry, offset, attempt, doubled(retry.backoff, attempt)),
    }
}

/// The delay after a dead letter was refused for the `refusals`-th time.
pub(super) fn after_refusal(retry: &Retry, offset: Offset, refusals: u32) -> Duration {
    spread(
        retry,
        offset,
        refusals,
        doubled(retry.backoff.max(LETTER_FLOOR), refusals),
    )
    .max(LETTER_FLOOR)
}

/// The `n`-th delay (from 1) of a row that doubles.
fn doubled(first: Duration, n: u32) -> Duration {
    let exponent = n.saturating_sub(1).min(31);
    first.saturating_mul(1_u32 << exponent)
}

/// Caps a delay and spreads it by the policy's percentage, so that messages that failed together
/// are not all repeated together.
fn spread(retry: &Retry, offset: Offset, n: u32, delay: Duration) -> Duration {
    let nanos = delay.min(retry.max_backoff).min(LONGEST).as_nanos();
    let percent = u128::from(retry.jitter_percent.min(100));
    let random = mix(retry.jitter_seed ^ mix(offset.cast_unsigned() ^ mix(u64::from(n)))) >> 32;
    // From -percent to +percent, in parts of 2^32.
    let share = nanos * percent / 100;
    let spread = nanos - share + ((2 * share * u128::from(random)) >> 32);
    Duration::from_nanos(u64::try_from(spread).unwrap_or(u64::MAX)).min(retry.max_backoff)
}

/// SplitMix64's finalizer: every bit of the input reaches every bit of the output.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use pelton_types::FailureKind;

    use super::*;

    fn retry(backoff: u64, most: u64, jitter_percent: u8) -> Retry {
        Retry {
            attempts: NonZeroU32::MAX,
            backoff: Duration::from_millis(backoff),
            max_backoff: Duration::from_millis(most),
            jitter_percent,
            jitter_seed: 7,
        }
    }

    fn failure(retry_after: Option<u64>) -> Failure {
        Failure {
            retry_after: retry_after.map(Duration::from_millis),
            ..Failure::new(FailureKind::Retry, "again")
        }
    }

    #[test]
    fn doubles_up_to_the_ceiling() {
        let delays: Vec<_> = (1..6)
            .map(|n| after_failure(&retry(100, 1000, 0), 5, n, &failure(None)).as_millis())
            .collect();
        assert_eq!(delays, [100, 200, 400, 800, 1000]);
        assert_eq!(
            after_failure(&retry(100, 1000, 0), 5, u32::MAX, &failure(None)).as_millis(),
            1000
        );
    }

    #[test]
    fn the_handlers_wish_is_obeyed_within_the_ceiling() {
        assert_eq!(
            after_failure(&retry(100, 1000, 50), 5, 3, &failure(Some(7))).as_millis(),
            7
        );
        assert_eq!(
            after_failure(&retry(100, 1000, 50), 5, 3, &failure(Some(7000))).as_millis(),
            1000
        );
    }

    #[test]
    fn the_random_part_comes_of_seed_offset_and_attempt() {
        let retry = retry(1000, 10_000, 50);
        for (offset, n) in [(0_i64, 1_u32), (5, 2), (1_000_003, 3)] {
            let random = mix(7 ^ mix(offset.cast_unsigned() ^ mix(u64::from(n)))) >> 32;
            let delay = 1_000_000_000_u128;
            let expected = delay / 2 + ((delay * u128::from(random)) >> 32);
            let spread = spread(&retry, offset, n, Duration::from_secs(1));
            assert_eq!(spread.as_nanos(), expected, "offset {offset}, attempt {n}");
        }
    }

    #[test]
    fn jitter_spreads_within_its_share_and_repeats_itself() {
        let retry = retry(1000, 10_000, 20);
        let delays: Vec<_> = (0..500)
            .map(|offset| after_failure(&retry, offset, 1, &failure(None)))
            .collect();
        let (low, high) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
        assert!(low.as_millis() >= 800 && low.as_millis() < 820, "{low:?}");
        assert!(
            high.as_millis() <= 1200 && high.as_millis() > 1180,
            "{high:?}"
        );
        let again: Vec<_> = (0..500)
            .map(|offset| after_failure(&retry, offset, 1, &failure(None)))
            .collect();
        assert_eq!(delays, again);
    }

    /// Delays that changed with a release would make its recordings useless.
    #[test]
    fn the_random_part_is_splitmix64() {
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(mix(0x9E37_79B9_7F4A_7C15), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn jitter_never_exceeds_the_ceiling() {
        let retry = retry(1000, 1000, 100);
        assert!((0..500).all(|offset| after_failure(&retry, offset, 1, &failure(None)) <= retry.max_backoff));
    }

    #[test]
    fn extreme_durations_do_not_overflow() {
        let retry = Retry {
            backoff: Duration::MAX,
            max_backoff: Duration::MAX,
            jitter_percent: 100,
            ..retry(0, 0, 0)
        };
        assert!(after_failure(&retry, Offset::MAX, u32::MAX, &failure(None)) <= Duration::MAX);
    }

    #[test]
    fn a_refused_dead_letter_never_becomes_a_busy_loop() {
        assert!(after_refusal(&retry(0, 0, 100), 5, 1) >= LETTER_FLOOR);
    }
}

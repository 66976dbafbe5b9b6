//! How many messages fit into a call, by how long they took so far.
//!
//! Invariant: at least one, at most what the policy allows; never more than double of what was tried.

use std::{num::NonZeroU32, time::Duration};

/// Messages in the first call, when nothing is known of the handler.
const FIRST_BATCH: u32 = 16;

/// Follows the handler's speed and derives the size of the next batch.
#[derive(Debug)]
pub(super) struct Pace {
    target: u128,
    most: u32,
    batch: u32,
    /// Nanoseconds a message takes, smoothed.
    message: Option<u128>,
}

impl Pace {
    pub fn new(target: Duration, most: NonZeroU32) -> Self {
        let most = most.get();
        Self {
            target: target.as_nanos(),
            most,
            batch: FIRST_BATCH.min(most),
            message: None,
        }
    }

    /// Messages in the next call.
    pub fn batch(&self) -> usize {
        usize::try_from(self.batch).unwrap_or(usize::MAX)
    }

    /// Learns that `messages` messages took this long. A slower handler is believed sooner than a faster
    /// one: a batch that is too long holds up a drain, one that is too short costs microseconds.
    pub fn learn(&mut self, messages: usize, took: Duration) {
        if messages == 0 {
            return;
        }
        let sample = took.as_nanos() / messages as u128;
        let message = match self.message {
            None => sample,
            Some(known) if sample > known => (known + sample) / 2,
            Some(known) => (known * 3 + sample) / 4,
        };
        self.message = Some(message);
        let fitting = u32::try_from(self.target / message.max(1)).unwrap_or(u32::MAX);
        self.batch = fitting
            .min(self.batch.saturating_mul(2))
            .clamp(1, self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(most: u32) -> Pace {
        Pace::new(Duration::from_millis(1), NonZeroU32::new(most).unwrap())
    }

    #[test]
    fn starts_small_and_within_the_limit() {
        assert_eq!(pace(1000).batch(), 16);
        assert_eq!(pace(5).batch(), 5);
    }

    #[test]
    fn grows_by_doubling_up_to_the_limit_for_a_fast_handler() {
        let mut pace = pace(100);
        let mut sizes = Vec::new();
        for _ in 0..4 {
            pace.learn(pace.batch(), Duration::from_nanos(1));
            sizes.push(pace.batch());
        }
        assert_eq!(sizes, [32, 64, 100, 100]);
    }

    #[test]
    fn a_slow_handler_gets_one_message_a_call() {
        let mut pace = pace(1000);
        pace.learn(16, Duration::from_millis(160));
        assert_eq!(pace.batch(), 1);
    }

    #[test]
    fn settles_at_the_target() {
        let mut pace = pace(1000);
        for _ in 0..20 {
            let batch = pace.batch();
            pace.learn(
                batch,
                Duration::from_micros(10) * u32::try_from(batch).unwrap(),
            );
        }
        assert_eq!(pace.batch(), 100);
    }

    #[test]
    fn nothing_attempted_teaches_nothing() {
        let mut pace = pace(1000);
        pace.learn(0, Duration::from_secs(1));
        assert_eq!(pace.batch(), 16);
    }
}

//! How many messages fit into a call, and how many calls are worth while, by how long messages took so far.
//!
//! Invariant: at least one, at most what the policy allows; never more than double of what was tried.

use std::{num::NonZeroU32, time::Duration};

use crate::{Order, Policy};

/// Messages in the first call, when nothing is known of the handler.
const FIRST_BATCH: u32 = 16;

/// How long a call ran.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallTime {
    pub took: Duration,
    /// The part of it in which it waited for something else than the CPU.
    pub waited: Duration,
}

/// Follows the handler's speed and derives the size of the next batch.
#[derive(Debug)]
pub(super) struct Pace {
    target: u128,
    most: u32,
    batch: u32,
    /// Calls at once, where the handler waits and the order lets messages overtake one another.
    calls: u32,
    /// Nanoseconds a message takes, smoothed.
    message: Option<u128>,
    /// The part of them in which it waits.
    wait: u128,
}

impl Pace {
    pub fn new(policy: &Policy) -> Self {
        let most = policy.batch_messages.get();
        let calls = match policy.order {
            Order::Partition => NonZeroU32::MIN,
            Order::Key | Order::None => policy.calls,
        };
        Self {
            target: policy.batch_target.as_nanos(),
            most,
            batch: FIRST_BATCH.min(most),
            calls: calls.get(),
            message: None,
            wait: 0,
        }
    }

    /// Messages in the next call. Messages that wait side by side are better off in calls of their own.
    pub fn batch(&self) -> usize {
        let batch = if self.overlaps() { 1 } else { self.batch };
        usize::try_from(batch).unwrap_or(usize::MAX)
    }

    /// Calls at once. A handler that computes gains nothing by a second one.
    pub fn calls(&self) -> usize {
        let calls = if self.overlaps() { self.calls } else { 1 };
        usize::try_from(calls).unwrap_or(usize::MAX)
    }

    /// Whether the handler spends most of its time waiting, and others may be called meanwhile.
    fn overlaps(&self) -> bool {
        self.calls > 1 && self.message.is_some_and(|message| 2 * self.wait > message)
    }

    /// Learns how long `messages` messages took. A slower handler is believed sooner than a faster
    /// one: a batch that is too long holds up a drain, one that is too short costs microseconds.
    pub fn learn(&mut self, messages: usize, time: CallTime) {
        if messages == 0 {
            return;
        }
        let sample = time.took.as_nanos() / messages as u128;
        let wait = time.waited.min(time.took).as_nanos() / messages as u128;
        // Both follow alike, so that their ratio never leaves that of the calls.
        let followed = |known: u128, sample: u128, slower| match slower {
            true => (known + sample) / 2,
            false => (known * 3 + sample) / 4,
        };
        let (message, wait) = match self.message {
            None => (sample, wait),
            Some(known) => (
                followed(known, sample, sample > known),
                followed(self.wait, wait, sample > known),
            ),
        };
        (self.message, self.wait) = (Some(message), wait);
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
        in_order(most, Order::Partition)
    }

    fn in_order(most: u32, order: Order) -> Pace {
        Pace::new(&Policy {
            order,
            batch_messages: NonZeroU32::new(most).unwrap(),
            ..crate::policy::example()
        })
    }

    fn ran(took: Duration) -> CallTime {
        CallTime {
            took,
            waited: Duration::ZERO,
        }
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
            pace.learn(pace.batch(), ran(Duration::from_nanos(1)));
            sizes.push(pace.batch());
        }
        assert_eq!(sizes, [32, 64, 100, 100]);
    }

    #[test]
    fn a_slow_handler_gets_one_message_a_call() {
        let mut pace = pace(1000);
        pace.learn(16, ran(Duration::from_millis(160)));
        assert_eq!(pace.batch(), 1);
    }

    #[test]
    fn settles_at_the_target() {
        let mut pace = pace(1000);
        for _ in 0..20 {
            let batch = pace.batch();
            pace.learn(
                batch,
                ran(Duration::from_micros(10) * u32::try_from(batch).unwrap()),
            );
        }
        assert_eq!(pace.batch(), 100);
    }

    #[test]
    fn a_slower_message_counts_half_and_a_faster_one_a_quarter() {
        let after = |first: u64, second: u64| {
            let mut pace = pace(1000);
            pace.learn(1, ran(Duration::from_micros(first)));
            pace.learn(1, ran(Duration::from_micros(second)));
            pace.batch()
        };
        assert_eq!(after(10, 30), 50, "20 us each");
        assert_eq!(after(40, 20), 28, "35 us each");
    }

    #[test]
    fn messages_as_slow_as_before_do_not_make_a_handler_wait() {
        let mut pace = in_order(100, Order::Key);
        let took = Duration::from_micros(100);
        for waited in [Duration::ZERO, took, took] {
            pace.learn(1, CallTime { took, waited });
        }
        assert_eq!(pace.calls(), 1, "44 of 100 us");
    }

    #[test]
    fn nothing_attempted_teaches_nothing() {
        let mut pace = pace(1000);
        pace.learn(0, ran(Duration::from_secs(1)));
        assert_eq!(pace.batch(), 16);
    }

    #[test]
    fn a_handler_that_waits_gets_one_message_a_call_and_many_calls() {
        let waits = CallTime {
            took: Duration::from_micros(100),
            waited: Duration::from_micros(90),
        };
        for (order, calls) in [(Order::Partition, 1), (Order::Key, 8), (Order::None, 8)] {
            let mut pace = in_order(100, order);
            assert_eq!(pace.calls(), 1, "nothing is known yet");
            pace.learn(1, waits);
            assert_eq!(pace.calls(), calls, "{order:?}");
            assert_eq!(pace.batch() == 1, calls > 1, "{order:?}");
        }
    }

    #[test]
    fn the_waits_of_a_batch_are_shared_out_among_its_messages() {
        let mut pace = in_order(100, Order::Key);
        let took = Duration::from_micros(1000);
        let waited = Duration::from_micros(400);
        pace.learn(10, CallTime { took, waited });
        assert_eq!(pace.calls(), 1, "40 of 100 us");
    }

    #[test]
    fn one_long_wait_does_not_make_a_waiting_handler_look_busy() {
        let mut pace = in_order(100, Order::Key);
        for took in [10, 1000, 10, 10] {
            let (took, waited) = (
                Duration::from_millis(took),
                Duration::from_millis(took * 9 / 10),
            );
            pace.learn(1, CallTime { took, waited });
            assert_eq!(pace.calls(), 8);
        }
    }

    #[test]
    fn a_handler_that_computes_gets_one_call_at_a_time() {
        let mut pace = in_order(100, Order::Key);
        pace.learn(1, ran(Duration::from_secs(1)));
        assert_eq!(pace.calls(), 1);
    }
}

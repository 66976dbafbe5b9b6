//! How long messages took from being fetched to being finished, in buckets.
//!
//! A message is finished together with many others, so what is counted comes in numbers: one addition for all that were
//! fetched and are finished together.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};

/// The upper ends of the buckets in seconds; what took longer is in one more.
const BOUNDS: [f64; 16] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0,
];
const BUCKETS: usize = BOUNDS.len() + 1;

/// Counts on. Copies are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latency(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    buckets: [AtomicU64; BUCKETS],
    micros: AtomicU64,
}

/// What was counted at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latencies([u64; BUCKETS]);

impl Latency {
    /// So many messages took so long.
    pub(crate) fn add(&self, took: Duration, messages: u64) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        self.0.buckets[bucket].fetch_add(messages, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0
            .micros
            .fetch_add(micros.saturating_mul(messages), Ordering::Relaxed);
    }

    pub(crate) fn counted(&self) -> Latencies {
        let bucket = |at: usize| self.0.buckets[at].load(Ordering::Relaxed);
        Latencies(std::array::from_fn(bucket))
    }
}

impl Latencies {
    /// What was counted after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self(std::array::from_fn(|at| {
            self.0[at].saturating_sub(earlier.0[at])
        }))
    }

    /// In seconds, what this share of the messages took at the most: within its bucket as if they were spread evenly, as
    /// Prometheus has it. Of the longest ones only that they took longer than the last bound is known, which is told.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let all: u64 = self.0.iter().sum();
        let rank = share * all as f64;
        let mut below = 0.0;
        let mut lower = 0.0;
        for (upper, count) in BOUNDS.into_iter().zip(self.0) {
            let count = count as f64;
            if count > 0.0 && below + count >= rank {
                return Some(lower + (upper - lower) * (rank - below) / count);
            }
            (below, lower) = (below + count, upper);
        }
        (all > 0).then_some(lower)
    }
}

impl EncodeMetric for Latency {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let counted = self.counted().0;
        let ends = BOUNDS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = ends.zip(counted).collect();
        let sum = self.0.micros.load(Ordering::Relaxed) as f64 / 1e6;
        encoder.encode_histogram::<NoLabelSet>(sum, counted.iter().sum(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Latency {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_quantile_lies_within_the_bucket_of_its_rank() {
        let latency = Latency::default();
        assert_eq!(latency.counted().quantile(0.5), None);
        latency.add(millis(15), 100);
        // Half of the way from 10 to 20 ms.
        assert_eq!(latency.counted().quantile(0.5), Some(0.015));
        latency.add(millis(700), 100);
        assert_eq!(latency.counted().quantile(0.5), Some(0.02));
        assert_eq!(latency.counted().quantile(1.0), Some(1.0));
    }

    #[test]
    fn what_was_counted_before_is_left_out() {
        let latency = Latency::default();
        latency.add(millis(15), 1_000_000);
        let before = latency.counted();
        latency.add(millis(700), 1);
        let since = latency.counted().since(&before);
        assert_eq!(since.quantile(1.0), Some(1.0));
        assert_eq!(before.since(&before).quantile(0.5), None);
    }

    #[test]
    fn of_what_took_longer_than_the_last_bound_that_is_told() {
        let latency = Latency::default();
        latency.add(Duration::from_secs(100_000), 3);
        assert_eq!(latency.counted().quantile(0.99), Some(300.0));
    }
}

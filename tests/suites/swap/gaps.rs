//! How long a partition had messages and none came out, by the brokers' clock.

use std::ops::Range;

use pelton_harness::Message;

/// When messages were written to one partition, and when what came of them was, each in order.
struct Lane {
    inputs: Vec<i64>,
    outputs: Vec<i64>,
}

/// All partitions of a handler that forwards to a topic of as many.
pub struct Flow(Vec<Lane>);

impl Flow {
    pub fn new(inputs: &[Message], outputs: &[Message], partitions: i32) -> Self {
        let lane = |partition| Lane {
            inputs: written(inputs, partition),
            outputs: written(outputs, partition),
        };
        Self((0..partitions).map(lane).collect())
    }

    /// The longest gap of each partition within each of these stretches of time, in order.
    pub fn longest_gaps(&self, stretches: &[Range<i64>]) -> Gaps {
        let gaps = self
            .0
            .iter()
            .flat_map(|lane| stretches.iter().map(|stretch| lane.longest_gap(stretch)));
        let mut gaps: Vec<i64> = gaps.collect();
        gaps.sort_unstable();
        Gaps(gaps)
    }

    /// How many messages of one partition waited through one of these stretches, at the least.
    pub fn least_waiting(&self, stretches: &[Range<i64>]) -> usize {
        let waiting = self
            .0
            .iter()
            .flat_map(|lane| stretches.iter().map(|stretch| lane.waiting(stretch)));
        waiting.min().unwrap_or(0)
    }
}

impl Lane {
    fn longest_gap(&self, stretch: &Range<i64>) -> i64 {
        let Self { inputs, outputs } = self;
        // After `n` outputs there is something to do from the input `n` on.
        let gap = |n: usize| outputs[n + 1] - outputs[n].max(inputs[n + 1]);
        // With the gaps that reach into it.
        let from = outputs.partition_point(|at| *at < stretch.start);
        let to = outputs.partition_point(|at| *at < stretch.end);
        let to = to.min(outputs.len().saturating_sub(1));
        (from.saturating_sub(1)..to).map(gap).max().unwrap_or(0)
    }

    fn waiting(&self, stretch: &Range<i64>) -> usize {
        let there = self.inputs.partition_point(|at| *at < stretch.start);
        let done = self.outputs.partition_point(|at| *at < stretch.end);
        there.saturating_sub(done)
    }
}

fn written(messages: &[Message], partition: i32) -> Vec<i64> {
    let of = messages
        .iter()
        .filter(|message| message.partition == partition);
    let mut written: Vec<i64> = of.filter_map(|message| message.timestamp).collect();
    written.sort_unstable();
    written
}

/// In milliseconds, in order.
pub struct Gaps(Vec<i64>);

impl std::fmt::Display for Gaps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let share = |percent: usize| self.0[(self.0.len() - 1) * percent / 100];
        let (half, most, all) = (share(50), share(99), share(100));
        write!(f, "p50 {half} ms, p99 {most} ms, most {all} ms")
    }
}

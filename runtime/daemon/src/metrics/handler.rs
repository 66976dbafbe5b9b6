//! What is counted of one handler.

mod counts;

use std::{sync::Arc, time::Duration};

use pelton_types::{FailureKind, Message, Output, Verdict};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};

use super::{
    Count, HandlerLabel, KindLabel, Latencies, Latency, Metrics, OutcomeLabel, PartitionLabel,
    RevisionLabel, Seconds, StageLabel, WhatLabel,
    count::HandlerCounts,
    forget::{ENDINGS, OUTCOMES},
};
use crate::component::What;

/// The figures of one partition.
pub(crate) struct PartitionFigures<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub committed: i64,
    pub lag: Option<i64>,
    pub in_flight: i64,
}

#[cfg(test)]
impl PartitionFigures<'_> {
    /// Of a partition of the topic `t`.
    pub(crate) fn example(partition: i32) -> Self {
        Self {
            topic: "t",
            partition,
            committed: 1,
            lag: Some(1),
            in_flight: 1,
        }
    }
}

/// One handler's share, with its labels looked up once.
pub(crate) struct HandlerMetrics {
    all: Arc<Metrics>,
    handler: String,
    group: String,
    counts: HandlerCounts,
    call_seconds: Seconds,
    guest_seconds: Seconds,
    latency: Latency,
    probation: Gauge,
    paused: Gauge,
}

impl Metrics {
    /// The metrics of one handler.
    pub(crate) fn handler(self: &Arc<Self>, handler: &str, group: &str) -> HandlerMetrics {
        let label = HandlerLabel {
            handler: handler.to_owned(),
        };
        self.begin_outcomes(handler);
        HandlerMetrics {
            counts: self.counts.of(&label),
            call_seconds: self.call_seconds.get_or_create(&label).clone(),
            guest_seconds: self.guest_seconds.get_or_create(&label).clone(),
            latency: self.latency.get_or_create(&label).clone(),
            probation: self.probation.get_or_create(&label).clone(),
            paused: self.paused.get_or_create(&label).clone(),
            all: self.clone(),
            handler: handler.to_owned(),
            group: group.to_owned(),
        }
    }
}

impl Metrics {
    /// Whoever watches for a first dead letter needs the zero before it.
    fn begin_outcomes(&self, handler: &str) {
        let begin = |family: &Family<OutcomeLabel, Counter>, outcome| {
            let handler = handler.to_owned();
            drop(family.get_or_create(&OutcomeLabel { handler, outcome }));
        };
        ENDINGS
            .into_iter()
            .for_each(|how| begin(&self.exhausted, how));
        let transactions = OUTCOMES.into_iter();
        transactions.for_each(|how| begin(&self.transactions, how));
    }
}

/// Outputs that are counted together: what is counted is shared by all partitions.
#[derive(Debug, Default)]
pub(crate) struct Made {
    outputs: u64,
    bytes: u64,
}

impl Made {
    pub(crate) fn extend(&mut self, outputs: &[Output]) {
        self.outputs += outputs.len() as u64;
        let bytes = outputs.iter().map(|output| output.size() as u64);
        self.bytes += bytes.sum::<u64>();
    }
}

impl HandlerMetrics {
    pub(crate) fn count(&self, what: Count) {
        self.count_many(what, 1);
    }

    fn count_many(&self, what: Count, times: u64) {
        self.counts.get(what).inc_by(times);
    }

    pub(crate) fn fetched(&self, messages: &[Message]) {
        self.count_many(Count::Fetched, messages.len() as u64);
        let bytes = messages.iter().map(|message| message.size() as u64);
        self.count_many(Count::FetchedBytes, bytes.sum());
    }

    pub(crate) fn called(&self, verdicts: &[Verdict], took: Duration, ran: Duration) {
        self.count(Count::Calls);
        self.call_seconds.inc_by(took.as_secs_f64());
        self.guest_seconds.inc_by(ran.as_secs_f64());
        let mut handled = 0;
        for verdict in verdicts {
            match verdict {
                Verdict::Done { .. } => handled += 1,
                Verdict::Failed(failure) => self.of_kind(&self.all.failures, failure.kind.as_str()),
                Verdict::NotAttempted => {}
            }
        }
        self.count_many(Count::Handled, handled);
    }

    /// So many messages, fetched together, are finished after so long.
    pub(crate) fn finished(&self, took: Duration, messages: u64) {
        self.latency.add(took, messages);
    }

    /// How long messages took.
    pub(crate) fn latencies(&self) -> Latencies {
        self.latency.counted()
    }

    pub(crate) fn outputs(&self, made: &mut Made) {
        if made.outputs > 0 {
            self.count_many(Count::Outputs, made.outputs);
            self.count_many(Count::OutputBytes, made.bytes);
            *made = Made::default();
        }
    }

    pub(crate) fn retried(&self, kind: FailureKind) {
        self.of_kind(&self.all.retries, kind.as_str());
    }

    /// A message ended otherwise than by success: `dead-lettered`, `skipped` or `halted`.
    pub(crate) fn ended(&self, how: &'static str) {
        self.came_to(&self.all.exhausted, how);
    }

    pub(crate) fn swapped(&self, from: Option<String>, to: String) {
        let label = |revision| RevisionLabel {
            handler: self.handler.clone(),
            revision,
        };
        if let Some(from) = from {
            self.count(Count::Swaps);
            self.all.revision.remove(&label(from));
        }
        self.all.revision.get_or_create(&label(to)).set(1);
    }

    /// Each transition counts here; some have a count of their own besides.
    pub(crate) fn transition(&self, what: What) {
        let label = WhatLabel {
            handler: self.handler.clone(),
            what: what.as_str(),
        };
        self.all.transitions.get_or_create(&label).inc();
    }

    pub(crate) fn on_probation(&self, is: bool) {
        self.probation.set(is.into());
    }

    pub(crate) fn paused(&self, is: bool) {
        self.paused.set(is.into());
    }

    pub(crate) fn transaction(&self, outcome: &'static str) {
        self.came_to(&self.all.transactions, outcome);
    }

    pub(crate) fn partition(&self, figures: &PartitionFigures<'_>) {
        let label = self.partition_label(figures.topic, figures.partition);
        self.all.know(&label);
        self.all
            .committed
            .get_or_create(&label)
            .set(figures.committed);
        if let Some(lag) = figures.lag {
            self.all.lag.get_or_create(&label).set(lag);
        }
        self.all
            .in_flight
            .get_or_create(&label)
            .set(figures.in_flight);
    }

    /// How many partitions do not move, by where they stand.
    pub(crate) fn stalled(&self, counts: impl IntoIterator<Item = (&'static str, i64)>) {
        for (stage, count) in counts {
            let (handler, group) = (self.handler.clone(), self.group.clone());
            let label = StageLabel {
                handler,
                group,
                stage,
            };
            self.all.stalled.get_or_create(&label).set(count);
        }
    }

    /// Forgets a partition that isn't assigned any more: another daemon reports it now.
    pub(crate) fn forget(&self, topic: &str, partition: i32) {
        let label = self.partition_label(topic, partition);
        self.all.forget_partitions(|known| *known == label);
    }

    fn partition_label(&self, topic: &str, partition: i32) -> PartitionLabel {
        PartitionLabel {
            handler: self.handler.clone(),
            group: self.group.clone(),
            topic: topic.to_owned(),
            partition,
        }
    }

    fn came_to(&self, family: &Family<OutcomeLabel, Counter>, outcome: &'static str) {
        let handler = self.handler.clone();
        let label = OutcomeLabel { handler, outcome };
        family.get_or_create(&label).inc();
    }

    fn of_kind(&self, family: &Family<KindLabel, Counter>, kind: &'static str) {
        family
            .get_or_create(&KindLabel {
                handler: self.handler.clone(),
                kind,
            })
            .inc();
    }
}

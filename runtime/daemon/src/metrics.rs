//! What the daemon counts. Names are constants of this file; labels stay bounded by the configuration.

mod compilations;
mod counts;
mod forget;
mod reloads;

use std::{
    collections::HashSet,
    fmt::Write,
    sync::{Mutex, atomic::AtomicU64},
    time::Duration,
};

use pelton_engine::CompilationCounts;
use pelton_types::{FailureKind, Message, Verdict};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::component::What;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandlerLabel {
    handler: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    handler: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    handler: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhatLabel {
    handler: String,
    what: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabel {
    handler: String,
    group: String,
    topic: String,
    partition: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    handler: String,
    group: String,
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RevisionLabel {
    handler: String,
    revision: String,
}

type Seconds = Counter<f64, AtomicU64>;

/// Every metric family of a daemon.
pub struct Metrics {
    registry: Registry,
    fetched: Family<HandlerLabel, Counter>,
    fetched_bytes: Family<HandlerLabel, Counter>,
    handled: Family<HandlerLabel, Counter>,
    failures: Family<KindLabel, Counter>,
    retries: Family<KindLabel, Counter>,
    exhausted: Family<KindLabel, Counter>,
    outputs: Family<HandlerLabel, Counter>,
    calls: Family<HandlerLabel, Counter>,
    call_seconds: Family<HandlerLabel, Seconds>,
    transitions: Family<WhatLabel, Counter>,
    swaps: Family<HandlerLabel, Counter>,
    refused_revisions: Family<HandlerLabel, Counter>,
    rollbacks: Family<HandlerLabel, Counter>,
    kept_used: Family<HandlerLabel, Counter>,
    votes: Family<HandlerLabel, Counter>,
    fallbacks: Family<HandlerLabel, Counter>,
    probation: Family<HandlerLabel, Gauge>,
    paused: Family<HandlerLabel, Gauge>,
    rebalances: Family<HandlerLabel, Counter>,
    transactions: Family<OutcomeLabel, Counter>,
    revision: Family<RevisionLabel, Gauge>,
    committed: Family<PartitionLabel, Gauge>,
    lag: Family<PartitionLabel, Gauge>,
    in_flight: Family<PartitionLabel, Gauge>,
    /// Partitions of which there are figures. A task that is aborted or dies can't forget its own.
    partitions: Mutex<HashSet<PartitionLabel>>,
    stalled: Family<StageLabel, Gauge>,
    reloads: reloads::Reloads,
}

/// The figures of one partition.
pub(crate) struct PartitionFigures<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub committed: i64,
    pub lag: Option<i64>,
    pub in_flight: i64,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pelton");
        let mut metrics = Self {
            fetched: Family::default(),
            fetched_bytes: Family::default(),
            handled: Family::default(),
            failures: Family::default(),
            retries: Family::default(),
            exhausted: Family::default(),
            outputs: Family::default(),
            calls: Family::default(),
            call_seconds: Family::default(),
            transitions: Family::default(),
            swaps: Family::default(),
            refused_revisions: Family::default(),
            rollbacks: Family::default(),
            kept_used: Family::default(),
            votes: Family::default(),
            fallbacks: Family::default(),
            probation: Family::default(),
            paused: Family::default(),
            rebalances: Family::default(),
            transactions: Family::default(),
            revision: Family::default(),
            committed: Family::default(),
            lag: Family::default(),
            in_flight: Family::default(),
            partitions: Mutex::default(),
            stalled: Family::default(),
            reloads: reloads::Reloads::default(),
            registry: Registry::default(),
        };
        metrics.register_counters(&mut registry);
        metrics.register_gauges(&mut registry);
        metrics.reloads.register(&mut registry);
        metrics.registry = registry;
        metrics
    }
}

impl Metrics {
    /// The same, with what this engine has compiled.
    pub(crate) fn with_compilations(mut self, counts: CompilationCounts) -> Self {
        let compilations = compilations::Compilations(counts);
        self.registry.register_collector(Box::new(compilations));
        self
    }

    fn register_counters(&self, r: &mut Registry) {
        r.register(
            "fetched_messages",
            "Messages fetched from the broker",
            self.fetched.clone(),
        );
        r.register_with_unit(
            "fetched",
            "Bytes of keys, values and headers fetched",
            Unit::Bytes,
            self.fetched_bytes.clone(),
        );
        r.register(
            "handled_messages",
            "Messages that the handler succeeded with",
            self.handled.clone(),
        );
        r.register(
            "failures",
            "Failed attempts, by kind",
            self.failures.clone(),
        );
        r.register(
            "retries",
            "Failed attempts that another one follows, by kind",
            self.retries.clone(),
        );
        r.register(
            "exhausted_messages",
            "Messages given up on: dead-lettered, skipped or halted at",
            self.exhausted.clone(),
        );
        r.register(
            "output_messages",
            "Messages handed to the producer",
            self.outputs.clone(),
        );
        r.register("calls", "Calls of the component", self.calls.clone());
        r.register_with_unit(
            "call",
            "Time in calls of the component",
            Unit::Seconds,
            self.call_seconds.clone(),
        );
        r.register(
            "revision_transitions",
            "What became of the handler's revisions: one for each line of the log, and of `pelton revisions`",
            self.transitions.clone(),
        );
        r.register("swaps", "Revisions put into place", self.swaps.clone());
        r.register(
            "refused_revisions",
            "Component files that were refused",
            self.refused_revisions.clone(),
        );
        r.register(
            "rollbacks",
            "Revisions given up for the one before",
            self.rollbacks.clone(),
        );
        r.register(
            "kept_components_used",
            "Last good components that were loaded because the file could not be used",
            self.kept_used.clone(),
        );
        r.register(
            "votes",
            "Messages that a revision on probation could not handle, and the one before could",
            self.votes.clone(),
        );
        r.register(
            "fallback_messages",
            "Messages given to the revision before because attempts were used up",
            self.fallbacks.clone(),
        );
        r.register(
            "rebalances",
            "Assignments and revocations",
            self.rebalances.clone(),
        );
        r.register(
            "transactions",
            "Transactions by what became of them; unknown ones are settled by the group's offsets",
            self.transactions.clone(),
        );
    }

    fn register_gauges(&self, r: &mut Registry) {
        r.register(
            "revision",
            "1 for the revision that runs",
            self.revision.clone(),
        );
        r.register(
            "probation",
            "1 while the revision that runs is on probation",
            self.probation.clone(),
        );
        r.register(
            "paused",
            "1 while an operator has paused the handler",
            self.paused.clone(),
        );
        r.register(
            "committed_offset",
            "The next offset that is committed",
            self.committed.clone(),
        );
        r.register(
            "lag_messages",
            "Messages that are not finished, to the end of the partition",
            self.lag.clone(),
        );
        r.register(
            "in_flight_messages",
            "Messages fetched and not finished",
            self.in_flight.clone(),
        );
        r.register(
            "stalled_partitions",
            "Partitions that have messages and do not move, by where they stand",
            self.stalled.clone(),
        );
    }

    /// Every metric in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            text.clear();
            let _ = text.write_str("# EOF\n");
        }
        text
    }

    /// The metrics of one handler.
    pub(crate) fn handler(
        self: &std::sync::Arc<Self>,
        handler: &str,
        group: &str,
    ) -> HandlerMetrics {
        let label = HandlerLabel {
            handler: handler.to_owned(),
        };
        HandlerMetrics {
            fetched: self.fetched.get_or_create(&label).clone(),
            fetched_bytes: self.fetched_bytes.get_or_create(&label).clone(),
            handled: self.handled.get_or_create(&label).clone(),
            outputs: self.outputs.get_or_create(&label).clone(),
            calls: self.calls.get_or_create(&label).clone(),
            call_seconds: self.call_seconds.get_or_create(&label).clone(),
            swaps: self.swaps.get_or_create(&label).clone(),
            refused: self.refused_revisions.get_or_create(&label).clone(),
            rollbacks: self.rollbacks.get_or_create(&label).clone(),
            kept_used: self.kept_used.get_or_create(&label).clone(),
            votes: self.votes.get_or_create(&label).clone(),
            fallbacks: self.fallbacks.get_or_create(&label).clone(),
            probation: self.probation.get_or_create(&label).clone(),
            paused: self.paused.get_or_create(&label).clone(),
            rebalances: self.rebalances.get_or_create(&label).clone(),
            all: self.clone(),
            handler: handler.to_owned(),
            group: group.to_owned(),
        }
    }
}

/// One handler's share, with its labels looked up once.
pub(crate) struct HandlerMetrics {
    all: std::sync::Arc<Metrics>,
    handler: String,
    group: String,
    fetched: Counter,
    fetched_bytes: Counter,
    handled: Counter,
    outputs: Counter,
    calls: Counter,
    call_seconds: Seconds,
    swaps: Counter,
    refused: Counter,
    rollbacks: Counter,
    kept_used: Counter,
    votes: Counter,
    fallbacks: Counter,
    probation: Gauge,
    paused: Gauge,
    rebalances: Counter,
}

impl HandlerMetrics {
    pub(crate) fn fetched(&self, messages: &[Message]) {
        self.fetched.inc_by(messages.len() as u64);
        self.fetched_bytes
            .inc_by(messages.iter().map(|m| m.size() as u64).sum());
    }

    pub(crate) fn called(&self, verdicts: &[Verdict], took: Duration) {
        self.calls.inc();
        self.call_seconds.inc_by(took.as_secs_f64());
        for verdict in verdicts {
            match verdict {
                Verdict::Done { .. } => drop(self.handled.inc()),
                Verdict::Failed(failure) => self.count(&self.all.failures, failure.kind.as_str()),
                Verdict::NotAttempted => {}
            }
        }
    }

    pub(crate) fn outputs(&self, count: usize) {
        self.outputs.inc_by(count as u64);
    }

    pub(crate) fn retried(&self, kind: FailureKind) {
        self.count(&self.all.retries, kind.as_str());
    }

    /// A message ended otherwise than by success: `dead-lettered`, `skipped` or `halted`.
    pub(crate) fn ended(&self, how: &'static str) {
        self.count(&self.all.exhausted, how);
    }

    pub(crate) fn swapped(&self, from: Option<String>, to: String) {
        let label = |revision| RevisionLabel {
            handler: self.handler.clone(),
            revision,
        };
        if let Some(from) = from {
            self.swaps.inc();
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

    pub(crate) fn refused(&self) {
        self.refused.inc();
    }

    pub(crate) fn rolled_back(&self) {
        self.rollbacks.inc();
    }

    pub(crate) fn used_kept(&self) {
        self.kept_used.inc();
    }

    pub(crate) fn voted(&self) {
        self.votes.inc();
    }

    pub(crate) fn fell_back(&self) {
        self.fallbacks.inc();
    }

    pub(crate) fn on_probation(&self, is: bool) {
        self.probation.set(is.into());
    }

    pub(crate) fn paused(&self, is: bool) {
        self.paused.set(is.into());
    }

    pub(crate) fn rebalanced(&self) {
        self.rebalances.inc();
    }

    pub(crate) fn transaction(&self, outcome: &'static str) {
        let label = OutcomeLabel {
            handler: self.handler.clone(),
            outcome,
        };
        self.all.transactions.get_or_create(&label).inc();
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

    fn count(&self, family: &Family<KindLabel, Counter>, kind: &'static str) {
        family
            .get_or_create(&KindLabel {
                handler: self.handler.clone(),
                kind,
            })
            .inc();
    }
}

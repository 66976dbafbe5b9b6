//! What the daemon counts. Names are constants of this file; labels stay bounded by the configuration.

mod compilations;
mod count;
mod forget;
mod handler;
mod latency;
#[cfg(test)]
mod reference;
mod reloads;
mod standing;

use std::{collections::HashSet, sync::atomic::AtomicU64};

use parking_lot::Mutex;
use pelton_engine::Compilations;
use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use self::count::Counts;
pub use self::latency::Latencies;
pub(crate) use self::{
    count::Count,
    handler::{HandlerMetrics, Made, PartitionFigures},
    latency::Latency,
};
use crate::overview::Lives;

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
    counts: Counts,
    failures: Family<KindLabel, Counter>,
    retries: Family<KindLabel, Counter>,
    exhausted: Family<OutcomeLabel, Counter>,
    call_seconds: Family<HandlerLabel, Seconds>,
    guest_seconds: Family<HandlerLabel, Seconds>,
    latency: Family<HandlerLabel, Latency>,
    transitions: Family<WhatLabel, Counter>,
    probation: Family<HandlerLabel, Gauge>,
    paused: Family<HandlerLabel, Gauge>,
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

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pelton");
        let mut metrics = Self {
            counts: Counts::default(),
            failures: Family::default(),
            retries: Family::default(),
            exhausted: Family::default(),
            call_seconds: Family::default(),
            guest_seconds: Family::default(),
            latency: Family::default(),
            transitions: Family::default(),
            probation: Family::default(),
            paused: Family::default(),
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
    pub(crate) fn with_compilations(
        mut self,
        counts: impl Fn() -> Compilations + Send + Sync + 'static,
    ) -> Self {
        let compilations = compilations::Told(counts);
        self.registry.register_collector(Box::new(compilations));
        self
    }

    fn register_counters(&self, r: &mut Registry) {
        self.counts.register(r);
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
        r.register_with_unit(
            "call",
            "Time in calls of the component",
            Unit::Seconds,
            self.call_seconds.clone(),
        );
        r.register_with_unit(
            "guest",
            "Time in which the component itself ran: calls less their waits for the host and for a CPU",
            Unit::Seconds,
            self.guest_seconds.clone(),
        );
        r.register_with_unit(
            "latency",
            "Messages by the time from being fetched until they, and all before them in their partition, were finished",
            Unit::Seconds,
            self.latency.clone(),
        );
        r.register(
            "revision_transitions",
            "What became of the handler's revisions: one for each line of the log, and of `pelton revisions`",
            self.transitions.clone(),
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

    /// Every metric in the OpenMetrics text format, with how the handlers stand at this moment.
    pub fn encode(&self, lives: &Lives) -> String {
        let standings = lives.standings();
        let process = standing::Process {
            ready: lives.not_ready().is_empty(),
            live: lives.is_live(),
            troubles: lives.troubles(),
        };
        let other = standing::registry(&process, standings);
        self.encode_with(&other)
    }

    fn encode_with(&self, other: &Registry) -> String {
        let mut text = String::new();
        let told = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, other));
        if told.is_err() {
            text.clear();
        }
        let _ = encode_eof(&mut text);
        text
    }
}

//! Configurations that were read while the daemon runs.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Metrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HowLabel {
    outcome: &'static str,
}

/// What came of them.
pub(super) struct Reloads {
    done: Counter,
    refused: Counter,
    by_outcome: Family<HowLabel, Counter>,
    out_of_date: Gauge,
}

impl Default for Reloads {
    fn default() -> Self {
        let by_outcome = Family::<HowLabel, Counter>::default();
        let of = |outcome| by_outcome.get_or_create(&HowLabel { outcome }).clone();
        // Both are there from the beginning: who watches for a first refusal needs the zero before it.
        let (done, refused) = (of("done"), of("refused"));
        Self {
            done,
            refused,
            by_outcome,
            out_of_date: Gauge::default(),
        }
    }
}

impl Reloads {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "reloads",
            "Times that the configuration was read anew, by what came of it",
            self.by_outcome.clone(),
        );
        registry.register(
            "configuration_refused",
            "1 while the configuration file says something that was refused",
            self.out_of_date.clone(),
        );
    }
}

impl Metrics {
    /// The daemon runs what the file says.
    pub(crate) fn reloaded(&self) {
        self.reloads.done.inc();
        self.reloads.out_of_date.set(0);
    }

    /// The file was refused.
    pub(crate) fn reload_refused(&self) {
        self.reloads.refused.inc();
        self.reloads.out_of_date.set(1);
    }
}

//! What is not told any more because the handler is gone.

use pelton_types::{FailureKind, RevisionId};

use super::{
    HandlerLabel, KindLabel, Metrics, OutcomeLabel, PartitionLabel, RevisionLabel, StageLabel,
    WhatLabel,
};
use crate::{component::What, stall::Place};

/// How a message ends otherwise than by success.
pub(super) const ENDINGS: [&str; 3] = ["dead-lettered", "skipped", "halted"];
/// What becomes of a transaction.
pub(super) const OUTCOMES: [&str; 3] = ["committed", "aborted", "unknown"];

impl Metrics {
    /// Forgets what was true of one life of a handler. Its counts go on.
    pub(crate) fn forget_life(&self, handler: &str, group: &str, revision: Option<RevisionId>) {
        let handler = || handler.to_owned();
        if let Some(revision) = revision {
            self.revision.remove(&RevisionLabel {
                handler: handler(),
                revision: revision.to_string(),
            });
        }
        for stage in Place::ALL.map(Place::as_str) {
            self.stalled.remove(&StageLabel {
                handler: handler(),
                group: group.to_owned(),
                stage,
            });
        }
        self.forget_partitions(|partition| partition.handler == handler());
    }

    /// Keeps in mind that there are figures of a partition.
    pub(super) fn know(&self, partition: &PartitionLabel) {
        let mut known = self.partitions.lock();
        if !known.contains(partition) {
            known.insert(partition.clone());
        }
    }

    /// Forgets the figures of these partitions.
    pub(super) fn forget_partitions(&self, which: impl Fn(&PartitionLabel) -> bool) {
        for label in self.partitions.lock().extract_if(which) {
            for family in [&self.committed, &self.lag, &self.in_flight] {
                family.remove(&label);
            }
        }
    }

    /// Forgets a handler that is configured no more: labels stay bounded by the configuration.
    pub(crate) fn forget_handler(&self, handler: &str) {
        let label = HandlerLabel {
            handler: handler.to_owned(),
        };
        self.counts.forget(&label);
        self.call_seconds.remove(&label);
        self.guest_seconds.remove(&label);
        self.latency.remove(&label);
        self.probation.remove(&label);
        self.paused.remove(&label);
        for kind in FailureKind::ALL.map(FailureKind::as_str) {
            let handler = handler.to_owned();
            let label = KindLabel { handler, kind };
            self.failures.remove(&label);
            self.retries.remove(&label);
        }
        for (family, outcomes) in [(&self.exhausted, ENDINGS), (&self.transactions, OUTCOMES)] {
            for outcome in outcomes {
                let handler = handler.to_owned();
                family.remove(&OutcomeLabel { handler, outcome });
            }
        }
        for what in What::ALL.map(What::as_str) {
            let handler = handler.to_owned();
            self.transitions.remove(&WhatLabel { handler, what });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::registry::Registry;

    use super::{
        super::{PartitionFigures, reference::count_everything},
        *,
    };

    #[test]
    fn nothing_is_left_of_a_handler_that_is_gone() {
        let metrics = Arc::new(Metrics::default());
        let (gone, stays) = (metrics.handler("gone", "g"), metrics.handler("stays", "g"));
        let revision = RevisionId([7; 32]);
        count_everything(&gone, &[0, 1], revision);
        stays.partition(&PartitionFigures::example(0));
        let told = metrics
            .encode_with(&Registry::default())
            .matches("handler=\"gone\"")
            .count();
        assert!(told > 40, "{told}");
        metrics.forget_life("gone", "g", Some(revision));
        metrics.forget_handler("gone");
        let text = metrics.encode_with(&Registry::default());
        assert!(!text.contains("gone"), "{text}");
        // Its one partition's three figures too.
        let stay = text
            .lines()
            .filter(|line| line.contains("handler=\"stays\""));
        assert_eq!(
            stay.filter(|line| line.contains("partition=\"0\"")).count(),
            3,
            "{text}"
        );
    }

    #[test]
    fn a_partition_that_is_gone_leaves_the_others_figures() {
        let metrics = Arc::new(Metrics::default());
        let handler = metrics.handler("h", "g");
        for partition in [0, 1] {
            handler.partition(&PartitionFigures::example(partition));
        }
        handler.forget("t", 0);
        let text = metrics.encode_with(&Registry::default());
        let of = |partition: &str| text.matches(&format!("partition=\"{partition}\"")).count();
        assert_eq!((of("0"), of("1")), (0, 3), "{text}");
    }
}

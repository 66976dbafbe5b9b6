//! What is not told any more because the handler is gone.

use pelton_types::{FailureKind, RevisionId};

use super::{
    HandlerLabel, KindLabel, Metrics, OutcomeLabel, PartitionLabel, RevisionLabel, StageLabel,
    WhatLabel,
};
use crate::{component::What, stall::Place};

/// How a message ends otherwise than by success.
const ENDINGS: [&str; 3] = ["dead-lettered", "skipped", "halted"];
/// What becomes of a transaction.
const OUTCOMES: [&str; 3] = ["committed", "aborted", "unknown"];

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
        if let Ok(mut known) = self.partitions.lock()
            && !known.contains(partition)
        {
            known.insert(partition.clone());
        }
    }

    /// Forgets the figures of these partitions.
    pub(super) fn forget_partitions(&self, which: impl Fn(&PartitionLabel) -> bool) {
        let Ok(mut known) = self.partitions.lock() else {
            return;
        };
        for label in known.extract_if(which) {
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
        for family in [
            &self.fetched,
            &self.fetched_bytes,
            &self.handled,
            &self.outputs,
            &self.calls,
            &self.swaps,
            &self.refused_revisions,
            &self.rollbacks,
            &self.kept_used,
            &self.votes,
            &self.fallbacks,
            &self.rebalances,
        ] {
            family.remove(&label);
        }
        self.call_seconds.remove(&label);
        self.probation.remove(&label);
        self.paused.remove(&label);
        for kind in FailureKind::ALL
            .map(FailureKind::as_str)
            .iter()
            .chain(&ENDINGS)
        {
            let handler = handler.to_owned();
            let label = KindLabel { handler, kind };
            for family in [&self.failures, &self.retries, &self.exhausted] {
                family.remove(&label);
            }
        }
        for outcome in OUTCOMES {
            let handler = handler.to_owned();
            self.transactions.remove(&OutcomeLabel { handler, outcome });
        }
        for what in What::ALL.map(What::as_str) {
            let handler = handler.to_owned();
            self.transitions.remove(&WhatLabel { handler, what });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use pelton_types::{Failure, Verdict};

    use super::{super::PartitionFigures, *};

    #[test]
    fn nothing_is_left_of_a_handler_that_is_gone() {
        let metrics = Arc::new(Metrics::default());
        let (gone, stays) = (metrics.handler("gone", "g"), metrics.handler("stays", "g"));
        for kind in FailureKind::ALL {
            let failed = Verdict::Failed(Failure::new(kind, "why"));
            gone.called(&[failed], Duration::ZERO);
            gone.retried(kind);
        }
        ENDINGS.into_iter().for_each(|how| gone.ended(how));
        OUTCOMES.into_iter().for_each(|how| gone.transaction(how));
        What::ALL.into_iter().for_each(|what| gone.transition(what));
        let figures = |partition| PartitionFigures {
            topic: "t",
            partition,
            committed: 1,
            lag: Some(1),
            in_flight: 1,
        };
        for partition in [0, 1] {
            gone.partition(&figures(partition));
        }
        stays.partition(&figures(0));
        gone.stalled(Place::ALL.map(|place| (place.as_str(), 1)));
        let revision = RevisionId([7; 32]);
        gone.swapped(None, revision.to_string());
        let told = metrics.encode().matches("handler=\"gone\"").count();
        assert!(told > 40, "{told}");
        metrics.forget_life("gone", "g", Some(revision));
        metrics.forget_handler("gone");
        let text = metrics.encode();
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
            handler.partition(&PartitionFigures {
                topic: "t",
                partition,
                committed: 1,
                lag: Some(1),
                in_flight: 1,
            });
        }
        handler.forget("t", 0);
        let text = metrics.encode();
        let of = |partition: &str| text.matches(&format!("partition=\"{partition}\"")).count();
        assert_eq!((of("0"), of("1")), (0, 3), "{text}");
    }
}

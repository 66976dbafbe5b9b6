//! What was counted of a handler, read back.

use pelton_types::FailureKind;

use super::{Count, HandlerMetrics, KindLabel, OutcomeLabel};
use crate::overview::Counts;

impl HandlerMetrics {
    /// The counts that people are shown without a scrape.
    pub(crate) fn counts(&self) -> Counts {
        let retried = |kind: FailureKind| {
            let (handler, kind) = (self.handler.clone(), kind.as_str());
            let counter = self.all.retries.get(&KindLabel { handler, kind });
            counter.map_or(0, |counter| counter.get())
        };
        let ended = |outcome| {
            let handler = self.handler.clone();
            let counter = self.all.exhausted.get(&OutcomeLabel { handler, outcome });
            counter.map_or(0, |counter| counter.get())
        };
        Counts {
            handled: self.counts.get(Count::Handled).get(),
            retried: FailureKind::ALL.map(retried).iter().sum(),
            dead_lettered: ended("dead-lettered"),
            skipped: ended("skipped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use pelton_types::Verdict;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn counts_are_those_of_the_handler() {
        let metrics = Arc::new(Metrics::default());
        let (one, other) = (metrics.handler("one", "g"), metrics.handler("other", "g"));
        one.called(
            &[Verdict::Done { outputs: 1 }],
            Duration::ZERO,
            Duration::ZERO,
        );
        one.retried(FailureKind::Trap);
        one.retried(FailureKind::Retry);
        one.ended("dead-lettered");
        other.ended("skipped");
        let wanted = Counts {
            handled: 1,
            retried: 2,
            dead_lettered: 1,
            skipped: 0,
        };
        assert_eq!(one.counts(), wanted);
    }
}

//! The counts of a handler that need no label but its name. Each stands in one place, which is here.

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::{Registry, Unit},
};

use super::HandlerLabel;

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Fetched,
    FetchedBytes,
    Handled,
    Outputs,
    OutputBytes,
    Calls,
    Swaps,
    Refused,
    RolledBack,
    KeptUsed,
    Votes,
    Fallbacks,
    Rebalances,
    CommitFailures,
}

impl Count {
    /// In the order in which they are declared, and told.
    const ALL: [Self; 14] = [
        Self::Fetched,
        Self::FetchedBytes,
        Self::Handled,
        Self::Outputs,
        Self::OutputBytes,
        Self::Calls,
        Self::Swaps,
        Self::Refused,
        Self::RolledBack,
        Self::KeptUsed,
        Self::Votes,
        Self::Fallbacks,
        Self::Rebalances,
        Self::CommitFailures,
    ];

    /// Its name, without prefix and unit, and what it is.
    fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::Fetched => ("fetched_messages", "Messages fetched from the broker"),
            Self::FetchedBytes => ("fetched", "Bytes of keys, values and headers fetched"),
            Self::Handled => (
                "handled_messages",
                "Messages that the handler succeeded with",
            ),
            Self::Outputs => ("output_messages", "Messages handed to the producer"),
            Self::OutputBytes => (
                "output",
                "Bytes of keys, values and headers handed to the producer",
            ),
            Self::Calls => ("calls", "Calls of the component"),
            Self::Swaps => ("swaps", "Revisions put into place"),
            Self::Refused => ("refused_revisions", "Component files that were refused"),
            Self::RolledBack => ("rollbacks", "Revisions given up for the one before"),
            Self::KeptUsed => (
                "kept_components_used",
                "Last good components that were loaded because the file could not be used",
            ),
            Self::Votes => (
                "votes",
                "Messages that a revision on probation could not handle, and the one before could",
            ),
            Self::Fallbacks => (
                "fallback_messages",
                "Messages given to the revision before because attempts were used up",
            ),
            Self::Rebalances => ("rebalances", "Assignments and revocations"),
            Self::CommitFailures => (
                "commit_failures",
                "Commits of a partition that failed; they are tried again while the partition is assigned",
            ),
        }
    }

    fn is_of_bytes(self) -> bool {
        matches!(self, Self::FetchedBytes | Self::OutputBytes)
    }
}

/// The counts of all handlers.
#[derive(Default)]
pub(super) struct Counts([Family<HandlerLabel, Counter>; Count::ALL.len()]);

/// The counts of one, with its label looked up once.
pub(super) struct HandlerCounts([Counter; Count::ALL.len()]);

impl Counts {
    pub(super) fn register(&self, registry: &mut Registry) {
        for (count, family) in Count::ALL.into_iter().zip(&self.0) {
            let ((name, help), family) = (count.described(), family.clone());
            match count.is_of_bytes() {
                true => registry.register_with_unit(name, help, Unit::Bytes, family),
                false => registry.register(name, help, family),
            }
        }
    }

    pub(super) fn of(&self, handler: &HandlerLabel) -> HandlerCounts {
        HandlerCounts(
            self.0
                .each_ref()
                .map(|family| family.get_or_create(handler).clone()),
        )
    }

    pub(super) fn forget(&self, handler: &HandlerLabel) {
        for family in &self.0 {
            family.remove(handler);
        }
    }
}

impl HandlerCounts {
    pub(super) fn get(&self, count: Count) -> &Counter {
        &self.0[count as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_where_it_is_told_of() {
        for (index, count) in Count::ALL.into_iter().enumerate() {
            assert_eq!(count as usize, index, "{count:?}");
        }
    }
}

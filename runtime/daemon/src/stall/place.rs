//! Where a partition that does not move stands, and what can be done about it.

use std::time::Duration;

use pelton_dispatch::{Oldest, Stage};
use pelton_kafka::End;

use super::Seen;

/// Where a partition stands that does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Fetching,
    Calling,
    Retrying,
    DeadLettering,
    Producing,
    Committing,
}

impl Place {
    pub(crate) const ALL: [Self; 6] = [
        Self::Fetching,
        Self::Calling,
        Self::Retrying,
        Self::DeadLettering,
        Self::Producing,
        Self::Committing,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fetching => "fetching",
            Self::Calling => "calling",
            Self::Retrying => "retrying",
            Self::DeadLettering => "dead-lettering",
            Self::Producing => "producing",
            Self::Committing => "committing",
        }
    }
}

/// Where the lowest message that is not finished stands; `None` where there is nothing to do, and where a
/// partition stands still as configured.
pub(crate) fn waits_at(Seen { snapshot, end, .. }: Seen<'_>) -> Option<Place> {
    if snapshot.draining || snapshot.halted {
        return None;
    }
    let Some(Oldest { stage, .. }) = snapshot.oldest else {
        if snapshot.suspended {
            return None;
        }
        // A leader that never answered has told no end.
        let Some(End { high, read_to }) = end else {
            return Some(Place::Fetching);
        };
        let read = read_to.map_or(snapshot.position, |end| end.max(snapshot.position));
        return (high > read).then_some(Place::Fetching);
    };
    match stage {
        Stage::Queued | Stage::Retrying { .. } if snapshot.suspended => None,
        Stage::Queued | Stage::Calling => Some(Place::Calling),
        Stage::Retrying { .. } => Some(Place::Retrying),
        Stage::Producing => Some(Place::Producing),
        Stage::DeadLettering => Some(Place::DeadLettering),
        Stage::Halted => None,
    }
}

/// What a partition waits for at this place, and what can be done about it.
pub(super) fn describe(seen: Seen<'_>, place: Place) -> String {
    let Seen { snapshot, end, now } = seen;
    let (offset, attempts) = snapshot.oldest.map_or((snapshot.watermark, 0), |oldest| {
        (oldest.offset, oldest.attempts)
    });
    match place {
        Place::Fetching => match end {
            Some(end) => format!(
                "fetching from offset {} on brings nothing, though the partition ends at {}: look at its leader, and for a transaction that was left open",
                snapshot.position, end.high
            ),
            None => format!(
                "fetching from offset {} on was never answered: look at the partition's leader",
                snapshot.position
            ),
        },
        Place::Calling => format!(
            "the handler is at offset {offset}, attempt {}: it is slow, or waits for a free instance",
            attempts + 1
        ),
        Place::Retrying => {
            let due = match snapshot.oldest {
                Some(Oldest {
                    stage: Stage::Retrying { due },
                    ..
                }) => due.saturating_sub(now),
                _ => Duration::ZERO,
            };
            format!(
                "offset {offset} has failed {attempts} times and is tried again in {} s: a better component can be put in place meanwhile",
                due.as_secs()
            )
        }
        Place::DeadLettering => format!(
            "the dead letter of offset {offset} is not acknowledged: look at the brokers and at the dead-letter topic"
        ),
        Place::Producing => format!(
            "the outputs of offset {offset} are not acknowledged: look at the brokers and at the output topics"
        ),
        Place::Committing => format!(
            "all below offset {} is finished and only {} is committed: commits are refused, or not answered",
            snapshot.watermark, snapshot.committed
        ),
    }
}

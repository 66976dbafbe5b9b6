//! Whether a partition moves, and where it stands if it does not: the judgement of the stall watchdog. Pure.
//!
//! A partition moves when its watermark or its committed offset rises. One that has something to do and does
//! not move for `after` has stalled, whatever the reason: also a retry that is not due yet keeps messages.
//!
//! Invariant: a stall begins once and is over once; in between it is the same stall, wherever it stands.

use std::time::Duration;

use pelton_dispatch::{Oldest, Snapshot, Stage};
use pelton_kafka::End;
use pelton_types::Offset;

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

/// What is known of a partition at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub snapshot: &'a Snapshot,
    /// Where the partition ends, once that is known.
    pub end: Option<End>,
    pub now: Duration,
}

/// A partition that does not move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stall {
    pub place: Place,
    /// What it waits for, in words.
    pub at: String,
    /// For how long it has not moved.
    pub lasted: Duration,
}

/// What an observation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    /// It moves, or there is nothing to do.
    Fine,
    /// It has stalled just now.
    Began(Stall),
    /// It has not moved yet.
    Lasts(Stall),
    /// It moves again, or there is nothing to do any more.
    Over { lasted: Duration },
}

/// The watch over one assigned partition, for as long as it is assigned.
#[derive(Debug)]
pub(crate) struct Watch {
    /// How long it may stand still.
    after: Duration,
    /// How long a finished message may wait for its commit.
    commit_after: Duration,
    watermark: Offset,
    committed: Offset,
    holds: bool,
    /// Since when messages wait and none is finished.
    works_since: Option<Duration>,
    /// Since when finished messages wait and nothing is committed.
    commits_since: Option<Duration>,
    /// Since when it has stalled, as was said.
    stalled_since: Option<Duration>,
}

impl Watch {
    pub(crate) fn new(after: Duration, commit_interval: Duration) -> Self {
        Self {
            after,
            commit_after: after.saturating_add(commit_interval),
            watermark: Offset::MIN,
            committed: Offset::MIN,
            holds: false,
            works_since: None,
            commits_since: None,
            stalled_since: None,
        }
    }

    /// Takes in how things stand; about once a second.
    pub(crate) fn observe(&mut self, seen: Seen<'_>) -> Observed {
        let Seen { snapshot, now, .. } = seen;
        let place = waits_at(seen);
        let holds = snapshot.oldest.is_some();
        // With its first message a partition that only fetched has moved, though its watermark has not.
        let moved = snapshot.watermark > self.watermark || (holds && !self.holds);
        wait(&mut self.works_since, place.is_some(), moved, now);
        let uncommitted = !snapshot.draining && snapshot.watermark > snapshot.committed;
        let committed = snapshot.committed > self.committed;
        wait(&mut self.commits_since, uncommitted, committed, now);
        self.watermark = snapshot.watermark;
        self.committed = snapshot.committed;
        self.holds = holds;
        let too_long = |since: Option<Duration>, after: Duration| {
            since.filter(|since| now.saturating_sub(*since) >= after)
        };
        let stands = match (place, too_long(self.works_since, self.after)) {
            (Some(place), Some(since)) => Some((place, since)),
            _ => too_long(self.commits_since, self.commit_after)
                .map(|since| (Place::Committing, since)),
        };
        self.conclude(seen, stands)
    }

    fn conclude(&mut self, seen: Seen<'_>, stands: Option<(Place, Duration)>) -> Observed {
        let lasted = |since: Duration| seen.now.saturating_sub(since);
        let Some((place, since)) = stands else {
            return match self.stalled_since.take() {
                None => Observed::Fine,
                // It has stopped for good, which is told as such.
                Some(_) if seen.snapshot.halted => Observed::Fine,
                Some(since) => Observed::Over {
                    lasted: lasted(since),
                },
            };
        };
        let began = self.stalled_since.is_none();
        let since = *self.stalled_since.get_or_insert(since);
        let stall = Stall {
            place,
            at: describe(seen, place),
            lasted: lasted(since),
        };
        match began {
            true => Observed::Began(stall),
            false => Observed::Lasts(stall),
        }
    }
}

/// Keeps the time since when something waits; it begins anew whenever something moved.
fn wait(since: &mut Option<Duration>, waits: bool, moved: bool, now: Duration) {
    match waits {
        false => *since = None,
        true if moved => *since = Some(now),
        true => {
            since.get_or_insert(now);
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
fn describe(seen: Seen<'_>, place: Place) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(60);
    const COMMITS: Duration = Duration::from_secs(5);

    fn idle(offset: Offset) -> Snapshot {
        Snapshot {
            position: offset,
            watermark: offset,
            committed: offset,
            messages: 0,
            bytes: 0,
            calling: 0,
            in_delivery: 0,
            retrying: 0,
            dead_letters_waiting: 0,
            oldest: None,
            paused: false,
            suspended: false,
            crowded: false,
            halted: false,
            draining: false,
        }
    }

    fn at(stage: Stage) -> Snapshot {
        Snapshot {
            position: 20,
            messages: 10,
            oldest: Some(Oldest {
                offset: 10,
                stage,
                attempts: 2,
            }),
            ..idle(10)
        }
    }

    /// A watch that has seen this up to a second before it is too long.
    struct Case {
        watch: Watch,
        now: Duration,
    }

    impl Case {
        fn new() -> Self {
            Self {
                watch: Watch::new(AFTER, COMMITS),
                now: Duration::from_secs(1_000),
            }
        }

        fn see(&mut self, snapshot: &Snapshot, end: Option<End>) -> Observed {
            self.now += Duration::from_secs(1);
            let now = self.now;
            self.watch.observe(Seen { snapshot, end, now })
        }

        fn see_for(&mut self, seconds: u64, snapshot: &Snapshot, end: Option<End>) {
            for second in 0..seconds {
                let observed = self.see(snapshot, end);
                assert_eq!(observed, Observed::Fine, "after {second} s");
            }
        }

        /// Sees the same until it is called a stall, which must take exactly so long.
        fn stall(&mut self, after: Duration, snapshot: &Snapshot, end: Option<End>) -> Stall {
            self.see_for(after.as_secs(), snapshot, end);
            match self.see(snapshot, end) {
                Observed::Began(stall) => stall,
                other => panic!("{other:?}"),
            }
        }
    }

    fn ends(high: Offset, read_to: Option<Offset>) -> Option<End> {
        Some(End { high, read_to })
    }

    #[test]
    fn each_stage_of_the_oldest_message_is_told_apart() {
        let due = Duration::from_secs(1_100);
        for (stage, place, said) in [
            (Stage::Queued, Place::Calling, "attempt 3"),
            (Stage::Calling, Place::Calling, "attempt 3"),
            (
                Stage::Retrying { due },
                Place::Retrying,
                "failed 2 times and is tried again in 39 s",
            ),
            (Stage::Producing, Place::Producing, "outputs of offset 10"),
            (
                Stage::DeadLettering,
                Place::DeadLettering,
                "dead letter of offset 10",
            ),
        ] {
            let stall = Case::new().stall(AFTER, &at(stage), None);
            assert_eq!((stall.place, stall.lasted), (place, AFTER));
            assert!(stall.at.contains(said), "{}", stall.at);
        }
    }

    #[test]
    fn a_partition_whose_messages_do_not_arrive_is_fetching() {
        let stall = Case::new().stall(AFTER, &idle(10), ends(12, Some(10)));
        assert_eq!(stall.place, Place::Fetching);
        assert!(stall.at.contains("ends at 12"), "{}", stall.at);
        let unknown = Case::new().stall(AFTER, &idle(10), ends(12, None));
        assert_eq!(unknown.place, Place::Fetching);
    }

    #[test]
    fn a_partition_that_ends_in_markers_of_transactions_has_nothing_to_do() {
        let mut case = Case::new();
        case.see_for(200, &idle(10), ends(12, Some(12)));
        case.see_for(200, &idle(10), ends(10, None));
    }

    #[test]
    fn a_leader_that_never_answered_is_fetching() {
        let stall = Case::new().stall(AFTER, &idle(10), None);
        assert_eq!(stall.place, Place::Fetching);
        assert!(stall.at.contains("never answered"), "{}", stall.at);
    }

    #[test]
    fn what_is_finished_and_not_committed_is_committing() {
        let uncommitted = |watermark| Snapshot {
            committed: 10,
            ..idle(watermark)
        };
        let stall = Case::new().stall(AFTER + COMMITS, &uncommitted(11), ends(11, None));
        assert_eq!(stall.place, Place::Committing);
        assert!(stall.at.contains("only 10"), "{}", stall.at);
        // Also where everything else moves: each commit fails.
        let mut case = Case::new();
        for watermark in 0..(AFTER + COMMITS).as_secs() as Offset {
            let next = 11 + watermark;
            let observed = case.see(&uncommitted(next), ends(next, None));
            assert_eq!(observed, Observed::Fine);
        }
        let observed = case.see(&uncommitted(1_000), ends(1_000, None));
        assert!(
            matches!(&observed, Observed::Began(stall) if stall.place == Place::Committing),
            "{observed:?}"
        );
    }

    #[test]
    fn a_stall_begins_once_and_is_over_once() {
        let mut case = Case::new();
        case.stall(AFTER, &at(Stage::Calling), None);
        let observed = case.see(&at(Stage::Producing), None);
        let Observed::Lasts(stall) = observed else {
            panic!("it has not moved: {observed:?}");
        };
        assert_eq!(stall.place, Place::Producing, "where it stands now");
        let moved = Snapshot {
            watermark: 11,
            oldest: Some(Oldest {
                offset: 11,
                stage: Stage::Calling,
                attempts: 0,
            }),
            ..at(Stage::Calling)
        };
        let lasted = AFTER + Duration::from_secs(2);
        assert_eq!(case.see(&moved, None), Observed::Over { lasted });
        // Moving again, it has the whole time again.
        let stall = case.stall(AFTER - Duration::from_secs(1), &moved, None);
        assert_eq!(stall.lasted, AFTER);
    }

    #[test]
    fn more_messages_behind_one_that_stands_still_are_no_movement() {
        let mut case = Case::new();
        for second in 0..60 {
            let arriving = Snapshot {
                position: 20 + second,
                ..at(Stage::Calling)
            };
            assert_eq!(case.see(&arriving, None), Observed::Fine);
        }
        let arriving = Snapshot {
            position: 100,
            ..at(Stage::Calling)
        };
        assert!(matches!(case.see(&arriving, None), Observed::Began(_)));
    }

    #[test]
    fn a_message_after_a_long_rest_has_the_whole_time() {
        let mut case = Case::new();
        case.see_for(30, &idle(10), ends(12, Some(10)));
        // It arrives after half the time: the partition has moved.
        case.stall(AFTER, &at(Stage::Calling), ends(12, Some(12)));
        assert!(matches!(
            case.see(&idle(20), None),
            Observed::Over { .. } | Observed::Fine
        ));
        case.see_for(50, &idle(20), None);
        let held = Snapshot {
            position: 21,
            oldest: Some(Oldest {
                offset: 20,
                stage: Stage::Calling,
                attempts: 0,
            }),
            ..idle(20)
        };
        case.stall(AFTER, &held, None);
    }

    #[test]
    fn a_paused_partition_stalls_only_where_what_is_under_way_does_not_end() {
        let due = Duration::from_secs(1_100);
        let paused = |stage| Snapshot {
            suspended: true,
            ..at(stage)
        };
        for stage in [Stage::Queued, Stage::Retrying { due }] {
            Case::new().see_for(200, &paused(stage), ends(30, None));
        }
        let idle = Snapshot {
            suspended: true,
            ..idle(10)
        };
        Case::new().see_for(200, &idle, ends(30, None));
        let stall = Case::new().stall(AFTER, &paused(Stage::Producing), None);
        assert_eq!(stall.place, Place::Producing);
    }

    #[test]
    fn a_partition_that_stopped_as_configured_or_drains_has_not_stalled() {
        let halted = Snapshot {
            halted: true,
            ..at(Stage::Halted)
        };
        Case::new().see_for(200, &halted, ends(30, None));
        let draining = Snapshot {
            draining: true,
            committed: 5,
            ..at(Stage::Calling)
        };
        Case::new().see_for(200, &draining, ends(30, None));
    }
}

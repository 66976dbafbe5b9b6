//! What a handler's tasks leave for who asks.

use std::{collections::BTreeMap, time::Duration};

use parking_lot::Mutex;
use pelton_dispatch::{Oldest, Snapshot, Stage};
use pelton_kafka::End;
use pelton_types::{Failure, Offset, TopicPartition};

use super::{LastError, OldestOverview, PartitionOverview};
use crate::component::{Fault, RefusedReport, Transition, millis};

/// Longest text of an error or of a transition that is kept, in bytes.
const TEXT_LIMIT: usize = 4096;

/// What is known of one life of a handler.
#[derive(Default)]
pub(crate) struct Shown(Mutex<Known>);

#[derive(Default)]
struct Known {
    partitions: BTreeMap<TopicPartition, Kept>,
    last_error: Option<LastError>,
    last_fault: Option<Fault>,
    last_transition: Option<Transition>,
    refused: Option<RefusedReport>,
    behind: Option<String>,
}

/// What an overview tells of it: all as of one moment.
pub(super) struct Told {
    pub partitions: Vec<PartitionOverview>,
    pub last_error: Option<LastError>,
    pub last_transition: Option<Transition>,
    pub refused: Option<RefusedReport>,
    pub behind: Option<String>,
}

/// What is known of a partition.
struct Kept {
    overview: PartitionOverview,
    /// The lowest message that is not finished, and since when it is the lowest, to a second.
    waits: Option<(Offset, Duration)>,
}

/// A look at a partition.
pub(crate) struct Sighting<'a> {
    pub snapshot: &'a Snapshot,
    /// Where it ends, once that is known.
    pub end: Option<End>,
    /// Why it doesn't move, if that has been found.
    pub stalled: Option<String>,
    pub now: Duration,
}

/// An attempt that failed.
pub(crate) struct Attempted<'a> {
    pub partition: &'a TopicPartition,
    pub offset: Offset,
    pub attempt: u32,
    pub failure: &'a Failure,
    /// What followed.
    pub then: &'static str,
    pub now: Duration,
}

impl Shown {
    /// A partition was assigned and begins here. Nothing more is known of it.
    pub(crate) fn assigned(&self, partition: &TopicPartition, start: Offset) {
        let blank = PartitionOverview {
            topic: partition.topic.to_string(),
            partition: partition.partition,
            position: start,
            watermark: start,
            committed: start,
            end: None,
            lag: None,
            in_flight: 0,
            oldest: None,
            stalled: None,
        };
        let (overview, waits) = (blank, None);
        let kept = Kept { overview, waits };
        self.0.lock().partitions.insert(partition.clone(), kept);
    }

    /// A partition that was assigned is seen like this.
    pub(crate) fn seen(&self, partition: &TopicPartition, sighting: Sighting<'_>) {
        if let Some(shown) = self.0.lock().partitions.get_mut(partition) {
            let before = shown.waits;
            shown.waits = sighting.snapshot.oldest.map(|Oldest { offset, .. }| {
                let same = before.filter(|(lowest, _)| *lowest == offset);
                same.unwrap_or((offset, sighting.now))
            });
            shown.overview.update(sighting);
        }
    }

    /// A partition isn't ours any more.
    pub(crate) fn gone(&self, partition: &TopicPartition) {
        self.0.lock().partitions.remove(partition);
    }

    /// None is.
    pub(crate) fn all_gone(&self) {
        self.0.lock().partitions.clear();
    }

    pub(crate) fn failed(&self, attempted: &Attempted<'_>) {
        let error = LastError {
            at: millis(attempted.now),
            topic: attempted.partition.topic.to_string(),
            partition: attempted.partition.partition,
            offset: attempted.offset,
            attempt: attempted.attempt,
            kind: attempted.failure.kind.to_string(),
            text: cut(&attempted.failure.text),
            then: attempted.then.to_owned(),
        };
        self.0.lock().last_error = Some(error);
    }

    /// Something became of the handler's revisions.
    pub(crate) fn transition(&self, Transition { at, what }: Transition) {
        let what = cut(&what);
        self.0.lock().last_transition = Some(Transition { at, what });
    }

    /// What is not taken as things stand.
    pub(crate) fn refused(&self, refused: Option<RefusedReport>) {
        self.0.lock().refused = refused.map(|RefusedReport { component, why }| RefusedReport {
            component,
            why: cut(&why),
        });
    }

    /// It has fallen behind what comes in, as this says, or has not.
    pub(crate) fn behind(&self, behind: Option<String>) {
        self.0.lock().behind = behind;
    }

    #[cfg(test)]
    pub(crate) fn is_behind(&self) -> Option<String> {
        self.0.lock().behind.clone()
    }

    /// An attempt has cost its instance.
    pub(crate) fn faulted(&self, fault: Fault) {
        self.0.lock().last_fault = Some(fault);
    }

    /// The last attempt that did.
    pub(crate) fn last_fault(&self) -> Option<Fault> {
        self.0.lock().last_fault.clone()
    }

    pub(super) fn told(&self) -> Told {
        let known = self.0.lock();
        let partitions = known.partitions.values();
        Told {
            partitions: partitions.map(|kept| kept.overview.clone()).collect(),
            last_error: known.last_error.clone(),
            last_transition: known.last_transition.clone(),
            refused: known.refused.clone(),
            behind: known.behind.clone(),
        }
    }

    /// How long each partition has waited for its lowest unfinished message.
    pub(super) fn waiting(&self, now: Duration) -> Vec<(TopicPartition, Duration)> {
        let waits = |kept: &Kept| {
            let since = kept.waits.map(|(_, since)| since);
            since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
        };
        let known = self.0.lock();
        let each = known.partitions.iter();
        each.map(|(partition, kept)| (partition.clone(), waits(kept)))
            .collect()
    }
}

fn cut(text: &str) -> String {
    let text = text.get(..text.floor_char_boundary(TEXT_LIMIT));
    text.unwrap_or_default().to_owned()
}

impl PartitionOverview {
    fn update(&mut self, sighting: Sighting<'_>) {
        let Sighting {
            snapshot,
            end,
            stalled,
            now,
        } = sighting;
        self.position = snapshot.position;
        self.watermark = snapshot.watermark;
        self.committed = snapshot.committed;
        self.end = end.map(|end| end.high).or(self.end);
        self.lag = self.end.map(|end| (end - snapshot.watermark).max(0));
        self.in_flight = snapshot.messages;
        self.stalled = stalled;
        let oldest = snapshot.oldest.map(|oldest| told(oldest, now));
        let before = self.oldest.take();
        self.oldest = oldest.map(|mut oldest| {
            // As long as it stands at the same place it has stood there since it was first seen.
            let same = before.filter(|before| {
                (before.offset, before.attempt, &before.stage)
                    == (oldest.offset, oldest.attempt, &oldest.stage)
            });
            oldest.since = same.map_or(oldest.since, |before| before.since);
            oldest
        });
    }
}

fn told(oldest: Oldest, now: Duration) -> OldestOverview {
    let Oldest {
        offset,
        stage,
        attempts,
    } = oldest;
    let (stage, comes, due) = match stage {
        Stage::Queued => ("queued", true, None),
        Stage::Calling => ("calling", true, None),
        Stage::Retrying { due } => ("retrying", true, Some(millis(due))),
        Stage::Producing => ("producing", false, None),
        Stage::DeadLettering => ("dead-lettering", false, None),
        Stage::Halted => ("halted", false, None),
    };
    OldestOverview {
        offset,
        stage: stage.to_owned(),
        attempt: if comes { attempts + 1 } else { attempts.max(1) },
        since: millis(now),
        due,
    }
}

#[cfg(test)]
mod tests {
    use pelton_types::FailureKind;

    use super::*;

    fn snapshot(oldest: Option<Oldest>) -> Snapshot {
        Snapshot {
            position: 12,
            watermark: 10,
            committed: 9,
            messages: 2,
            bytes: 0,
            calling: 0,
            in_delivery: 0,
            retrying: 0,
            dead_letters_waiting: 0,
            oldest,
            paused: false,
            suspended: false,
            crowded: false,
            halted: false,
            draining: false,
        }
    }

    fn at(stage: Stage, attempts: u32) -> Snapshot {
        snapshot(Some(Oldest {
            offset: 10,
            stage,
            attempts,
        }))
    }

    fn see(shown: &Shown, snapshot: &Snapshot, seconds: u64) -> PartitionOverview {
        let sighting = Sighting {
            snapshot,
            end: Some(End {
                high: 20,
                read_to: None,
            }),
            stalled: None,
            now: Duration::from_secs(seconds),
        };
        shown.seen(&TopicPartition::new("t", 0), sighting);
        shown.told().partitions.remove(0)
    }

    #[test]
    fn the_oldest_message_stands_where_it_is_since_it_was_first_seen_there() {
        let shown = Shown::default();
        shown.assigned(&TopicPartition::new("t", 0), 9);
        let blank = shown.told().partitions.remove(0);
        assert_eq!((blank.position, blank.lag, blank.oldest), (9, None, None));
        for (seconds, stage, attempts, wanted) in [
            (1, Stage::Calling, 0, ("calling", 1, 1_000)),
            (2, Stage::Calling, 0, ("calling", 1, 1_000)),
            (
                3,
                Stage::Retrying {
                    due: Duration::from_secs(9),
                },
                1,
                ("retrying", 2, 3_000),
            ),
            (9, Stage::Calling, 1, ("calling", 2, 9_000)),
            (10, Stage::Producing, 1, ("producing", 1, 10_000)),
        ] {
            let oldest = see(&shown, &at(stage, attempts), seconds).oldest.unwrap();
            let due = (stage != Stage::Calling && seconds == 3).then_some(9_000);
            assert_eq!(oldest.due, due);
            assert_eq!((&*oldest.stage, oldest.attempt, oldest.since), wanted);
        }
        // It is the lowest since it was first seen at all, wherever it stood.
        let waits = |seconds| shown.waiting(Duration::from_secs(seconds)).remove(0).1;
        assert_eq!(waits(10), Duration::from_secs(9));
        let idle = see(&shown, &snapshot(None), 11);
        assert_eq!((idle.lag, idle.in_flight, idle.oldest), (Some(10), 2, None));
        assert_eq!(waits(20), Duration::ZERO);
    }

    #[test]
    fn a_partition_that_is_gone_is_shown_no_more_and_a_late_look_brings_it_not_back() {
        let (shown, partition) = (Shown::default(), TopicPartition::new("t", 0));
        shown.assigned(&partition, 0);
        shown.gone(&partition);
        let sighting = Sighting {
            snapshot: &snapshot(None),
            end: None,
            stalled: None,
            now: Duration::ZERO,
        };
        shown.seen(&partition, sighting);
        assert_eq!(shown.told().partitions, []);
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let shown = Shown::default();
        let failure = Failure::new(FailureKind::Other, "é".repeat(TEXT_LIMIT));
        shown.failed(&Attempted {
            partition: &TopicPartition::new("t", 0),
            offset: 3,
            attempt: 1,
            failure: &failure,
            then: "retried",
            now: Duration::ZERO,
        });
        let text = shown.told().last_error.unwrap().text;
        assert_eq!(text.len(), TEXT_LIMIT);
    }
}

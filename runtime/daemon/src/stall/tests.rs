use pelton_dispatch::{Oldest, Stage};

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

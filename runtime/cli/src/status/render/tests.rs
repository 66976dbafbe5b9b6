use pelton_daemon::{Counts, RunningRevision};

use super::*;

const NOW: u64 = 10_000_000;

fn partition(number: i32, lag: i64) -> PartitionOverview {
    PartitionOverview {
        topic: "orders".to_owned(),
        partition: number,
        position: 120,
        watermark: 118,
        committed: 115,
        end: Some(118 + lag),
        lag: Some(lag),
        in_flight: 2,
        oldest: None,
        stalled: None,
    }
}

fn handler(partitions: Vec<PartitionOverview>) -> HandlerOverview {
    HandlerOverview {
        handler: "billing".to_owned(),
        group: "billing-group".to_owned(),
        topics: vec!["orders".to_owned()],
        state: State::Running,
        reasons: Vec::new(),
        behind: None,
        paused: false,
        revision: Some(RunningRevision {
            revision: "3f2a9c1b".to_owned(),
            component: "0123456789abcdef".to_owned(),
            since: NOW - 61_000,
            probation: false,
        }),
        refused: None,
        last_transition: None,
        lag: partitions.iter().filter_map(|one| one.lag).sum(),
        in_flight: 2,
        partitions,
        counts: Counts {
            handled: 7,
            retried: 1,
            ..Counts::default()
        },
        last_error: None,
    }
}

fn shown(handler: HandlerOverview, look: Look) -> String {
    let overview = Overview {
        version: "0.1.0".to_owned(),
        config: "pelton.toml".to_owned(),
        started: NOW - 3_600_000,
        now: NOW,
        troubles: vec!["the clock was set".to_owned()],
        handlers: vec![handler],
    };
    lines(&overview, look, false).join("\n")
}

#[test]
fn everything_of_a_handler_stands_in_its_place() {
    let mut retrying = partition(0, 12);
    retrying.oldest = Some(OldestOverview {
        offset: 118,
        stage: "retrying".to_owned(),
        attempt: 3,
        since: NOW - 5_000,
        due: Some(NOW + 7_000),
    });
    let mut handler = handler(vec![retrying, partition(1, 0)]);
    handler.last_error = Some(LastError {
        at: NOW - 5_000,
        topic: "orders".to_owned(),
        partition: 0,
        offset: 118,
        attempt: 2,
        kind: "trap".to_owned(),
        text: "out \x1b[31mof bounds\nat main".to_owned(),
        then: "retried".to_owned(),
    });
    handler.refused = Some(RefusedReport {
        component: "fedcba9876543210".to_owned(),
        why: "it was rolled back: 3 votes\nand more".to_owned(),
    });
    handler.behind = Some("it has fallen behind".to_owned());
    handler.last_transition = Some(Transition {
        at: NOW - 61_000,
        what: "revision 4e1b rolled back to 3f2a9c1b: 3 votes\nand more".to_owned(),
    });
    let wanted = "\
pelton 0.1.0, up for 1h 0m, pelton.toml: 1 handler, 1 running
  the clock was set

billing  running
  it has fallen behind
  revision 3f2a9c1b (component 0123456789ab) for 1m 1s
  refused: component fedcba987654: it was rolled back: 3 votes
  1m 1s ago: revision 4e1b rolled back to 3f2a9c1b: 3 votes
  group billing-group, subscribed to orders
  lag 12, in flight 2, handled 7, retried 1
  last error 5s ago (1970-01-01T02:46:35Z): orders/0 offset 118, attempt 2, trap, retried: out \\u{1b}[31mof bounds
  PARTITION  LAG  IN FLIGHT  POSITION  COMMITTED  OLDEST UNFINISHED
  orders/0    12          2       120        115  118 retrying for 5s, attempt 3 in 7s
  orders/1     0          2       120        115  -";
    assert_eq!(shown(handler, Look::default()), wanted);
}

#[test]
fn a_narrow_terminal_is_kept_to() {
    let mut handler = handler(vec![partition(0, 12)]);
    handler.reasons = vec!["a reason with as many words as it takes to need two lines".to_owned()];
    for width in [30, 40, 60, 80] {
        let look = Look {
            width: Some(width),
            ..Look::default()
        };
        for line in shown(handler.clone(), look).lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn a_handler_without_partitions_says_why() {
    let idle = shown(handler(Vec::new()), Look::default());
    assert!(idle.ends_with("this one stands by"), "{idle}");
    let waiting = HandlerOverview {
        state: State::Waiting,
        reasons: vec!["joining the group billing-group".to_owned()],
        revision: None,
        ..handler(Vec::new())
    };
    let waiting = shown(waiting, Look::default());
    for said in ["billing  waiting\n  joining", "no revision runs"] {
        assert!(waiting.contains(said), "{waiting}");
    }
    assert!(!waiting.contains("stands by"), "{waiting}");
}

#[test]
fn of_many_partitions_those_are_shown_that_matter() {
    let mut many: Vec<_> = (0..1_000).map(|n| partition(n, i64::from(n))).collect();
    many[3].stalled = Some("it does not move".to_owned());
    let text = shown(handler(many), Look::default());
    let rows: Vec<_> = text
        .lines()
        .filter(|line| line.contains("orders/"))
        .collect();
    assert_eq!(rows.len(), MOST);
    assert!(
        rows[0].contains("orders/3 ") && rows[1].contains("orders/999 "),
        "{rows:?}"
    );
    assert!(
        text.ends_with("… and 980 more with less lag; --all shows them"),
        "{text}"
    );
}

#[test]
fn only_a_terminal_gets_colours() {
    let colour = Look {
        colour: true,
        ..Look::default()
    };
    assert!(shown(handler(Vec::new()), colour).contains("\x1b[32mrunning\x1b[0m"));
    assert!(!shown(handler(Vec::new()), Look::default()).contains('\x1b'));
}

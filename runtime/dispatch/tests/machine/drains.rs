//! Revoke, shutdown, and lost partitions.

use std::{num::NonZeroU32, time::Duration};

use pelton_dispatch::{CallId, Checkpoint, Command, Event, OnExhausted, Policy, Retry};
use pelton_types::FailureKind;

use crate::support::*;

fn drained(next: impl Into<Option<i64>>, unfinished: u32) -> Command {
    Command::Drained {
        last: next.into().map(Checkpoint::at),
        unfinished,
    }
}

const CURTAIL: Command = Command::Curtail { call: CallId(0) };
const CANCEL: Command = Command::Cancel { call: CallId(0) };

/// Rule 8: stop dispatch, wait for what is under way, then say what to commit.
#[test]
fn a_drain_waits_for_the_call_and_its_outputs() {
    let (mut bench, _) = Bench::with(policy(), 0..20);
    assert_eq!(
        bench.drain(1000),
        [CURTAIL, Command::SetTimer { at: ms(1000) }]
    );
    let answer: Vec<_> = (0..16)
        .map(|n| if n < 2 { done(1) } else { NOT_ATTEMPTED })
        .collect();
    assert_eq!(
        bench.called(0, answer),
        [
            Command::Produce { offset: 0 },
            Command::Produce { offset: 1 }
        ]
    );
    assert_eq!(commits(&bench.delivered(1)), [0]);
    assert_eq!(
        bench.delivered(0),
        [Command::Release { below: 2 }, drained(2, 0)]
    );
}

#[test]
fn a_drain_with_nothing_under_way_ends_at_once() {
    assert_eq!(Bench::new(policy()).drain(1000), [drained(None, 0)]);
}

#[test]
fn a_drain_names_only_what_is_not_committed_yet() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.called(0, [done(0)]);
    let mut acknowledged = Bench::with(policy(), 0..1).0;
    acknowledged.called(0, [done(0)]);
    acknowledged.event(Event::Committed { next: 1 });
    assert_eq!(
        bench.drain(1000),
        [drained(1, 0)],
        "its commit may still fail"
    );
    assert_eq!(acknowledged.drain(1000), [drained(None, 0)]);
}

/// Rule 9: at the deadline, cancel and leave uncommitted.
#[test]
fn a_drain_ends_at_its_deadline_with_the_call_cancelled() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    bench.drain(1000);
    assert_eq!(bench.at(999), [Command::SetTimer { at: ms(1000) }]);
    assert_eq!(bench.at(1000), [CANCEL, drained(None, 3)]);
}

#[test]
fn a_drain_at_its_deadline_counts_outputs_that_are_not_acknowledged() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    bench.called(0, [done(0), done(1), done(0)]);
    bench.drain(1000);
    let commands = bench.at(1000);
    assert_eq!(
        (commits(&commands), finished(&commands)),
        (vec![1], vec![2])
    );
    assert!(matches!(
        commands[..],
        [Command::Drained { unfinished: 1, .. }]
    ));
}

#[test]
fn a_deadline_that_has_passed_ends_the_drain_at_once() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    bench.now = ms(50);
    assert_eq!(bench.drain(50), [CURTAIL, CANCEL, drained(None, 3)]);
}

#[test]
fn a_second_drain_only_brings_the_deadline_forward() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.drain(1000);
    assert_eq!(bench.drain(2000), []);
    assert_eq!(bench.drain(500), [Command::SetTimer { at: ms(500) }]);
    assert_eq!(bench.at(500), [CANCEL, drained(None, 1)]);
}

#[test]
fn a_later_second_deadline_is_not_waited_for() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.drain(1000);
    bench.drain(2000);
    assert_eq!(bench.at(1000), [CANCEL, drained(None, 1)]);
}

/// Rule 12: a retry's back-off never blocks a revoke.
#[test]
fn a_waiting_retry_does_not_hold_up_a_drain() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.called(0, [failed(FailureKind::Other)]);
    bench.event(Event::Committed { next: 0 });
    assert_eq!(bench.drain(60_000), [drained(None, 0)]);
}

#[test]
fn a_refused_dead_letter_does_not_hold_up_a_drain() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.called(0, [failed(FailureKind::Reject)]);
    bench.refused(0);
    assert_eq!(bench.drain(60_000), [drained(None, 0)]);

    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.called(0, [failed(FailureKind::Reject)]);
    bench.drain(60_000);
    assert_eq!(
        bench.refused(0),
        [drained(None, 0)],
        "refused while draining"
    );
}

#[test]
fn a_refused_dead_letter_is_not_written_again_while_draining() {
    let (mut bench, _) = Bench::with(policy(), 0..2);
    bench.called(0, [failed(FailureKind::Reject), NOT_ATTEMPTED]);
    bench.refused(0);
    bench.drain(60_000);
    assert_eq!(essence(&bench.at(30_000)), []);
    let commands = bench.called(1, [done(0)]);
    assert_eq!(finished(&commands), [1]);
    assert!(matches!(
        commands.last(),
        Some(Command::Drained { unfinished: 0, .. })
    ));
}

/// Rule 23: a failure while draining is not the end of the message.
#[test]
fn a_failure_while_draining_is_left_to_the_next_owner() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.drain(60_000);
    let commands = bench.called(0, [failed(FailureKind::Other)]);
    assert!(
        matches!(
            commands[..],
            [
                Command::Retry { attempt: 1, .. },
                Command::Drained { unfinished: 0, .. }
            ]
        ),
        "{commands:?}"
    );
    assert_eq!(
        progress(&commands).tried[0].attempts,
        1,
        "the next owner goes on"
    );

    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.drain(60_000);
    assert_eq!(
        bench.called(0, [failed(FailureKind::Trap)]),
        [drained(None, 0)]
    );
}

#[test]
fn a_last_failure_while_draining_is_still_dead_lettered() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.drain(60_000);
    let commands = bench.called(0, [failed(FailureKind::Reject)]);
    assert!(
        matches!(commands[..], [Command::DeadLetter { offset: 0, .. }]),
        "{commands:?}"
    );
    assert_eq!(
        bench.delivered(0),
        [Command::Release { below: 1 }, drained(1, 0)]
    );
}

#[test]
fn messages_that_come_while_draining_are_left_to_the_next_owner() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.drain(1000);
    assert_eq!(bench.fetch(1..100), []);
    assert_eq!(bench.snapshot().position, 1);
    assert_eq!(
        bench.called(0, [done(0)]),
        [Command::Release { below: 1 }, drained(1, 0)]
    );
}

#[test]
fn commits_go_on_while_draining() {
    let (mut bench, _) = Bench::with(policy(), 0..2);
    bench.called(0, vec![done(1); 2]);
    bench.drain(60_000);
    assert_eq!(commits(&bench.delivered(0)), [1]);
}

#[test]
fn a_halted_partition_drains() {
    let retry = Retry {
        attempts: NonZeroU32::MIN,
        ..policy().retry
    };
    let (mut bench, _) = Bench::with(
        Policy {
            on_exhausted: OnExhausted::Stop,
            retry,
            ..policy()
        },
        0..2,
    );
    bench.called(0, [done(1), failed(FailureKind::Other)]);
    assert_eq!(bench.drain(1000), [Command::SetTimer { at: ms(1000) }]);
    let commands = bench.delivered(0);
    assert_eq!(commits(&commands), [1]);
    assert!(matches!(
        commands[..],
        [
            Command::Release { below: 1 },
            Command::Drained { unfinished: 0, .. }
        ]
    ));
}

#[test]
fn nothing_is_commanded_after_the_drain() {
    let (mut bench, _) = Bench::with(policy(), 0..2);
    bench.drain(0);
    let events = [
        Event::Called {
            call: CallId(0),
            verdicts: vec![done(1); 2],
            took: ms(1),
            waited: Duration::ZERO,
            probation: false,
        },
        Event::Fetched(Vec::new()),
        Event::Timer,
        Event::Drain { deadline: ms(0) },
        Event::Committed { next: 1 },
        Event::Delivered { offsets: vec![0] },
        Event::Lost,
    ];
    for event in events {
        assert_eq!(bench.event(event), []);
    }
}

/// Rule 10: lost partitions are not committed, and their work is cancelled.
#[test]
fn a_lost_partition_cancels_and_says_nothing_more() {
    let (mut bench, _) = Bench::with(policy(), 0..2);
    assert_eq!(bench.event(Event::Lost), [CANCEL]);
    assert_eq!(bench.called(0, vec![done(0); 2]), []);
    assert_eq!(bench.drain(0), []);
}

#[test]
fn a_partition_lost_while_draining_is_not_drained() {
    let (mut bench, _) = Bench::with(policy(), 0..2);
    bench.called(0, vec![done(1); 2]);
    bench.drain(1000);
    assert_eq!(bench.event(Event::Lost), []);
    assert_eq!(bench.delivered(0), []);
}

//! Which messages are called, when, and what a call's answer does.

use std::{num::NonZeroU32, time::Duration};

use pelton_dispatch::{Arrival, CallId, Command, Event, Order, Policy, Stage};
use pelton_types::FailureKind;

use crate::support::*;

#[test]
fn the_first_call_is_a_small_batch_from_the_first_message_on() {
    let (_, commands) = Bench::with(policy(), 0..50);
    assert_eq!(
        calls(&commands),
        [(0, (0..16).map(|offset| (offset, 1)).collect(), false)]
    );
}

#[test]
fn one_call_is_under_way_at_a_time() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    assert_eq!(calls(&bench.fetch(3..6)), []);
    assert_eq!(
        called_offsets(&bench.called(0, vec![done(0); 3])),
        [3, 4, 5]
    );
}

#[test]
fn later_messages_are_called_while_outputs_of_earlier_ones_are_produced() {
    let (mut bench, _) = Bench::with(policy(), 0..2);
    bench.fetch(2..4);
    let commands = bench.called(0, [done(1), done(2)]);
    assert_eq!(
        essence(&commands)[..2],
        [
            Command::Produce { offset: 0 },
            Command::Produce { offset: 1 }
        ]
    );
    assert_eq!(called_offsets(&commands), [2, 3]);
}

#[test]
fn a_batch_keeps_within_its_bytes_and_a_larger_message_is_called_alone() {
    let mut bench = Bench::new(policy());
    let arrivals = [(0, 400), (1, 400), (2, 400), (3, 5000), (4, 1)];
    let arrivals = arrivals
        .map(|(offset, bytes)| Arrival {
            offset,
            bytes,
            key: None,
        })
        .to_vec();
    assert_eq!(
        called_offsets(&bench.event(Event::Fetched(arrivals))),
        [0, 1]
    );
    assert_eq!(called_offsets(&bench.called(0, vec![done(0); 2])), [2]);
    assert_eq!(called_offsets(&bench.called(1, vec![done(0); 1])), [3]);
    assert_eq!(called_offsets(&bench.called(2, vec![done(0); 1])), [4]);
}

#[test]
fn batches_grow_for_a_fast_handler_and_shrink_to_one_for_a_slow_one() {
    let (mut bench, _) = Bench::with(policy(), 0..100);
    assert_eq!(
        called_offsets(&bench.called(0, vec![done(0); 16])).len(),
        32
    );
    let slow = Event::Called {
        call: CallId(1),
        verdicts: vec![done(0); 32],
        took: ms(320),
        waited: Duration::ZERO,
        probation: false,
    };
    assert_eq!(called_offsets(&bench.event(slow)).len(), 1);
}

/// Rule 39: a guest stops at the first message that fails and answers *not attempted* for the rest.
#[test]
fn messages_that_were_not_attempted_are_called_again_at_no_cost() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    let commands = bench.called(0, [done(0), NOT_ATTEMPTED, NOT_ATTEMPTED]);
    assert_eq!(calls(&commands), [(1, vec![(1, 1), (2, 1)], false)]);
}

/// Rule 39: results behind a failure are discarded.
#[test]
fn results_behind_a_failure_are_discarded() {
    let (mut bench, _) = Bench::with(policy(), 0..4);
    let failed_twice = failed(FailureKind::Other);
    let commands = bench.called(0, [done(1), failed_twice.clone(), done(1), failed_twice]);
    let due = ms(1000);
    let retry = Command::Retry {
        offset: 1,
        attempt: 1,
        failure: failure(FailureKind::Other),
        due,
    };
    assert_eq!(essence(&commands), [Command::Produce { offset: 0 }, retry]);
    assert_eq!(
        calls(&bench.at(1000)),
        [(1, vec![(1, 2), (2, 1), (3, 1)], false)]
    );
}

/// Rule 39: a result behind a message that was passed over would be out of order.
#[test]
fn results_behind_a_message_that_was_passed_over_are_discarded() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    let commands = bench.called(0, [NOT_ATTEMPTED, done(1), failed(FailureKind::Other)]);
    assert_eq!(essence(&commands).len(), 1);
    assert_eq!(calls(&commands), [(1, vec![(0, 1), (1, 1), (2, 1)], false)]);
}

#[test]
fn an_answer_that_is_too_short_leaves_the_rest_unattempted() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    assert_eq!(
        calls(&bench.called(0, [done(0)])),
        [(1, vec![(1, 1), (2, 1)], false)]
    );
}

#[test]
fn an_answer_that_is_too_long_counts_as_far_as_there_were_messages() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.fetch(1..2);
    assert_eq!(
        calls(&bench.called(0, vec![done(0); 5])),
        [(1, vec![(1, 1)], false)]
    );
}

#[test]
fn an_answer_of_a_call_that_is_not_under_way_is_ignored() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    assert_eq!(bench.called(7, [done(1)]), []);
    bench.called(0, [done(0)]);
    assert_eq!(bench.called(0, [done(1)]), []);
}

/// Rule 40: the message on which an instance died is repeated alone on a fresh one, at no cost.
#[test]
fn the_message_on_which_an_instance_died_is_repeated_alone_on_a_fresh_one() {
    let one_attempt = Policy {
        retry: pelton_dispatch::Retry {
            attempts: NonZeroU32::MIN,
            ..policy().retry
        },
        ..policy()
    };
    for kind in [
        FailureKind::Trap,
        FailureKind::TimeLimit,
        FailureKind::MemoryLimit,
        FailureKind::Contract,
    ] {
        let (mut bench, _) = Bench::with(one_attempt.clone(), 0..4);
        let commands = bench.called(
            0,
            [NOT_ATTEMPTED, failed(kind), NOT_ATTEMPTED, NOT_ATTEMPTED],
        );
        assert_eq!(
            calls(&commands),
            [(1, vec![(0, 1)], false)],
            "it stops before the suspect"
        );
        assert_eq!(
            calls(&bench.called(1, [done(0)])),
            [(2, vec![(1, 1)], true)]
        );
        let commands = bench.called(2, [done(1)]);
        assert_eq!(calls(&commands), [(3, vec![(2, 1), (3, 1)], false)]);
        assert!(
            commands.contains(&Command::Produce { offset: 1 }),
            "an innocent message is not dead-lettered"
        );
    }
}

/// Rule 40: on a fresh instance the fault is the message's own.
#[test]
fn a_fault_on_a_fresh_instance_costs_an_attempt() {
    let (mut bench, _) = Bench::with(policy(), 0..2);
    bench.called(0, [failed(FailureKind::Trap), NOT_ATTEMPTED]);
    let commands = bench.called(1, [failed(FailureKind::Trap)]);
    let due = ms(1000);
    assert_eq!(
        essence(&commands),
        [Command::Retry {
            offset: 0,
            attempt: 1,
            failure: failure(FailureKind::Trap),
            due
        }]
    );
    assert_eq!(calls(&bench.at(1000)), [(2, vec![(0, 2)], true)]);
}

/// Rule 40: an instance may have been broken by a message of an earlier call, so a message that was
/// called alone is under no less suspicion.
#[test]
fn a_single_message_on_a_used_instance_is_repeated_on_a_fresh_one_too() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    assert_eq!(
        calls(&bench.called(0, [failed(FailureKind::Trap)])),
        [(1, vec![(0, 1)], true)]
    );
}

/// Rule 16: no endless loop, not even one that the guest makes by never coming to a message.
#[test]
fn a_message_that_is_passed_over_for_ever_fails_in_the_end() {
    let (mut bench, mut commands) = Bench::with(policy(), 0..1);
    let mut rounds = 0;
    while !commands
        .iter()
        .any(|command| matches!(command, Command::DeadLetter { .. }))
    {
        rounds += 1;
        assert!(rounds < 100, "it goes on for ever");
        commands = match calls(&commands).pop() {
            Some((call, _, _)) => bench.called(call, [NOT_ATTEMPTED]),
            None => bench.at(20_000 * rounds),
        };
    }
}

#[test]
fn a_curtailed_call_passes_nothing_over() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.drain(1000);
    assert_eq!(
        bench.called(0, [NOT_ATTEMPTED]),
        [Command::Drained {
            last: None,
            unfinished: 0
        }]
    );
}

#[test]
fn the_snapshot_names_the_oldest_unfinished_message_and_its_stage() {
    let (mut bench, _) = Bench::with(policy(), 3..5);
    let oldest = |bench: &Bench| {
        bench
            .snapshot()
            .oldest
            .map(|oldest| (oldest.offset, oldest.stage))
    };
    assert_eq!(oldest(&bench), Some((3, Stage::Calling)));
    bench.called(0, [done(1), failed(FailureKind::Other)]);
    assert_eq!(oldest(&bench), Some((3, Stage::Producing)));
    bench.delivered(3);
    assert_eq!(oldest(&bench), Some((4, Stage::Retrying { due: ms(1000) })));
    assert_eq!(bench.snapshot().retrying, 1);
    bench.at(1000);
    bench.called(1, [failed(FailureKind::Reject)]);
    assert_eq!(oldest(&bench), Some((4, Stage::DeadLettering)));
    bench.delivered(4);
    let snapshot = bench.snapshot();
    assert_eq!(
        (
            snapshot.oldest,
            snapshot.watermark,
            snapshot.position,
            snapshot.retrying
        ),
        (None, 5, 5, 0)
    );
}

#[test]
fn the_snapshot_counts_the_messages_that_wait_for_another_attempt() {
    let (mut bench, _) = Bench::with(
        Policy {
            order: Order::None,
            ..policy()
        },
        0..3,
    );
    let fails = || failed(FailureKind::Other);
    bench.called(0, [fails(), fails(), done(0)]);
    assert_eq!(bench.snapshot().retrying, 2);
}

#[test]
fn time_that_runs_backwards_changes_nothing() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.now = ms(500);
    bench.called(0, [failed(FailureKind::Other)]);
    bench.now = Duration::ZERO;
    assert_eq!(calls(&bench.event(Event::Timer)), []);
    assert_eq!(calls(&bench.at(1500)).len(), 1);
}

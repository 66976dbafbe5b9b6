//! Key order and no order: what waits for what, how much is in flight, and how many calls there are at once.

use std::num::NonZeroU32;

use pelton_dispatch::{Command, Order, Policy, Stage};
use pelton_types::FailureKind;

use crate::support::*;

fn ordered(order: Order) -> Policy {
    Policy { order, ..policy() }
}

/// A machine whose handler waits, as it knows from a first message at offset 0.
fn waiting(order: Order, calls: u32, in_flight: u32) -> Bench {
    let mut bench = Bench::new(Policy {
        calls: NonZeroU32::new(calls).unwrap(),
        in_flight: NonZeroU32::new(in_flight).unwrap(),
        ..ordered(order)
    });
    bench.fetch(0..1);
    bench.waited(0, [done(0)]);
    bench
}

/// The offsets of each call.
fn batches(commands: &[Command]) -> Vec<Vec<i64>> {
    let offsets = |(_, messages, _): Call| messages.iter().map(|(offset, _)| *offset).collect();
    calls(commands).into_iter().map(offsets).collect()
}

/// Rule 18: a retrying key is held up, other keys go on.
#[test]
fn a_retrying_key_holds_up_itself_and_no_other() {
    let mut bench = Bench::new(ordered(Order::Key));
    bench.fetch_keyed([(0, 7), (1, 8), (2, 7), (3, 8)]);
    let commands = bench.called(0, [failed(FailureKind::Other), done(1), done(1), done(1)]);
    let produced = [1, 3].map(|offset| Command::Produce { offset });
    assert_eq!(essence(&commands)[1..], produced, "2 waits for 0");
    assert_eq!(batches(&bench.fetch_keyed([(4, 7), (5, 8)])), [[5]]);
    bench.called(1, [done(0)]);
    assert_eq!(
        calls(&bench.at(1000)),
        [(2, vec![(0, 2), (2, 1), (4, 1)], false)]
    );
}

/// Rule 39: behind a failure the results of its key don't count, those of other keys do.
#[test]
fn only_results_of_the_failed_key_are_discarded() {
    let mut bench = Bench::new(ordered(Order::Key));
    bench.fetch_keyed([(0, 7), (1, 7), (2, 8), (3, 7)]);
    let commands = bench.called(0, [done(0), failed(FailureKind::Other), done(0), done(0)]);
    assert_eq!(finished(&commands), [2], "3 stands behind 1");
}

#[test]
fn messages_without_a_key_wait_for_nobody() {
    let mut bench = Bench::new(ordered(Order::Key));
    bench.fetch_keyed([(0, 0), (1, 0), (2, 7)]);
    let commands = bench.called(0, [failed(FailureKind::Other), done(0), done(0)]);
    assert_eq!(finished(&commands), [1, 2]);
}

#[test]
fn without_order_nothing_waits_for_anything() {
    let mut bench = Bench::new(ordered(Order::None));
    bench.fetch_keyed([(0, 7), (1, 7)]);
    let commands = bench.called(0, [failed(FailureKind::Other), done(0)]);
    assert_eq!(finished(&commands), [1]);
}

#[test]
fn handlers_that_wait_get_many_calls_of_one_message_each() {
    let mut bench = waiting(Order::Key, 3, 100);
    let commands = bench.fetch_keyed([(1, 7), (2, 8), (3, 7), (4, 9), (5, 10)]);
    assert_eq!(batches(&commands), [[1], [2], [4]], "3 waits for 1");
    assert_eq!(batches(&bench.waited(1, [done(0)])), [[3]]);
    assert_eq!(batches(&bench.waited(2, [done(0)])), [[5]]);
}

#[test]
fn handlers_that_compute_get_one_call_at_a_time() {
    let mut bench = Bench::new(ordered(Order::Key));
    assert_eq!(batches(&bench.fetch_keyed([(0, 7), (1, 8)])), [[0, 1]]);
    assert_eq!(bench.fetch_keyed([(2, 9)]), []);
}

#[test]
fn in_partition_order_a_handler_that_waits_has_one_call_too() {
    let mut bench = waiting(Order::Partition, 3, 100);
    assert_eq!(batches(&bench.fetch(1..3)), [[1]]);
}

#[test]
fn a_call_of_another_key_goes_on_while_a_suspect_is_alone_on_a_fresh_instance() {
    let mut bench = waiting(Order::Key, 4, 100);
    bench.fetch_keyed([(1, 7), (2, 8)]);
    let commands = bench.waited(1, [failed(FailureKind::Trap)]);
    assert_eq!(calls(&commands), [(3, vec![(1, 1)], true)]);
    assert_eq!(bench.snapshot().calling, 2);
}

#[test]
fn no_more_than_the_limit_is_in_flight() {
    let mut bench = waiting(Order::None, 100, 3);
    assert_eq!(batches(&bench.fetch(1..6)), [[1], [2], [3]]);
    assert_eq!(
        batches(&bench.waited(1, [done(1)])).len(),
        0,
        "its output is in flight"
    );
    assert_eq!(batches(&bench.delivered(1)), [[4]]);
}

#[test]
fn a_message_that_waits_for_its_retry_is_in_flight() {
    let mut bench = waiting(Order::None, 100, 2);
    bench.fetch(1..5);
    bench.waited(1, [failed(FailureKind::Other)]);
    assert_eq!(batches(&bench.waited(2, [done(0)])), [[3]]);
    bench.waited(3, [failed(FailureKind::Other)]);
    let snapshot = bench.snapshot();
    assert_eq!((snapshot.retrying, snapshot.calling), (2, 0));
    assert_eq!(
        batches(&bench.at(1000)),
        [[1], [3]],
        "a retry takes no room"
    );
}

/// Else a limit that is used up by what stands behind it would hold it up for ever.
#[test]
fn the_lowest_unfinished_message_is_called_whatever_is_in_flight() {
    let mut bench = waiting(Order::None, 100, 1);
    bench.fetch(1..3);
    bench.drain(1_000_000);
    let (mut before, _) = Bench::with(ordered(Order::None), 0..2);
    let commands = before.called(0, [NOT_ATTEMPTED, failed(FailureKind::Other)]);
    let left = checkpoints(&commands).pop().unwrap();
    let one = NonZeroU32::MIN;
    let mut bench = Bench::after(
        Policy {
            in_flight: one,
            ..ordered(Order::None)
        },
        &left,
    );
    assert_eq!(batches(&bench.fetch(0..2)), [[0]]);
}

#[test]
fn a_batch_of_partition_order_is_cut_to_what_may_be_in_flight() {
    let (_, commands) = Bench::with(
        Policy {
            in_flight: NonZeroU32::new(5).unwrap(),
            ..policy()
        },
        0..20,
    );
    assert_eq!(batches(&commands), [(0..5).collect::<Vec<_>>()]);
}

/// Rule 12, with many calls: each is asked to stop, and the drain waits for all.
#[test]
fn a_drain_curtails_and_awaits_every_call() {
    let mut bench = waiting(Order::None, 100, 100);
    bench.fetch(1..4);
    let curtailed = bench.drain(1000);
    assert_eq!(
        curtailed
            .iter()
            .filter(|c| matches!(c, Command::Curtail { .. }))
            .count(),
        3
    );
    bench.waited(1, [done(0)]);
    bench.waited(3, [done(0)]);
    let commands = bench.waited(2, [NOT_ATTEMPTED]);
    assert_eq!(commits(&commands), [2]);
    assert_eq!(finished(&commands), [3]);
    assert!(matches!(
        commands.last(),
        Some(Command::Drained { unfinished: 0, .. })
    ));
}

#[test]
fn a_drain_at_its_deadline_cancels_every_call() {
    let mut bench = waiting(Order::None, 100, 100);
    bench.fetch(1..4);
    bench.drain(1000);
    let commands = bench.at(1000);
    let cancelled = |c: &&Command| matches!(c, Command::Cancel { .. });
    assert_eq!(commands.iter().filter(cancelled).count(), 3);
    assert!(matches!(
        commands.last(),
        Some(Command::Drained { unfinished: 3, .. })
    ));
}

#[test]
fn the_oldest_message_of_a_held_up_key_is_what_the_watermark_waits_for() {
    let mut bench = Bench::new(ordered(Order::Key));
    bench.fetch_keyed([(0, 7), (1, 8)]);
    bench.called(0, [failed(FailureKind::Other), done(0)]);
    let oldest = bench.snapshot().oldest.unwrap();
    assert_eq!(
        (oldest.offset, oldest.stage),
        (0, Stage::Retrying { due: ms(1000) })
    );
}

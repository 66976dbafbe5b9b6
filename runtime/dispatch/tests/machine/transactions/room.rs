//! How many messages are begun, so that a checkpoint can tell of all of them (delivery rule 6).
//!
//! A hundred bytes of metadata have room for 14 messages at distances of one digit from one another, or for 7 at
//! distances of two.

use super::*;

fn narrow(order: Order) -> Policy {
    Policy {
        order,
        metadata_bytes: 100,
        buffer_messages: NonZeroU32::new(1000).unwrap(),
        ..exactly_once()
    }
}

/// A machine whose first message waits to be tried again, when so many were fetched.
fn behind_a_retry(fetched: Offset) -> usize {
    let mut bench = begun(narrow(Order::None), 0..1);
    bench.called(0, [failed(FailureKind::Other)]);
    called_offsets(&bench.fetch(1..fetched)).len()
}

#[test]
fn room_that_was_counted_once_holds_while_distances_have_as_many_digits() {
    assert_eq!(behind_a_retry(127), 14 - 1);
    assert_eq!(behind_a_retry(128), 7 - 1);
}

#[test]
fn room_that_is_used_up_is_counted_anew() {
    let mut bench = begun(narrow(Order::None), 0..0);
    let offsets = called_offsets(&bench.fetch(0..60));
    assert_eq!(offsets, (0..14).collect::<Vec<_>>());
    let commands = bench.called(0, vec![done(0); 14]);
    assert_eq!(called_offsets(&commands), (14..28).collect::<Vec<_>>());
}

#[test]
fn messages_in_their_order_need_no_room() {
    let mut bench = begun(narrow(Order::Partition), 0..0);
    assert_eq!(called_offsets(&bench.fetch(0..100)).len(), 16);
}

#[test]
fn messages_behind_a_dead_letter_that_waits_need_room() {
    let mut bench = begun(narrow(Order::Partition), 0..1);
    bench.called(0, [failed(FailureKind::Reject)]);
    bench.refused(0);
    bench.aborted();
    assert_eq!(called_offsets(&bench.fetch(1..60)).len(), 14 - 1);
}

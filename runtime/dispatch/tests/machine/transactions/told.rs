//! What a partition tells its member, and what an aborted transaction takes back of it.

use pelton_dispatch::Outcome;

use super::*;

/// Messages, bytes and urgency of what the member is told.
fn told(commands: &[Command]) -> Option<(u32, u64, bool)> {
    commands.iter().find_map(|command| match command {
        Command::Progress {
            messages,
            bytes,
            urgent,
        } => Some((*messages, *bytes, *urgent)),
        _ => None,
    })
}

#[test]
fn messages_and_bytes_are_told_as_they_come_and_once() {
    let mut bench = begun(exactly_once(), 0..3);
    let commands = bench.called(0, [done(1), done(1), done(0)]);
    assert_eq!(told(&commands), Some((3, 30, false)));
    assert_eq!(told(&bench.delivered(0)), None);
}

#[test]
fn a_failed_attempt_is_news_too_and_told_once() {
    let mut bench = begun(exactly_once(), 0..1);
    let commands = bench.called(0, [failed(FailureKind::Other)]);
    assert_eq!(told(&commands), Some((0, 0, false)));
    assert_eq!(told(&bench.at(1)), None);
}

#[test]
fn bytes_that_fill_half_of_the_buffer_are_urgent() {
    let policy = Policy {
        buffer_bytes: 40,
        batch_messages: NonZeroU32::MIN,
        ..exactly_once()
    };
    let mut bench = begun(policy, 0..4);
    assert_eq!(told(&bench.called(0, [done(0)])), Some((1, 10, false)));
    assert_eq!(told(&bench.called(1, [done(0)])), Some((1, 10, true)));
}

#[test]
fn nothing_is_urgent_where_nothing_takes_part() {
    let mut bench = begun(exactly_once(), 0..1);
    bench.event(Event::Buffer { bytes: 0 });
    let commands = bench.called(0, [failed(FailureKind::Other)]);
    assert_eq!(told(&commands), Some((0, 0, false)));
}

#[test]
fn after_an_abort_there_is_nothing_to_commit_until_something_is_done_again() {
    let mut bench = begun(exactly_once(), 0..1);
    bench.called(0, [done(0)]);
    assert_eq!(called_offsets(&bench.aborted()), [0]);
    assert_eq!(sealed(&bench.seal()), Some(None));
}

#[test]
fn after_an_abort_the_attempts_are_still_to_be_told() {
    let mut bench = begun(exactly_once(), 0..1);
    bench.called(0, [failed(FailureKind::Other)]);
    bench.aborted();
    assert_eq!(sealed(&bench.seal()), Some(Some(0)));
}

#[test]
fn an_abort_takes_back_what_was_begun_before_the_last_commit_and_done_after_it() {
    let policy = Policy {
        batch_messages: NonZeroU32::MIN,
        ..exactly_once()
    };
    let mut bench = begun(policy, 0..2);
    assert_eq!(called_offsets(&bench.called(0, [done(0)])), [1]);
    bench.seal();
    bench.committed();
    bench.called(1, [done(1)]);
    assert_eq!(called_offsets(&bench.aborted()), [1]);
}

/// A commit is acknowledged while what the next one tells of is finished already.
#[test]
fn what_is_finished_behind_a_sealed_checkpoint_is_kept_until_it_is_committed() {
    let policy = Policy {
        batch_messages: NonZeroU32::MIN,
        ..exactly_once()
    };
    let mut bench = begun(policy, 0..2);
    bench.called(0, [done(0)]);
    assert_eq!(sealed(&bench.seal()), Some(Some(1)));
    bench.called(1, [done(0)]);
    let commands = bench.committed();
    assert!(
        commands.contains(&Command::Release { below: 1 }),
        "{commands:?}"
    );
    assert_eq!(called_offsets(&bench.aborted()), [1]);
}

/// Whatever waits for a transaction counts as in flight.
#[test]
fn what_is_held_counts_as_in_flight() {
    let policy = Policy {
        in_flight: NonZeroU32::new(2).unwrap(),
        batch_messages: NonZeroU32::MIN,
        ..exactly_once()
    };
    let mut bench = Bench::new(policy);
    let mut commands = bench.fetch(0..4);
    for call in 0..2 {
        assert_eq!(calls(&commands).len(), 1, "{commands:?}");
        commands = bench.called(call, [done(1)]);
    }
    assert_eq!(calls(&commands), [], "two outputs wait for a transaction");
    let commands = bench.event(Event::TransactionEnded(Outcome::Committed));
    assert_eq!(produced(&commands), [0, 1]);
    assert_eq!(calls(&bench.delivered(0)).len(), 1);
}

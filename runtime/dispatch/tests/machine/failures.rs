//! Retries, dead letters, skips and halts.

use std::{num::NonZeroU32, time::Duration};

use pelton_dispatch::{Checkpoint, Command, Event, OnExhausted, Policy, Retry};
use pelton_types::{Failure, FailureKind, Verdict};

use crate::support::*;

fn ending(on_exhausted: OnExhausted) -> Policy {
    Policy {
        on_exhausted,
        retry: Retry {
            attempts: NonZeroU32::MIN,
            ..policy().retry
        },
        ..policy()
    }
}

fn dead_letter(offset: i64, attempts: u32, kind: FailureKind) -> Command {
    Command::DeadLetter {
        offset,
        attempts,
        failure: failure(kind),
    }
}

/// Rule 16: bounded retries, then the dead letter, then the commit.
#[test]
fn a_poison_message_is_retried_dead_lettered_and_committed() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    let mut delays = Vec::new();
    for attempt in 0..2 {
        let commands = bench.called(attempt, [failed(FailureKind::Other)]);
        let Some(Command::Retry { due, .. }) = commands.first() else {
            panic!("{commands:?}")
        };
        assert_eq!(timers(&commands), [*due]);
        delays.push(*due - bench.now);
        assert_eq!(
            calls(&bench.at(due.as_millis() as u64 - 1)),
            [],
            "not before its time"
        );
        assert_eq!(calls(&bench.at(due.as_millis() as u64)).len(), 1);
    }
    assert_eq!(delays, [ms(1000), ms(2000)]);
    let commands = bench.called(2, [failed(FailureKind::Other)]);
    assert_eq!(essence(&commands), [dead_letter(0, 3, FailureKind::Other)]);
    assert_eq!(commits(&commands), []);
    bench.event(Event::Committed { next: 0 });
    bench.event(Event::Committed { next: 0 });
    assert_eq!(commits(&bench.delivered(0)), [1]);
}

#[test]
fn a_retry_holds_up_everything_behind_it() {
    let (mut bench, _) = Bench::with(policy(), 0..2);
    bench.called(0, [failed(FailureKind::Other), NOT_ATTEMPTED]);
    assert_eq!(calls(&bench.fetch(2..5)), []);
    assert_eq!(calls(&bench.at(999)), []);
    assert_eq!(called_offsets(&bench.at(1000)), [0, 1, 2, 3, 4]);
}

#[test]
fn a_retry_without_backoff_follows_at_once() {
    let retry = Retry {
        backoff: Duration::ZERO,
        ..policy().retry
    };
    let (mut bench, _) = Bench::with(Policy { retry, ..policy() }, 0..1);
    assert_eq!(
        calls(&bench.called(0, [failed(FailureKind::Retry)])),
        [(1, vec![(0, 2)], false)]
    );
}

#[test]
fn the_delay_that_the_handler_asks_for_is_obeyed() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    let wish = Failure {
        retry_after: Some(ms(42)),
        ..failure(FailureKind::Retry)
    };
    bench.called(0, [Verdict::Failed(wish)]);
    assert_eq!(calls(&bench.at(41)), []);
    assert_eq!(calls(&bench.at(42)), [(1, vec![(0, 2)], false)]);
}

#[test]
fn a_rejected_message_is_dead_lettered_at_the_first_attempt() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    assert_eq!(
        essence(&bench.called(0, [failed(FailureKind::Reject)])),
        [dead_letter(0, 1, FailureKind::Reject)]
    );
}

#[test]
fn later_messages_go_on_while_a_dead_letter_is_written() {
    let (mut bench, _) = Bench::with(policy(), 0..2);
    let commands = bench.called(0, [failed(FailureKind::Reject), NOT_ATTEMPTED]);
    assert_eq!(calls(&commands), [(1, vec![(1, 1)], false)]);
}

/// Rule 17: a dead letter that can't be written is written again, and nothing past it is committed.
#[test]
fn a_refused_dead_letter_is_written_again_for_ever_and_never_committed_past() {
    let (mut bench, _) = Bench::with(policy(), 0..2);
    bench.called(0, [failed(FailureKind::Reject), NOT_ATTEMPTED]);
    bench.called(1, [done(0)]);
    for round in 0..20 {
        let commands = bench.refused(0);
        assert_eq!(essence(&commands), []);
        let due = *timers(&commands).first().unwrap();
        assert!(due > bench.now && due <= bench.now + ms(10_000));
        let commands = bench.at(due.as_millis() as u64);
        assert_eq!(
            essence(&commands),
            [dead_letter(0, 1, FailureKind::Reject)],
            "round {round}"
        );
        assert_eq!(
            (commits(&commands), bench.snapshot().watermark),
            (vec![], 0)
        );
    }
    bench.event(Event::Committed { next: 0 });
    assert_eq!(commits(&bench.delivered(0)), [2]);
}

#[test]
fn a_refused_dead_letter_waits_longer_each_time_up_to_the_ceiling() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.called(0, [failed(FailureKind::Reject)]);
    let mut delays = Vec::new();
    for _ in 0..6 {
        let due = timers(&bench.refused(0))[0];
        delays.push((due - bench.now).as_millis());
        bench.at(due.as_millis() as u64);
    }
    assert_eq!(delays, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
}

#[test]
fn a_late_acknowledgement_does_not_finish_a_dead_letter_that_was_refused() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.called(0, [failed(FailureKind::Reject)]);
    bench.refused(0);
    assert_eq!(bench.delivered(0), []);
    assert_eq!(bench.refused(0), []);
    assert_eq!(
        (bench.snapshot().watermark, bench.snapshot().in_delivery),
        (0, 0)
    );
}

/// Rule 24: a broker's refusal of an output comes late and is permanent.
#[test]
fn a_refused_output_ends_its_message_without_another_attempt() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.called(0, [done(2)]);
    assert_eq!(
        essence(&bench.refused(0)),
        [dead_letter(0, 1, FailureKind::Produce)]
    );
    assert_eq!(commits(&bench.delivered(0)), [1]);

    let (mut bench, _) = Bench::with(ending(OnExhausted::Skip), 0..1);
    bench.called(0, [done(2)]);
    let commands = bench.refused(0);
    let skip = Command::Skip {
        offset: 0,
        attempts: 1,
        failure: failure(FailureKind::Produce),
    };
    assert_eq!(
        (essence(&commands), commits(&commands)),
        (vec![skip], vec![1])
    );

    let (mut bench, _) = Bench::with(ending(OnExhausted::Stop), 0..1);
    bench.called(0, [done(2)]);
    let commands = bench.refused(0);
    let halt = Command::Halt {
        offset: 0,
        attempts: 1,
        failure: failure(FailureKind::Produce),
    };
    assert_eq!(
        (essence(&commands), commits(&commands)),
        (vec![halt], vec![])
    );
}

#[test]
fn a_skipped_message_counts_as_done() {
    let (mut bench, _) = Bench::with(ending(OnExhausted::Skip), 0..2);
    let commands = bench.called(0, [failed(FailureKind::Other), NOT_ATTEMPTED]);
    let skip = Command::Skip {
        offset: 0,
        attempts: 1,
        failure: failure(FailureKind::Other),
    };
    assert_eq!(commands[..2], [skip, Command::Release { below: 1 }]);
    assert_eq!(commits(&commands), [1]);
}

#[test]
fn a_halt_commits_up_to_its_message_and_calls_nothing_more() {
    let (mut bench, _) = Bench::with(ending(OnExhausted::Stop), 0..3);
    let commands = bench.called(0, [done(1), failed(FailureKind::Other), NOT_ATTEMPTED]);
    let halt = Command::Halt {
        offset: 1,
        attempts: 1,
        failure: failure(FailureKind::Other),
    };
    assert_eq!(
        commands,
        [Command::Produce { offset: 0 }, halt, Command::PauseFetch]
    );
    assert_eq!(commits(&bench.delivered(0)), [1]);
    assert_eq!(bench.fetch(3..5), []);
    assert_eq!(bench.at(100_000), []);
    assert_eq!(bench.event(Event::Committed { next: 1 }), []);
    assert_eq!(bench.snapshot().watermark, 1);
    assert_eq!(
        bench.drain(200_000),
        [Command::Drained {
            last: None,
            unfinished: 0
        }]
    );
}

#[test]
fn a_halt_by_a_refused_output_curtails_the_call_under_way() {
    let (mut bench, _) = Bench::with(ending(OnExhausted::Stop), 0..1);
    bench.called(0, [done(1)]);
    bench.fetch(1..3);
    let commands = bench.refused(0);
    assert!(
        commands.contains(&Command::Curtail {
            call: pelton_dispatch::CallId(1)
        }),
        "{commands:?}"
    );
    let commands = bench.called(1, [done(0), failed(FailureKind::Retry)]);
    let halt = Command::Halt {
        offset: 2,
        attempts: 1,
        failure: failure(FailureKind::Retry),
    };
    assert_eq!(essence(&commands), [halt], "nothing is called");
    assert_eq!(
        (commits(&commands), finished(&commands)),
        (vec![0], vec![1])
    );
}

/// Rule 4: filtered messages are done.
#[test]
fn a_message_without_outputs_is_done_and_committed() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    let commands = bench.called(0, [done(0)]);
    assert_eq!(
        commands,
        [
            Command::Release { below: 1 },
            Command::Commit(Checkpoint::at(1))
        ]
    );
}

/// After a halt the next attempt is the next owner's.
#[test]
fn a_failure_after_a_halt_is_not_called_again() {
    let stop = Policy {
        on_exhausted: OnExhausted::Stop,
        ..policy()
    };
    let (mut bench, _) = Bench::with(stop, 0..1);
    bench.called(0, [done(1)]);
    bench.fetch(1..2);
    bench.refused(0);
    let commands = bench.called(1, [failed(FailureKind::Other)]);
    assert_eq!(progress(&commands).tried[1].attempts, 1);
    assert_eq!(calls(&bench.at(100_000)), []);
}

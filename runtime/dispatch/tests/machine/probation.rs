//! A message that uses up its attempts on a revision on probation gets one more, by the revision before.

use std::{num::NonZeroU32, time::Duration};

use pelton_dispatch::{
    CallId, Command, Event, Guarantee, OnExhausted, Order, Outcome, Policy, Retry,
};
use pelton_types::FailureKind;

use crate::support::*;

/// One attempt by each revision.
fn once() -> Policy {
    Policy {
        retry: Retry {
            attempts: NonZeroU32::MIN,
            ..policy().retry
        },
        ..policy()
    }
}

fn fall_back(offset: i64, attempts: u32, kind: FailureKind) -> Command {
    Command::FallBack {
        offset,
        attempts,
        failure: failure(kind),
    }
}

/// The calls of the revision before: name, offsets with attempts, whether fresh.
fn fallbacks(commands: &[Command]) -> Vec<Call> {
    let by_the_one_before =
        |command: &&Command| matches!(command, Command::Call { fallback: true, .. });
    let those: Vec<_> = commands.iter().filter(by_the_one_before).cloned().collect();
    calls(&those)
}

/// A machine whose only message has used up its one attempt.
fn exhausted(policy: Policy) -> (Bench, Vec<Command>) {
    let (mut bench, _) = Bench::with(policy, 0..1);
    let commands = bench.called_on_probation(0, [failed(FailureKind::Other)]);
    (bench, commands)
}

#[test]
fn used_up_attempts_are_followed_by_one_of_the_revision_before_on_a_fresh_instance() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.called_on_probation(0, [failed(FailureKind::Other)]);
    assert_eq!(fallbacks(&bench.at(1000)), [], "attempts are left");
    bench.called_on_probation(1, [failed(FailureKind::Retry)]);
    assert_eq!(fallbacks(&bench.at(3000)), []);
    let commands = bench.called_on_probation(2, [failed(FailureKind::Other)]);
    assert_eq!(commands[0], fall_back(0, 3, FailureKind::Other));
    assert_eq!(calls(&commands), fallbacks(&commands));
    assert_eq!(fallbacks(&commands), [(3, vec![(0, 4)], true)]);
}

#[test]
fn what_the_revision_before_returns_is_produced_and_later_messages_are_the_new_ones_again() {
    let (mut bench, _) = exhausted(once());
    assert_eq!(calls(&bench.fetch(1..3)), [], "its lane waits for it");
    let commands = bench.called(1, [done(1)]);
    assert!(commands.contains(&Command::Produce { offset: 0 }));
    assert_eq!(calls(&commands), [(2, vec![(1, 1), (2, 1)], false)]);
    assert_eq!(fallbacks(&commands), []);
}

#[test]
fn what_fails_by_both_is_given_up_with_all_attempts() {
    for kind in [FailureKind::Other, FailureKind::Trap, FailureKind::Reject] {
        let (mut bench, _) = exhausted(once());
        let commands = bench.called_on_probation(1, [failed(kind)]);
        let letter = Command::DeadLetter {
            offset: 0,
            attempts: 2,
            failure: failure(kind),
        };
        assert_eq!(essence(&commands), [letter]);
    }
}

#[test]
fn a_skip_and_a_stop_come_after_the_revision_before_too() {
    for on_exhausted in [OnExhausted::Skip, OnExhausted::Stop] {
        let (mut bench, commands) = exhausted(Policy {
            on_exhausted,
            ..once()
        });
        assert_eq!(commands[0], fall_back(0, 1, FailureKind::Other));
        let commands = bench.called(1, [failed(FailureKind::Other)]);
        assert!(matches!(
            essence(&commands)[..],
            [Command::Skip { attempts: 2, .. } | Command::Halt { attempts: 2, .. }]
        ));
    }
}

#[test]
fn without_probation_nothing_falls_back() {
    let (mut bench, _) = Bench::with(once(), 0..1);
    let commands = bench.called(0, [failed(FailureKind::Other)]);
    assert!(matches!(
        essence(&commands)[..],
        [Command::DeadLetter { attempts: 1, .. }]
    ));
}

#[test]
fn a_rejected_message_and_a_refused_output_do_not_fall_back() {
    let (mut bench, _) = Bench::with(once(), 0..2);
    let commands = bench.called_on_probation(0, [failed(FailureKind::Reject), NOT_ATTEMPTED]);
    assert!(matches!(
        essence(&commands)[0],
        Command::DeadLetter { attempts: 1, .. }
    ));
    bench.called_on_probation(1, [done(1)]);
    assert!(matches!(
        essence(&bench.refused(1))[..],
        [Command::DeadLetter { .. }]
    ));
}

/// Rule 40 comes first: the fault may be a neighbour's.
#[test]
fn a_trap_is_repeated_by_the_new_revision_before_it_falls_back() {
    let (mut bench, _) = Bench::with(once(), 0..2);
    let commands = bench.called_on_probation(0, [failed(FailureKind::Trap), NOT_ATTEMPTED]);
    assert_eq!(
        (calls(&commands), fallbacks(&commands)),
        (vec![(1, vec![(0, 1)], true)], vec![])
    );
    let commands = bench.called_on_probation(1, [failed(FailureKind::Trap)]);
    assert_eq!(fallbacks(&commands), [(2, vec![(0, 2)], true)]);
}

#[test]
fn a_message_that_is_passed_over_falls_back_too() {
    let (mut bench, _) = Bench::with(once(), 0..1);
    let mut last = Vec::new();
    for call in 0..32 {
        last = bench.called_on_probation(call, [NOT_ATTEMPTED]);
    }
    assert_eq!(fallbacks(&last), [(32, vec![(0, 2)], true)]);
}

#[test]
fn other_keys_go_on_while_one_falls_back() {
    let mut bench = Bench::new(Policy {
        order: Order::Key,
        ..once()
    });
    bench.fetch_keyed([(0, 1), (1, 2), (2, 1)]);
    let commands = bench.called_on_probation(
        0,
        [failed(FailureKind::Other), NOT_ATTEMPTED, NOT_ATTEMPTED],
    );
    assert_eq!(calls(&commands), [(1, vec![(0, 2)], true)]);
    let commands = bench.called(1, [failed(FailureKind::Other)]);
    assert_eq!(calls(&commands), [(2, vec![(1, 1), (2, 1)], false)]);
}

/// A revocation between the two is no end of the message, and what it has cost goes along.
#[test]
fn a_drain_leaves_it_to_the_next_owner_with_its_attempts() {
    let (mut bench, _) = Bench::with(once(), 0..1);
    bench.drain(500);
    let commands = bench.called_on_probation(0, [failed(FailureKind::Other)]);
    assert_eq!(commands[0], fall_back(0, 1, FailureKind::Other));
    assert_eq!(calls(&commands), []);
    assert!(matches!(
        commands.last(),
        Some(Command::Drained { unfinished: 0, .. })
    ));
    assert_eq!(progress(&commands).tried[0].attempts, 1);
}

#[test]
fn a_drain_waits_for_the_revision_before_and_believes_it() {
    let (mut bench, _) = exhausted(once());
    assert_eq!(
        essence(&bench.drain(500)),
        [Command::Curtail { call: CallId(1) }]
    );
    assert_eq!(
        essence(&bench.called(1, [done(1)])),
        [Command::Produce { offset: 0 }]
    );
    assert!(matches!(
        bench.delivered(0).last(),
        Some(Command::Drained { unfinished: 0, .. })
    ));
}

#[test]
fn what_was_not_attempted_is_given_to_the_revision_before_again() {
    let (mut bench, _) = exhausted(once());
    let commands = bench.called(1, [NOT_ATTEMPTED]);
    assert_eq!(fallbacks(&commands), [(2, vec![(0, 2)], true)]);
}

#[test]
fn an_abort_gives_it_to_the_revision_before_again() {
    let policy = Policy {
        guarantee: Guarantee::ExactlyOnce,
        ..once()
    };
    let (mut bench, _) = Bench::with(policy, 0..1);
    bench.event(Event::TransactionEnded(Outcome::Committed));
    bench.called_on_probation(0, [failed(FailureKind::Other)]);
    bench.called(1, [done(1)]);
    let commands = bench.event(Event::TransactionEnded(Outcome::Aborted));
    assert_eq!(fallbacks(&commands), [(2, vec![(0, 2)], true)]);
    let commands = bench.called(2, [failed(FailureKind::Other)]);
    assert!(matches!(
        essence(&commands)[0],
        Command::DeadLetter { attempts: 2, .. }
    ));
}

/// What a commit tells of the attempts is news.
#[test]
fn falling_back_is_committed_with_its_attempts() {
    let (_, commands) = exhausted(Policy {
        commit_interval: Duration::ZERO,
        ..once()
    });
    assert_eq!(progress(&commands).tried[0].attempts, 1);
}

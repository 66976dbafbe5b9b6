//! A partition's part in its member's transaction (delivery rules 24, 30, 31, 33, 34).

mod room;
mod told;

use std::{num::NonZeroU32, time::Duration};

use pelton_dispatch::{Checkpoint, Command, Event, Guarantee, OnExhausted, Order, Outcome, Policy};
use pelton_types::{FailureKind, Offset};

use crate::support::{
    Bench, called_offsets, calls, checkpoints, done, essence, failed, failure, finished, policy,
    timers,
};

fn exactly_once() -> Policy {
    Policy {
        guarantee: Guarantee::ExactlyOnce,
        ..policy()
    }
}

fn keyed() -> Policy {
    Policy {
        order: Order::Key,
        ..exactly_once()
    }
}

/// A machine whose first transaction has begun, and what it commanded for these offsets.
fn begun(policy: Policy, offsets: std::ops::Range<Offset>) -> Bench {
    let mut bench = Bench::new(policy);
    bench.committed();
    bench.fetch(offsets);
    bench
}

impl Bench {
    fn seal(&mut self) -> Vec<Command> {
        self.event(Event::Seal)
    }

    fn committed(&mut self) -> Vec<Command> {
        self.event(Event::TransactionEnded(Outcome::Committed))
    }

    fn aborted(&mut self) -> Vec<Command> {
        self.event(Event::TransactionEnded(Outcome::Aborted))
    }

    fn refused_clean(&mut self, offset: Offset) -> Vec<Command> {
        self.event(Event::Refused {
            offset,
            failure: failure(FailureKind::Produce),
            partly: false,
        })
    }
}

/// What was sealed, where something was.
fn sealed(commands: &[Command]) -> Option<Option<Offset>> {
    commands.iter().find_map(|command| match command {
        Command::Sealed(checkpoint) => Some(checkpoint.as_ref().map(|c| c.next)),
        _ => None,
    })
}

fn produced(commands: &[Command]) -> Vec<Offset> {
    let offset = |command: &Command| match command {
        Command::Produce { offset } => Some(*offset),
        _ => None,
    };
    commands.iter().filter_map(offset).collect()
}

#[test]
fn nothing_is_handed_over_before_a_transaction_has_begun() {
    let mut bench = Bench::new(exactly_once());
    bench.fetch(0..2);
    let commands = bench.called(0, [done(1), done(0)]);
    assert!(
        commands.contains(&Command::Hold { offset: 0 }),
        "{commands:?}"
    );
    assert_eq!(produced(&commands), []);
    assert_eq!(produced(&bench.committed()), [0]);
}

#[test]
fn a_checkpoint_is_given_when_it_is_asked_for_and_everything_handed_over_is_acknowledged() {
    let mut bench = begun(exactly_once(), 0..3);
    let commands = bench.called(0, [done(1), done(1), done(0)]);
    assert_eq!(checkpoints(&commands), [], "only the member commits");
    bench.delivered(0);
    assert_eq!(sealed(&bench.seal()), None, "offset 1 is not acknowledged");
    assert_eq!(sealed(&bench.delivered(1)), Some(Some(3)));
}

#[test]
fn there_is_nothing_to_commit_where_nothing_happened() {
    let mut bench = begun(exactly_once(), 0..1);
    assert_eq!(sealed(&bench.seal()), Some(None));
}

#[test]
fn what_returns_after_the_seal_goes_into_the_next_transaction() {
    let mut bench = begun(exactly_once(), 0..1);
    assert_eq!(sealed(&bench.seal()), Some(None));
    let commands = bench.called(0, [done(2)]);
    assert_eq!(produced(&commands), []);
    assert_eq!(produced(&bench.committed()), [0]);
}

#[test]
fn nothing_is_released_before_it_is_committed() {
    let mut bench = begun(exactly_once(), 0..2);
    let commands = bench.called(0, [done(0), done(0)]);
    let releases = |commands: &[Command]| {
        let release = |command: &Command| matches!(command, Command::Release { below: 2 });
        commands.iter().any(release)
    };
    assert!(!releases(&commands));
    assert!(!releases(&bench.seal()));
    assert!(releases(&bench.committed()));
}

/// Rule 30: an abort is redone from the start of the transaction, and costs nobody an attempt.
#[test]
fn an_abort_is_redone_and_costs_no_attempt() {
    let mut bench = begun(exactly_once(), 0..3);
    bench.called(0, [done(0), done(1), done(1)]);
    bench.delivered(1);
    let commands = bench.aborted();
    assert_eq!(calls(&commands), [(1, vec![(0, 1), (1, 1), (2, 1)], false)]);
    bench.called(1, [done(0), done(1), done(1)]);
    bench.delivered(1);
    bench.seal();
    assert_eq!(sealed(&bench.delivered(2)), Some(Some(3)));
}

#[test]
fn what_was_committed_before_is_not_redone() {
    let mut bench = begun(keyed(), 0..0);
    bench.fetch_keyed([(0, 1), (1, 2), (2, 3)]);
    bench.called(0, [failed(FailureKind::Other), done(1), done(0)]);
    bench.delivered(1);
    let commands = bench.seal();
    assert_eq!(sealed(&commands), Some(Some(0)));
    bench.committed();
    bench.fetch_keyed([(3, 4)]);
    bench.called(1, [done(0)]);
    assert_eq!(called_offsets(&bench.aborted()), [3]);
}

#[test]
fn a_call_that_follows_what_is_redone_is_void() {
    let mut bench = begun(exactly_once(), 0..1);
    bench.called(0, [done(1)]);
    assert_eq!(called_offsets(&bench.fetch(1..2)), [1]);
    let commands = bench.aborted();
    assert!(
        essence(&commands)
            .iter()
            .any(|c| matches!(c, Command::Cancel { .. })),
        "{commands:?}"
    );
    assert_eq!(called_offsets(&commands), [0, 1]);
}

#[test]
fn a_call_beside_an_abort_that_redoes_nothing_goes_on() {
    let mut bench = begun(exactly_once(), 0..1);
    assert_eq!(essence(&bench.aborted()), []);
    assert_eq!(produced(&bench.called(0, [done(1)])), [0]);
}

/// Rule 24: a message whose output is refused for good is dead-lettered on the redo, without another call.
#[test]
fn a_refused_output_aborts_once_and_is_dead_lettered_on_the_redo() {
    let mut bench = begun(exactly_once(), 0..2);
    bench.called(0, [done(2), done(1)]);
    let commands = bench.refused(0);
    assert!(
        commands
            .iter()
            .any(|c| matches!(c, Command::Spoil { offset: 0, .. }))
    );
    bench.delivered(1);
    assert_eq!(sealed(&bench.seal()), None, "it must not be committed");
    let commands = bench.aborted();
    assert_eq!(
        essence(&commands)[0],
        Command::DeadLetter {
            offset: 0,
            attempts: 1,
            failure: failure(FailureKind::Produce)
        }
    );
    assert_eq!(called_offsets(&commands), [1], "the innocent one is redone");
    bench.called(1, [done(1)]);
    bench.delivered(0);
    bench.seal();
    assert_eq!(sealed(&bench.delivered(1)), Some(Some(2)));
}

#[test]
fn a_dead_letter_of_a_refused_output_survives_further_aborts() {
    let mut bench = begun(exactly_once(), 0..1);
    bench.called(0, [done(1)]);
    bench.refused(0);
    bench.aborted();
    bench.delivered(0);
    let commands = bench.aborted();
    assert!(
        matches!(
            essence(&commands)[..],
            [Command::DeadLetter { offset: 0, .. }, ..]
        ),
        "{commands:?}"
    );
}

/// Found by the simulator: a message that had failed for good was called again after an abort, and the attempts that
/// were committed as made were made anew.
#[test]
fn a_message_that_ended_for_good_is_not_called_again_after_an_abort() {
    let mut bench = begun(exactly_once(), 0..1);
    bench.called(0, [failed(FailureKind::Reject)]);
    bench.delivered(0);
    let letter = Command::DeadLetter {
        offset: 0,
        attempts: 1,
        failure: failure(FailureKind::Reject),
    };
    let commands = bench.aborted();
    assert_eq!((&commands[0], calls(&commands)), (&letter, vec![]));
    let mut bench = begun(
        Policy {
            on_exhausted: OnExhausted::Skip,
            ..exactly_once()
        },
        0..1,
    );
    bench.called(0, [failed(FailureKind::Reject)]);
    let commands = bench.aborted();
    assert!(matches!(commands[0], Command::Skip { attempts: 1, .. }));
    assert_eq!(calls(&commands), []);
}

#[test]
fn an_output_that_never_entered_the_transaction_spoils_nothing() {
    let mut bench = begun(exactly_once(), 0..1);
    bench.called(0, [done(1)]);
    let commands = bench.refused_clean(0);
    assert!(matches!(
        essence(&commands)[..],
        [Command::DeadLetter { offset: 0, .. }, ..]
    ));
}

/// Rule 17: a dead letter that is refused spoils its transaction, and is written again in a later one.
#[test]
fn a_refused_dead_letter_waits_through_the_abort() {
    let mut bench = begun(exactly_once(), 0..1);
    bench.called(0, [failed(FailureKind::Reject)]);
    let commands = bench.refused(0);
    assert!(commands.iter().any(|c| matches!(c, Command::Spoil { .. })));
    assert_eq!(essence(&bench.aborted()), []);
    let commands = bench.at(60_000);
    assert!(
        matches!(essence(&commands)[..], [Command::DeadLetter { .. }, ..]),
        "{commands:?}"
    );
}

/// Rule 33: the dead letter takes part like any output.
#[test]
fn the_offset_of_a_dead_letter_follows_it() {
    let mut bench = begun(exactly_once(), 0..1);
    bench.called(0, [failed(FailureKind::Reject)]);
    assert_eq!(sealed(&bench.seal()), None);
    assert_eq!(sealed(&bench.delivered(0)), Some(Some(1)));
}

#[test]
fn attempts_count_on_through_an_abort() {
    let mut bench = begun(
        Policy {
            on_exhausted: OnExhausted::Skip,
            ..exactly_once()
        },
        0..1,
    );
    bench.called(0, [failed(FailureKind::Other)]);
    bench.aborted();
    assert_eq!(calls(&bench.at(1_000)), [(1, vec![(0, 2)], false)]);
}

/// Found by the simulator: what an abort had undone before a halt was not redone, and so not committed up to it.
#[test]
fn what_is_undone_before_a_halt_is_redone_and_nothing_else() {
    let mut bench = begun(
        Policy {
            on_exhausted: OnExhausted::Stop,
            ..exactly_once()
        },
        0..3,
    );
    bench.called(0, [done(1), failed(FailureKind::Reject)]);
    assert!(bench.snapshot().halted);
    assert_eq!(called_offsets(&bench.aborted()), [0]);
    let commands = bench.called(1, [failed(FailureKind::Other)]);
    assert_eq!(timers(&commands), [Duration::from_secs(1)]);
    assert_eq!(calls(&bench.at(1_000)), [(2, vec![(0, 2)], false)]);
    let commands = bench.called(2, [done(1)]);
    assert_eq!((produced(&commands), calls(&commands)), (vec![0], vec![]));
    bench.seal();
    assert_eq!(sealed(&bench.delivered(0)), Some(Some(1)));
}

#[test]
fn in_key_order_nothing_is_called_after_a_halt_even_where_an_abort_undoes_something() {
    let mut bench = begun(
        Policy {
            on_exhausted: OnExhausted::Stop,
            ..keyed()
        },
        0..0,
    );
    bench.fetch_keyed([(0, 1), (1, 2), (2, 3)]);
    bench.called(0, [done(1), failed(FailureKind::Reject)]);
    assert_eq!(calls(&bench.aborted()), []);
}

/// Rule 31: a drain waits for what the transaction holds back, and its checkpoint is complete.
#[test]
fn a_drain_waits_for_what_is_held() {
    let mut bench = begun(exactly_once(), 0..1);
    bench.seal();
    bench.called(0, [done(1)]);
    assert_eq!(essence(&bench.drain(1_000)), []);
    assert_eq!(produced(&bench.committed()), [0]);
    let last = Some(Checkpoint::at(1));
    assert_eq!(
        essence(&bench.delivered(0)),
        [Command::Drained {
            last,
            unfinished: 0
        }]
    );
}

#[test]
fn a_drain_that_ends_with_outputs_under_way_spoils_the_transaction() {
    let mut bench = begun(exactly_once(), 0..1);
    bench.called(0, [done(1)]);
    bench.drain(1_000);
    let commands = bench.at(1_000);
    assert!(
        matches!(
            essence(&commands)[..],
            [
                Command::Spoil { offset: 0, .. },
                Command::Drained {
                    last: None,
                    unfinished: 1
                }
            ]
        ),
        "{commands:?}"
    );
}

/// Rule 6: what is handed over can always be told, so messages wait where the metadata has no room for them.
#[test]
fn no_more_is_begun_than_a_checkpoint_can_tell_of() {
    let mut bench = Bench::new(Policy {
        metadata_bytes: 120,
        calls: NonZeroU32::new(1).unwrap(),
        ..keyed()
    });
    bench.committed();
    // Every second message is of one key, whose first message fails.
    let commands = bench.fetch_keyed((0_i64..60).map(|n| {
        (
            n,
            if n % 2 == 0 {
                1
            } else {
                100 + n.unsigned_abs()
            },
        )
    }));
    let mut offsets = called_offsets(&commands);
    let mut told = Vec::new();
    for call in 0.. {
        let verdicts: Vec<_> = offsets
            .iter()
            .map(|offset| match offset {
                0 => failed(FailureKind::Other),
                _ => done(0),
            })
            .collect();
        let commands = bench.called(call, verdicts);
        if calls(&commands).is_empty() {
            break;
        }
        offsets = called_offsets(&commands);
    }
    told.extend(bench.seal());
    let Some(Command::Sealed(Some(checkpoint))) =
        told.iter().find(|c| matches!(c, Command::Sealed(_)))
    else {
        panic!("{told:?}");
    };
    let metadata = &checkpoint.metadata;
    assert!(metadata.len() <= 120 && metadata.len() > 60, "{metadata}");
    assert!(!bench.snapshot().crowded);
    let finished_of = finished(&[Command::Commit(checkpoint.clone())]);
    assert!(
        finished_of.iter().all(|offset| offset % 2 == 1),
        "{finished_of:?}"
    );
    // The one that holds everything up goes on, and then there is room again.
    bench.committed();
    bench.at(1_000);
    assert!(bench.snapshot().calling > 0);
}

/// What waits to be called fills the buffer too, and no commit makes room for that.
#[test]
fn a_commit_is_urgent_where_what_waits_for_it_fills_half_of_the_buffer() {
    let urgent = |commands: &[Command]| {
        commands.iter().find_map(|command| match command {
            Command::Progress { urgent, .. } => Some(*urgent),
            _ => None,
        })
    };
    let mut bench = begun(
        Policy {
            buffer_messages: NonZeroU32::new(4).unwrap(),
            batch_messages: NonZeroU32::MIN,
            ..exactly_once()
        },
        0..4,
    );
    assert_eq!(urgent(&bench.called(0, [done(0)])), Some(false));
    assert_eq!(urgent(&bench.called(1, [done(0)])), Some(true));
    bench.seal();
    bench.committed();
    assert_eq!(urgent(&bench.called(2, [done(0)])), Some(false));
}

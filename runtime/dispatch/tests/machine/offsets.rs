//! The watermark, commits, and the buffer.

use std::num::NonZeroU32;

use pelton_dispatch::{Arrival, Checkpoint, Command, Event, Policy};
use pelton_types::FailureKind;

use crate::support::*;

fn every(millis: u64) -> Policy {
    Policy {
        commit_interval: ms(millis),
        ..policy()
    }
}

/// Rule 1: offsets have gaps, and "the last one plus one" is not waited for.
#[test]
fn gaps_in_offsets_do_not_stop_the_watermark() {
    let mut bench = Bench::starting_at(policy(), 5);
    let commands = bench.fetch([9, 20, 21]);
    assert_eq!(
        (bench.snapshot().watermark, commits(&commands)),
        (9, vec![9]),
        "nothing is there from 5 to 8"
    );
    bench.event(Event::Committed { next: 9 });
    assert_eq!(commits(&bench.called(0, [done(1), done(0), done(1)])), [9]);
    bench.delivered(21);
    assert_eq!(bench.snapshot().watermark, 9);
    bench.event(Event::Committed { next: 9 });
    bench.event(Event::Committed { next: 9 });
    assert_eq!(commits(&bench.delivered(9)), [22]);
}

#[test]
fn the_committed_offset_never_passes_an_unfinished_message() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    bench.called(0, vec![done(1); 3]);
    assert_eq!(commits(&bench.delivered(2)), [0]);
    assert_eq!(bench.delivered(1), []);
    assert_eq!(commits(&bench.event(Event::Committed { next: 0 })), [0]);
    bench.event(Event::Committed { next: 0 });
    assert_eq!(
        bench.delivered(0),
        [
            Command::Release { below: 3 },
            Command::Commit(Checkpoint::at(3))
        ]
    );
}

#[test]
fn commits_keep_their_interval_by_timer() {
    let (mut bench, _) = Bench::with(every(500), 0..1);
    assert_eq!(commits(&bench.called(0, [done(0)])), [1]);
    bench.event(Event::Committed { next: 1 });
    bench.now = ms(100);
    bench.fetch(1..2);
    let commands = bench.called(1, [done(0)]);
    assert_eq!(
        (commits(&commands), timers(&commands)),
        (vec![], vec![ms(500)])
    );
    assert_eq!(commits(&bench.at(499)), []);
    assert_eq!(commits(&bench.at(500)), [2]);
}

#[test]
fn one_commit_is_under_way_at_a_time() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    assert_eq!(commits(&bench.called(0, [done(0)])), [1]);
    bench.fetch(1..2);
    assert_eq!(commits(&bench.called(1, [done(0)])), []);
    assert_eq!(commits(&bench.event(Event::Committed { next: 1 })), [2]);
}

/// Rule 5: a commit that failed is tried again, with what is finished by then.
#[test]
fn a_failed_commit_is_tried_again_after_the_interval() {
    let (mut bench, _) = Bench::with(every(500), 0..1);
    bench.called(0, [done(0)]);
    bench.now = ms(800);
    let commands = bench.event(Event::CommitFailed { next: 1 });
    assert_eq!(
        (commits(&commands), timers(&commands)),
        (vec![], vec![ms(1300)])
    );
    bench.fetch(1..2);
    bench.called(1, [done(0)]);
    assert_eq!(commits(&bench.at(1300)), [2]);
}

#[test]
fn a_failed_commit_is_no_busy_loop_even_without_an_interval() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.called(0, [done(0)]);
    let commands = bench.event(Event::CommitFailed { next: 1 });
    assert_eq!(
        (commits(&commands), timers(&commands)),
        (vec![], vec![ms(100)])
    );
}

/// Rule 2: late answers neither move the committed offset back nor free the way for a second commit.
#[test]
fn late_and_unknown_commit_answers_are_ignored() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.event(Event::Committed { next: 77 });
    assert_eq!(bench.snapshot().committed, 0);
    bench.called(0, [done(0)]);
    bench.event(Event::CommitFailed { next: 1 });
    bench.fetch(1..2);
    bench.called(1, [done(0)]);
    assert_eq!(commits(&bench.at(100)), [2]);
    bench.event(Event::Committed { next: 1 });
    assert_eq!(bench.snapshot().committed, 0);
    bench.event(Event::Committed { next: 2 });
    bench.event(Event::CommitFailed { next: 2 });
    assert_eq!(bench.snapshot().committed, 2);
    assert_eq!(commits(&bench.at(10_000)), []);
}

#[test]
fn a_rewound_fetch_brings_nothing_new() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    bench.called(0, vec![done(0); 3]);
    assert_eq!(bench.fetch(0..3), []);
    assert_eq!(called_offsets(&bench.fetch(1..5)), [3, 4]);
}

#[test]
fn fetching_pauses_at_the_limit_and_resumes_at_half_of_it() {
    let limited = Policy {
        buffer_messages: NonZeroU32::new(8).unwrap(),
        ..policy()
    };
    let (mut bench, commands) = Bench::with(limited, 0..8);
    assert!(commands.contains(&Command::PauseFetch));
    assert!(bench.snapshot().paused);
    assert!(
        !bench.fetch(8..10).contains(&Command::PauseFetch),
        "it is paused already"
    );
    bench.called(0, vec![done(1); 8]);
    for offset in 0..5 {
        assert!(
            !bench.delivered(offset).contains(&Command::ResumeFetch),
            "{offset}"
        );
    }
    assert!(bench.delivered(5).contains(&Command::ResumeFetch));
    assert!(!bench.snapshot().paused);
}

#[test]
fn fetching_pauses_by_bytes_and_a_message_above_the_limit_still_passes() {
    let mut bench = Bench::new(Policy {
        buffer_bytes: 100,
        ..policy()
    });
    let commands = bench.event(Event::Fetched(vec![Arrival {
        offset: 0,
        bytes: 1000,
        key: None,
    }]));
    assert!(commands.contains(&Command::PauseFetch));
    assert!(bench.called(0, [done(0)]).contains(&Command::ResumeFetch));
}

#[test]
fn a_buffer_without_room_takes_a_message_as_long_as_it_is_empty() {
    let mut bench = Bench::new(policy());
    assert_eq!(bench.event(Event::Buffer { bytes: 0 }), []);
    assert!(bench.fetch(0..1).contains(&Command::PauseFetch));
}

#[test]
fn fetching_resumes_at_half_of_the_bytes() {
    let (mut bench, commands) = Bench::with(
        Policy {
            buffer_bytes: 100,
            ..policy()
        },
        0..10,
    );
    assert!(commands.contains(&Command::PauseFetch));
    bench.called(0, vec![done(1); 10]);
    for offset in 0..4 {
        assert!(
            !bench.delivered(offset).contains(&Command::ResumeFetch),
            "{offset}"
        );
    }
    assert!(bench.delivered(4).contains(&Command::ResumeFetch));
}

/// Rule 38: what is finished but stands behind an unfinished message still occupies the buffer.
#[test]
fn finished_messages_behind_an_unfinished_one_count_for_the_buffer() {
    let limited = Policy {
        buffer_messages: NonZeroU32::new(4).unwrap(),
        ..policy()
    };
    let (mut bench, _) = Bench::with(limited, 0..2);
    bench.called(0, [failed(FailureKind::Reject), NOT_ATTEMPTED]);
    bench.called(1, [done(0)]);
    bench.fetch(2..3);
    bench.called(2, [done(0)]);
    assert!(bench.fetch(3..4).contains(&Command::PauseFetch));
    assert_eq!(bench.snapshot().messages, 4);
}

#[test]
fn bytes_are_released_up_to_the_watermark() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    bench.called(0, vec![done(1); 3]);
    assert_eq!(commits(&bench.delivered(1)), [0]);
    assert_eq!(bench.delivered(0)[0], Command::Release { below: 2 });
    assert_eq!(bench.snapshot().bytes, 10);
}

/// A driver's timer may come early or without need; the wish is then said again.
#[test]
fn a_timer_that_comes_too_early_is_set_again() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.called(0, [failed(FailureKind::Other)]);
    assert_eq!(bench.at(400), [Command::SetTimer { at: ms(1000) }]);
}

#[test]
fn deliveries_for_messages_that_wait_for_none_are_ignored() {
    let (mut bench, _) = Bench::with(policy(), 0..2);
    assert_eq!(bench.delivered(0), []);
    assert_eq!(bench.refused(1), []);
    assert_eq!(bench.delivered(99), []);
    bench.called(0, [done(1), done(0)]);
    bench.event(Event::Committed { next: 0 });
    assert_eq!(commits(&bench.delivered(0)), [2]);
    assert_eq!(bench.refused(0), []);
}

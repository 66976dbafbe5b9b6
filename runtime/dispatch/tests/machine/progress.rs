//! What is finished beyond the committed offset: told by the commit's metadata, kept by the next owner.

use std::{num::NonZeroU32, time::Duration};

use pelton_dispatch::{Checkpoint, Command, Event, Order, Policy, Progress, Tried};
use pelton_types::FailureKind;
use proptest::{collection::btree_set, prelude::*};

use crate::support::*;

fn keyed() -> Policy {
    Policy {
        order: Order::Key,
        ..policy()
    }
}

/// What a machine has committed that finished all of 0 to 9 but `left`, which failed once.
fn left_behind(left: i64) -> Checkpoint {
    let mut bench = Bench::new(keyed());
    bench.fetch_keyed((0..10).map(|offset: i64| (offset, 1 + offset.unsigned_abs())));
    let verdicts: Vec<_> = (0..10)
        .map(|offset| match offset == left {
            true => failed(FailureKind::Other),
            false => done(0),
        })
        .collect();
    checkpoints(&bench.called(0, verdicts)).pop().unwrap()
}

/// Rule 6: a crash repeats only what was not finished.
#[test]
fn the_next_owner_calls_only_what_was_not_finished() {
    let left = left_behind(3);
    assert_eq!(left.next, 3);
    let mut bench = Bench::after(keyed(), &left);
    bench.now = ms(2000);
    let commands = bench.fetch(3..12);
    assert_eq!(called_offsets(&commands), [3, 10, 11]);
    assert_eq!(commits(&bench.called(0, vec![done(0); 3])), [12]);
}

/// Rule 6b: else slow retries and frequent restarts never end.
#[test]
fn attempts_and_due_times_travel() {
    let mut bench = Bench::after(keyed(), &left_behind(3));
    assert_eq!(calls(&bench.fetch(3..10)), [], "its retry is due at 1000");
    assert_eq!(calls(&bench.at(999)), []);
    assert_eq!(calls(&bench.at(1000)), [(0, vec![(3, 2)], false)]);
}

#[test]
fn an_owner_that_never_got_to_a_message_passes_on_what_it_was_told() {
    let left = left_behind(3);
    let mut bench = Bench::after(keyed(), &left);
    bench.fetch(3..5);
    bench.now = ms(1000);
    let commands = bench.drain(0);
    assert_eq!(checkpoints(&commands), [], "nothing is new");

    let mut bench = Bench::after(keyed(), &left);
    bench.now = ms(1000);
    bench.fetch(3..5);
    let commands = bench.called(0, [failed(FailureKind::Other)]);
    assert_eq!(
        finished(&commands),
        [4, 5, 6, 7, 8, 9],
        "5 to 9 not fetched"
    );
    assert_eq!(progress(&commands).tried[0].attempts, 2);
}

#[test]
fn what_is_told_of_offsets_without_a_message_holds_up_nothing() {
    let mut bench = Bench::after(keyed(), &left_behind(3));
    bench.now = ms(1000);
    let commands = bench.fetch([20, 21]);
    assert_eq!(called_offsets(&commands), [20, 21]);
    assert_eq!(checkpoints(&commands), [Checkpoint::at(20)]);
    bench.event(Event::Committed { next: 20 });
    assert_eq!(commits(&bench.called(0, vec![done(0); 2])), [22]);
}

#[test]
fn one_attempt_is_left_for_the_next_owner_at_least() {
    let tried = Tried {
        offset: 5,
        attempts: 99,
        due: ms(1),
    };
    let progress = Progress {
        finished: Vec::new(),
        tried: vec![tried],
    };
    let left = Checkpoint {
        next: 5,
        metadata: progress.metadata(5, 4096).metadata,
    };
    let mut bench = Bench::after(policy(), &left);
    bench.now = ms(10);
    assert_eq!(calls(&bench.fetch(5..6)), [(0, vec![(5, 3)], false)]);
}

#[test]
fn a_due_time_of_another_clock_waits_for_the_longest_backoff_at_most() {
    let tried = Tried {
        offset: 0,
        attempts: 1,
        due: Duration::from_secs(1_000_000),
    };
    let progress = Progress {
        finished: Vec::new(),
        tried: vec![tried],
    };
    let left = Checkpoint {
        next: 0,
        metadata: progress.metadata(0, 4096).metadata,
    };
    let mut bench = Bench::after(policy(), &left);
    assert_eq!(timers(&bench.fetch(0..1)), [ms(10_000)]);
    assert_eq!(calls(&bench.at(10_000)).len(), 1);
}

/// Rule 6: overflow means backpressure.
#[test]
fn nothing_further_is_begun_while_the_metadata_overflows() {
    let mut bench = Bench::new(Policy {
        metadata_bytes: 20,
        batch_messages: NonZeroU32::new(16).unwrap(),
        ..keyed()
    });
    bench.fetch_keyed((0..16).map(|offset: i64| (offset, 1 + offset.unsigned_abs())));
    // Every second one fails: more ranges than there is room for.
    let verdicts: Vec<_> = (0..16)
        .map(|offset| match offset % 2 {
            0 => failed(FailureKind::Other),
            _ => done(0),
        })
        .collect();
    let commands = bench.called(0, verdicts);
    let committed = checkpoints(&commands).pop().unwrap();
    assert!(committed.metadata.len() <= 20, "{committed:?}");
    assert!(bench.snapshot().crowded);
    assert_eq!(calls(&bench.fetch_keyed([(16, 90)])), []);
    bench.event(Event::Committed { next: 0 });
    let commands = bench.at(1000);
    assert_eq!(
        called_offsets(&commands),
        [0, 2, 4, 6, 8, 10, 12, 14],
        "what was begun goes on"
    );
    let commands = bench.called(1, vec![done(0); 8]);
    assert_eq!(called_offsets(&commands), [16], "there is room again");
    assert!(!bench.snapshot().crowded);
}

/// Rule 37: what was finished and can't be told is named at a stop.
#[test]
fn a_drain_counts_what_the_metadata_had_to_leave_out() {
    let mut bench = Bench::new(Policy {
        metadata_bytes: 0,
        ..keyed()
    });
    bench.fetch_keyed([(0, 1), (1, 2), (2, 3)]);
    bench.called(0, [failed(FailureKind::Other), done(0), done(0)]);
    let last = Some(Checkpoint::at(0));
    assert_eq!(
        bench.drain(1000),
        [Command::Drained {
            last,
            unfinished: 2
        }]
    );
}

#[test]
fn a_commit_with_the_same_offset_follows_what_finishes_beyond_it() {
    let mut bench = Bench::new(keyed());
    bench.fetch_keyed([(0, 1), (1, 2), (2, 3)]);
    let commands = bench.called(0, vec![done(1); 3]);
    assert_eq!(commits(&commands), []);
    assert_eq!(finished(&bench.delivered(2)), [2]);
    assert_eq!(commits(&bench.delivered(1)), [], "one is under way");
    let commands = bench.event(Event::Committed { next: 0 });
    assert_eq!(
        (commits(&commands), finished(&commands)),
        (vec![0], vec![1, 2])
    );
}

#[test]
fn the_metadata_of_others_is_ignored() {
    for metadata in ["", "spark:1:AAAA", "pelton:2:AAAA", "pelton"] {
        let checkpoint = Checkpoint {
            next: 4,
            metadata: metadata.to_owned(),
        };
        assert_eq!(checkpoint.progress(), Ok(Progress::default()), "{metadata}");
    }
}

#[test]
fn metadata_with_our_mark_that_cant_be_read_is_an_error_and_counts_as_none() {
    // Not base64; nothing; ends early; of another offset; a count beyond reason; something behind the end; an empty
    // range; beyond all offsets.
    let broken = [
        "!",
        "",
        "BAE",
        "BQAA",
        "BP____8PAA",
        "BAAAAA",
        "BAEBAAA",
        "BAH__________38BAA",
    ];
    for text in broken {
        let checkpoint = Checkpoint {
            next: 4,
            metadata: format!("pelton:1:{text}"),
        };
        assert!(checkpoint.progress().is_err(), "{text:?}");
        let mut bench = Bench::after(policy(), &checkpoint);
        assert_eq!(called_offsets(&bench.fetch(4..6)), [4, 5]);
    }
}

/// Three hundred of each from this offset on, so that their counts take two bytes.
fn much(next: i64) -> (Vec<std::ops::Range<i64>>, Vec<Tried>) {
    let finished = (0..300).map(|n| next + 2 * n + 1..next + 2 * n + 2);
    let finished = finished.collect();
    let tried = (0..300).map(|n| Tried {
        offset: next + 2 * n,
        attempts: 1,
        due: ms(1),
    });
    (finished, tried.collect())
}

/// The bytes that a metadata's base64 stands for.
fn raw(metadata: &str) -> usize {
    metadata.strip_prefix("pelton:1:").unwrap().len() * 3 / 4
}

/// Checks at every limit that nothing is longer, and that one piece more would not have fitted.
fn as_much_as_fits(next: i64, of: impl Fn(usize) -> Progress, told: impl Fn(&Progress) -> usize) {
    let all = of(300);
    for limit in 16..2_000 {
        let written = all.metadata(next, limit);
        assert!(
            written.metadata.len() <= limit,
            "limit {limit}: {written:?}"
        );
        let metadata = written.metadata;
        let read = Checkpoint { next, metadata }.progress().unwrap();
        let told = told(&read);
        assert_eq!(written.complete, told == 300, "limit {limit}");
        if told < 300 {
            let one_more = of(told + 1).metadata(next, 100_000).metadata;
            assert!(
                raw(&one_more) > (limit - "pelton:1:".len()) / 4 * 3,
                "limit {limit}: {told} of 300 told"
            );
        }
    }
}

/// Rule 6: the metadata is capped, and no room in it is wasted.
#[test]
fn the_metadata_tells_as_much_as_fits_and_never_more() {
    // Offsets of one, two and three bytes, so that every remainder is met.
    for next in [0, 200, 20_000] {
        let (finished, tried) = much(next);
        let only_finished = |count: usize| Progress {
            finished: finished[..count].to_vec(),
            tried: Vec::new(),
        };
        let only_tried = |count: usize| Progress {
            finished: Vec::new(),
            tried: tried[..count].to_vec(),
        };
        as_much_as_fits(next, only_finished, |read| read.finished.len());
        as_much_as_fits(next, only_tried, |read| read.tried.len());
    }
}

#[test]
fn failed_messages_get_half_of_the_metadata_and_no_more_where_both_overflow() {
    let (finished, tried) = much(0);
    let metadata = Progress { finished, tried }.metadata(0, 400).metadata;
    let read = Checkpoint { next: 0, metadata }.progress().unwrap();
    // 292 bytes: three for a failed message, two for a pair.
    assert_eq!((read.tried.len(), read.finished.len()), (48, 72));
}

fn some_progress() -> impl Strategy<Value = (i64, Progress)> {
    let offsets = btree_set(1..3_000_i64, 0..600);
    let tried = btree_set(0..3_000_i64, 0..60);
    (0..1_000_000_i64, offsets, tried).prop_map(|(next, finished, tried)| {
        let mut progress = Progress::default();
        for offset in &finished {
            match progress.finished.last_mut() {
                Some(range) if range.end == next + offset => range.end += 1,
                _ => progress.finished.push(next + offset..next + offset + 1),
            }
        }
        progress.tried = tried
            .difference(&finished)
            .map(|offset| Tried {
                offset: next + offset,
                attempts: 1 + u32::try_from(offset % 7).unwrap(),
                due: ms(1_800_000_000_000 + offset.unsigned_abs()),
            })
            .collect();
        (next, progress)
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_far_as_it_fitted((next, progress) in some_progress(), limit in 0..5_000_usize) {
        let written = progress.metadata(next, limit);
        prop_assert!(written.metadata.len() <= limit);
        let read = Checkpoint { next, metadata: written.metadata }.progress().unwrap();
        if written.complete {
            prop_assert_eq!(read, progress);
        } else {
            let told = progress.finished.iter().take_while(|range| written.cut.is_none_or(|cut| range.start < cut));
            prop_assert!(read.finished.iter().eq(told));
            prop_assert_eq!(&progress.tried[..read.tried.len()], &read.tried[..]);
            prop_assert!(read != progress);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(next in any::<i64>(), text in "[A-Za-z0-9_-]{0,40}") {
        let checkpoint = Checkpoint { next, metadata: format!("pelton:1:{text}") };
        if let Ok(progress) = checkpoint.progress() {
            for pair in progress.finished.windows(2) {
                prop_assert!(pair[0].end < pair[1].start);
            }
            for range in &progress.finished {
                prop_assert!(range.start >= next && range.start < range.end);
            }
        }
    }
}

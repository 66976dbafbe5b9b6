//! What an earlier life of the daemon has written down.

use pelton_revisions::{Command, Event, Memory, Refusal, Revisions, RolledBack};

use crate::support::*;

fn remembering(memory: Memory) -> Bench {
    let mut bench = Bench::new(Some(probation()));
    assert_eq!(bench.event(Event::Remembered(memory)), []);
    bench
}

fn use_kept(n: u8) -> Command {
    Command::UseKept {
        digest: digest(n),
        as_it_was: false,
    }
}

/// Content 1 has proved good with configuration 0. Then this content was rolled back with this configuration.
fn rolled_back(n: u8, with: u8) -> Memory {
    let refusal = Refusal {
        digest: digest(n),
        why: "votes".into(),
    };
    Memory {
        rolled_back: Some(RolledBack {
            refusal,
            configuration: Some(configuration(with)),
        }),
        ..good(1)
    }
}

/// A life with this configuration.
fn begins_with(n: u8, memory: Memory) -> Bench {
    let mut bench = Bench::new(Some(probation()));
    bench.machine = Revisions::new(configuration(n), Some(probation()));
    bench.event(Event::Remembered(memory));
    bench
}

/// What an earlier life ran is loaded as it ran there.
fn back_to_it() -> [Command; 2] {
    let digest = digest(1);
    let configuration = configuration(0);
    [
        Command::UseKept {
            digest,
            as_it_was: true,
        },
        Command::LoadKept {
            digest,
            configuration,
        },
    ]
}

#[test]
fn what_is_kept_runs_where_the_file_is_missing() {
    let mut bench = remembering(good(1));
    let commands = bench.event(Event::FileMissing);
    assert_eq!(commands, [Command::Missing, use_kept(1), load(1)]);
    assert_eq!(bench.events([loaded(1), passed(1)]), [swap(1, None)]);
    assert_eq!(bench.running(), Some(1));
}

#[test]
fn what_is_kept_runs_where_the_file_can_not_be_read() {
    let mut bench = remembering(good(1));
    assert_eq!(bench.event(Event::FileUnreadable), [use_kept(1), load(1)]);
    assert_eq!(bench.event(Event::FileUnreadable), []);
    assert_eq!(bench.needed(), [1]);
    assert_eq!(bench.events([loaded(1), passed(1)]), [swap(1, None)]);
}

#[test]
fn what_is_needed_is_what_runs_what_proved_good_and_what_is_on_its_way() {
    let mut bench = remembering(good(1));
    bench.events([changed(2), loaded(2)]);
    assert_eq!(bench.needed(), [1, 2]);
    bench.event(failed(2));
    assert_eq!(bench.needed(), [1], "it has failed its trial");
    bench.events([loaded(1), passed(1), changed(3)]);
    assert_eq!(bench.needed(), [1, 3]);
    bench.event(not_loaded(3));
    assert_eq!(bench.needed(), [1]);
}

#[test]
fn what_is_kept_runs_where_the_file_is_bad() {
    for bad in [
        vec![changed(2), not_loaded(2)],
        vec![changed(2), loaded(2), failed(2)],
    ] {
        let mut bench = remembering(good(1));
        let commands = bench.events(bad);
        assert_eq!(commands[commands.len() - 2..], [use_kept(1), load(1)]);
        // A good file goes before it, whenever it comes.
        let commands = bench.events([changed(3), loaded(1), passed(1)]);
        assert_eq!(commands, [swap(1, None), load(3)]);
    }
}

#[test]
fn what_is_kept_is_tried_once() {
    let mut bench = remembering(good(1));
    let commands = bench.events([Event::FileMissing, not_loaded(1)]);
    assert_eq!(commands, [refuse(1, "truncated")]);
    assert_eq!(
        bench.events([changed(2), not_loaded(2)]),
        [refuse(2, "truncated")]
    );
    assert_eq!(
        bench.event(changed(1)),
        [load(1)],
        "as the file's it is worth another try"
    );
}

#[test]
fn what_was_rolled_back_is_refused_after_a_restart() {
    let mut bench = remembering(rolled_back(2, 0));
    let commands = bench.event(changed(2));
    assert_eq!(commands, [refuse(2, "votes"), use_kept(1), load(1)]);
    bench.events([loaded(1), passed(1)]);
    assert_eq!(bench.event(changed(2)), []);
    assert_eq!(
        bench.event(changed(3)),
        [load(3), remember_good(1)],
        "it is forgotten"
    );
}

#[test]
fn a_configuration_that_was_rolled_back_is_refused_after_a_restart_and_the_one_before_runs() {
    let mut bench = begins_with(7, rolled_back(1, 7));
    let commands = bench.event(changed(1));
    assert_eq!(commands[0], refuse(1, "votes"));
    assert_eq!(commands[1..], back_to_it());
    assert_eq!(
        bench.events([loaded_as(1, 10), passed(10)]),
        [swap(10, None)]
    );
    assert_eq!(bench.event(changed(1)), [], "the file is the same");
    let digest = digest(1);
    let insisted = bench.event(Event::Reload {
        digest,
        force: true,
    });
    assert_eq!(insisted, [load(1), remember_good(1)]);
    let swapped = bench.events([loaded_as(1, 17), passed(17)]);
    assert_eq!(swapped[0], swap(17, Some(10)));
    assert_eq!(bench.fallback(), Some(10));
}

#[test]
fn content_that_was_rolled_back_with_its_configuration_gives_way_to_what_ran_before_both() {
    let mut bench = begins_with(7, rolled_back(2, 7));
    let commands = bench.event(changed(2));
    assert_eq!(commands[0], refuse(2, "votes"));
    assert_eq!(commands[1..], back_to_it());
}

#[test]
fn a_configuration_that_is_another_by_now_is_not_refused() {
    let mut bench = begins_with(8, rolled_back(1, 7));
    assert_eq!(bench.event(changed(1)), [load(1)]);
}

#[test]
fn of_what_an_older_version_wrote_down_the_configuration_counts_as_this_one() {
    let mut memory = rolled_back(2, 0);
    memory.configuration = None;
    memory.rolled_back.as_mut().unwrap().configuration = None;
    let mut bench = begins_with(7, memory);
    let commands = bench.event(changed(2));
    assert_eq!(commands, [refuse(2, "votes"), use_kept(1), load(1)]);
}

#[test]
fn a_restart_does_not_end_a_probation() {
    let mut bench = remembering(good(1));
    assert_eq!(bench.swap(2), [swap(2, None), load(1)]);
    assert_eq!(bench.event(loaded(1)), [trial(1)]);
    assert!(matches!(
        bench.event(passed(1))[..],
        [Command::Probation { .. }]
    ));
    assert_eq!((bench.running(), bench.fallback()), (Some(2), Some(1)));
}

#[test]
fn what_can_not_stand_by_leaves_the_new_one_to_itself() {
    let mut bench = remembering(good(1));
    bench.swap(2);
    let commands = bench.event(not_loaded(1));
    assert_eq!(commands, [refuse(1, "truncated"), remember_good(2)]);
    assert_eq!((bench.running(), bench.fallback()), (Some(2), None));
}

#[test]
fn the_file_may_become_what_is_on_its_way_to_stand_by() {
    let mut bench = remembering(good(1));
    bench.swap(2);
    bench.events([changed(1), loaded(1)]);
    let commands = bench.event(passed(1));
    assert!(commands.contains(&swap(1, Some(2))), "{commands:?}");
    assert_eq!(bench.running(), Some(1));
}

/// What has proved good is not put on probation against what has not.
#[test]
fn what_is_kept_needs_no_probation_as_the_files_content() {
    let mut bench = remembering(good(1));
    bench.events([changed(2), loaded(2), changed(1), passed(2), loaded(1)]);
    assert_eq!(bench.event(passed(1)), [swap(1, Some(2)), retire(2)]);
    assert_eq!((bench.running(), bench.fallback()), (Some(1), None));
}

#[test]
fn without_probation_nothing_stands_by() {
    let mut bench = Bench::new(None);
    bench.event(Event::Remembered(good(1)));
    assert_eq!(bench.swap(2), [swap(2, None), remember_good(2)]);
}

#[test]
fn what_is_rolled_back_when_the_file_has_moved_on_may_come_back_to_it() {
    let mut bench = Bench::new(Some(probation()));
    bench.events([changed(1), loaded(1), passed(1)]);
    bench.events([changed(2), loaded(2), passed(2), changed(3)]);
    let commands = bench.event(Event::RollBack);
    assert!(commands.contains(&remember_good(1)), "{commands:?}");
    let mut bench = remembering(good(1));
    assert_eq!(bench.event(changed(2)), [load(2)]);
}

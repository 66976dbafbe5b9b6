//! What becomes of the file's content, where nothing is on probation.

use pelton_revisions::{Command, Event};

use crate::support::*;

fn bench() -> Bench {
    Bench::new(None)
}

/// One that runs this content.
fn running(n: u8) -> Bench {
    let mut bench = bench();
    bench.swap(n);
    bench
}

#[test]
fn loads_tries_and_swaps_in_the_first_content() {
    let mut bench = bench();
    assert_eq!(bench.event(changed(1)), [load(1)]);
    assert_eq!(bench.event(loaded(1)), [trial(1)]);
    assert_eq!(bench.event(passed(1)), [swap(1, None), remember_good(1)]);
    assert_eq!((bench.running(), bench.fallback()), (Some(1), None));
}

#[test]
fn swaps_to_new_content_and_keeps_the_one_before_alone() {
    let mut bench = running(1);
    assert_eq!(bench.swap(2), [swap(2, Some(1)), remember_good(2)]);
    assert_eq!(bench.machine.previous(), Some(revision(1)));
    assert_eq!(
        bench.swap(3),
        [swap(3, Some(2)), retire(1), remember_good(3)]
    );
    assert_eq!(bench.machine.previous(), Some(revision(2)));
}

#[test]
fn refused_content_leaves_the_running_revision_and_is_not_loaded_again() {
    let mut bench = running(1);
    bench.event(changed(2));
    assert_eq!(bench.event(not_loaded(2)), [refuse(2, "truncated")]);
    assert_eq!(bench.running(), Some(1));
    assert_eq!(bench.event(changed(2)), []);
    // Once the file has been something else, it is worth another try.
    assert_eq!(bench.events([changed(1), changed(2)]), [load(2)]);
}

#[test]
fn refused_content_is_loaded_again_where_somebody_insists() {
    let mut bench = running(1);
    bench.events([changed(2), not_loaded(2)]);
    let reload = |force| Event::Reload {
        digest: digest(2),
        force,
    };
    assert_eq!(bench.event(reload(false)), []);
    assert_eq!(bench.event(reload(true)), [load(2)]);
}

#[test]
fn a_failed_trial_leaves_the_running_revision() {
    let mut bench = running(1);
    let commands = bench.events([changed(2), loaded(2), failed(2)]);
    assert_eq!(commands, [retire(2), refuse(2, "set-up")]);
    assert_eq!(bench.running(), Some(1));
}

#[test]
fn the_newest_content_wins_when_the_file_changes_during_a_load() {
    let commands = bench().events([changed(1), changed(2), changed(3), loaded(1)]);
    assert_eq!(commands, [retire(1), load(3)]);
}

#[test]
fn a_missing_file_is_said_once_and_changes_nothing() {
    let mut bench = running(1);
    assert_eq!(bench.event(Event::FileMissing), [Command::Missing]);
    assert_eq!(bench.event(Event::FileMissing), []);
    assert_eq!(bench.running(), Some(1));
    let commands = bench.events([changed(1), Event::FileMissing]);
    assert_eq!(commands, [Command::Missing], "it was there in between");
}

#[test]
fn a_file_restored_during_a_trial_leaves_the_running_revision() {
    let mut bench = running(1);
    let commands = bench.events([changed(2), loaded(2), changed(1), passed(2)]);
    assert_eq!(commands, [retire(2)]);
    assert_eq!(bench.running(), Some(1));
}

#[test]
fn the_content_before_is_put_back_without_a_load() {
    let mut bench = running(1);
    bench.swap(2);
    assert_eq!(
        bench.event(changed(1)),
        [swap(1, Some(2)), remember_good(1)]
    );
    assert_eq!(bench.machine.previous(), Some(revision(2)));
}

#[test]
fn late_answers_about_other_content_change_nothing() {
    for late in [
        loaded(3),
        passed(3),
        not_loaded(3),
        failed(3),
        not_loaded(1),
    ] {
        let mut bench = bench();
        assert_eq!(bench.events([changed(1), loaded(1), late]), []);
        assert_eq!(bench.running(), None);
    }
}

#[test]
fn the_one_before_is_rolled_back_to_and_the_other_refused() {
    let mut bench = running(1);
    assert_eq!(bench.event(Event::RollBack), [], "there is none before");
    bench.swap(2);
    let commands = bench.event(Event::RollBack);
    assert!(matches!(
        &commands[..],
        [Command::RollBack { from, to, .. }, Command::Remember(memory), Command::Retire { .. }]
            if (*from, *to) == (revision(2), revision(1)) && memory.good == Some(digest(1))
    ));
    assert_eq!(bench.running(), Some(1));
    assert_eq!(bench.event(changed(2)), [], "until the file changes");
    assert_eq!(bench.event(Event::RollBack), []);
    assert_eq!(bench.event(changed(1)), [remember_good(1)]);
    assert_eq!(bench.event(changed(2)), [load(2)]);
}

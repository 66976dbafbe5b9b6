//! The same content with another configuration is another revision.

use pelton_revisions::{Command, Event, Memory};

use crate::support::*;

/// Content 1 runs with configuration 0, and has proved good.
fn bench() -> Bench {
    let mut bench = Bench::new(Some(probation()));
    bench.swap(1);
    bench
}

#[test]
fn another_configuration_is_tried_like_another_file_and_the_one_before_stands_by() {
    let mut bench = bench();
    assert_eq!(bench.event(configured(7)), [load(1)]);
    assert_eq!(bench.event(loaded_as(1, 17)), [trial(17)]);
    let swapped = bench.event(passed(17));
    assert_eq!(swapped[0], swap(17, Some(1)));
    assert!(
        matches!(swapped[1], Command::Probation { .. }),
        "{swapped:?}"
    );
    assert_eq!((bench.running(), bench.fallback()), (Some(17), Some(1)));
}

#[test]
fn the_same_configuration_changes_nothing() {
    let mut bench = bench();
    assert_eq!(bench.event(configured(0)), []);
}

#[test]
fn a_configuration_that_its_trial_refuses_leaves_what_runs_and_the_one_before_is_no_change() {
    let mut bench = bench();
    bench.events([configured(7), loaded_as(1, 17)]);
    assert_eq!(bench.event(failed(17)), [retire(17), refuse(1, "set-up")]);
    assert_eq!(bench.running(), Some(1));
    // Looking at the same file again changes nothing.
    assert_eq!(bench.event(changed(1)), []);
    assert_eq!(bench.event(configured(0)), []);
    assert_eq!(bench.event(changed(1)), []);
}

#[test]
fn a_configuration_that_is_rolled_back_stays_so_until_the_next_one() {
    let mut bench = bench();
    bench.events([configured(7), loaded_as(1, 17), passed(17)]);
    bench.falls_back(17, 1, true);
    bench.falls_back(17, 1, true);
    assert_eq!(bench.running(), Some(1));
    assert_eq!(bench.event(changed(1)), []);
    let forgotten = remember_good(1);
    assert_eq!(bench.event(configured(8)), [load(1), forgotten]);
}

#[test]
fn what_was_rolled_back_for_its_configuration_is_remembered_with_it() {
    let mut bench = bench();
    bench.events([configured(7), loaded_as(1, 17), passed(17)]);
    let asked = bench.event(Event::RollBack);
    let told = asked.iter().find_map(|command| match command {
        Command::Remember(memory) => Some(memory),
        _ => None,
    });
    let told = told.expect("it is remembered");
    let configured = |memory: &Memory| (memory.good, memory.configuration);
    assert_eq!(configured(told), configured(&good(1)));
    let bad = told.rolled_back.as_ref().expect("the bad one too");
    let bad = (bad.refusal.digest, bad.configuration);
    assert_eq!(bad, (digest(1), Some(configuration(7))));
}

#[test]
fn content_that_was_refused_is_tried_with_the_next_configuration() {
    let mut bench = bench();
    bench.events([changed(2), not_loaded(2)]);
    assert_eq!(bench.event(configured(7)), [load(2)]);
    // And where it is refused again, what runs gets the configuration.
    assert_eq!(
        bench.event(not_loaded(2)),
        [refuse(2, "truncated"), load(1)]
    );
    bench.events([loaded_as(1, 17), passed(17)]);
    assert_eq!(bench.running(), Some(17));
}

#[test]
fn a_configuration_that_comes_while_content_is_loaded_overtakes_it() {
    let mut bench = bench();
    bench.event(changed(2));
    assert_eq!(bench.event(configured(7)), []);
    assert_eq!(bench.event(loaded(2)), [retire(2), load(2)]);
    bench.events([loaded_as(2, 27), passed(27)]);
    assert_eq!(bench.running(), Some(27));
}

#[test]
fn where_nothing_runs_the_file_is_tried_again_and_the_same_kept_content_is_not() {
    let mut bench = Bench::new(Some(probation()));
    bench.event(Event::Remembered(good(1)));
    // What was kept is what the file holds: it would be refused again.
    assert_eq!(
        bench.events([changed(1), not_loaded(1)]),
        [refuse(1, "truncated")]
    );
    assert_eq!(bench.event(configured(7)), [load(1)]);
}

#[test]
fn a_configuration_from_before_is_had_without_a_trial_while_its_revision_is_there() {
    let mut bench = bench();
    bench.events([configured(7), loaded_as(1, 17), passed(17)]);
    let back = bench.event(configured(0));
    assert_eq!(back[0], swap(1, Some(17)));
    assert_eq!(bench.running(), Some(1));
}

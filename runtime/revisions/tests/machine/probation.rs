//! A new revision on probation, and what brings the one before back.

use pelton_revisions::{Command, Event};

use crate::support::*;

/// The second is on probation, the first stands by.
fn on_probation() -> Bench {
    let mut bench = Bench::new(Some(probation()));
    bench.swap(1);
    bench.swap(2);
    bench
}

fn handled(n: u8, messages: u64) -> Event {
    Event::Handled {
        revision: revision(n),
        messages,
    }
}

#[test]
fn the_first_revision_has_nothing_to_come_back_to() {
    let mut bench = Bench::new(Some(probation()));
    assert_eq!(bench.swap(1), [swap(1, None), remember_good(1)]);
    assert_eq!(bench.machine.until(), None);
}

#[test]
fn a_new_revision_is_on_probation_and_not_remembered() {
    let mut bench = Bench::new(Some(probation()));
    bench.swap(1);
    bench.now = seconds(5);
    let begun = Command::Probation {
        revision: revision(2),
        fallback: revision(1),
        until: seconds(65),
    };
    assert_eq!(bench.swap(2), [swap(2, Some(1)), begun]);
    assert_eq!((bench.running(), bench.fallback()), (Some(2), Some(1)));
    assert_eq!(
        (bench.machine.votes(), bench.machine.until()),
        (Some(0), Some(seconds(65)))
    );
}

#[test]
fn it_passes_with_its_time() {
    let mut bench = on_probation();
    bench.now = seconds(59);
    assert_eq!(bench.event(Event::Timer), []);
    bench.now = seconds(60);
    let confirm = Command::Confirm {
        revision: revision(2),
    };
    assert_eq!(bench.event(Event::Timer), [confirm, remember_good(2)]);
    assert_eq!(
        (bench.fallback(), bench.machine.previous()),
        (None, Some(revision(1)))
    );
}

#[test]
fn it_passes_with_its_messages() {
    let mut bench = on_probation();
    assert_eq!(
        bench.event(handled(1, 1_000)),
        [],
        "the other's don't count"
    );
    assert_eq!(bench.event(handled(2, 99)), []);
    assert!(matches!(
        bench.event(handled(2, 1))[..],
        [Command::Confirm { .. }, _]
    ));
    assert_eq!(bench.event(handled(2, 1)), []);
}

#[test]
fn enough_votes_roll_it_back() {
    let mut bench = on_probation();
    let vote = |votes| Command::Vote {
        revision: revision(2),
        votes,
        of: 2,
    };
    assert_eq!(bench.falls_back(2, 1, true), [vote(1)]);
    assert_eq!(bench.machine.votes(), Some(1));
    let commands = bench.falls_back(2, 1, true);
    assert_eq!(commands[0], vote(2));
    assert!(matches!(&commands[1], Command::RollBack { from, to, .. }
        if (*from, *to) == (revision(2), revision(1))));
    assert_eq!(commands[3..], [retire(2)]);
    assert_eq!((bench.running(), bench.fallback()), (Some(1), None));
    assert_eq!(bench.machine.refused().unwrap().digest, digest(2));
    assert_eq!(bench.falls_back(2, 1, true), [], "a late one");
    assert_eq!(bench.event(changed(2)), []);
}

#[test]
fn poison_does_not_vote() {
    let mut bench = on_probation();
    for _ in 0..10 {
        assert_eq!(bench.falls_back(2, 1, false), []);
    }
    assert_eq!((bench.running(), bench.machine.votes()), (Some(2), Some(0)));
}

#[test]
fn nobody_votes_about_others_or_after_the_time() {
    let mut bench = on_probation();
    for (from, to) in [(1, 2), (3, 1), (2, 3), (2, 2)] {
        assert_eq!(bench.falls_back(from, to, true), []);
    }
    bench.now = seconds(60);
    assert!(matches!(
        bench.falls_back(2, 1, true)[..],
        [Command::Confirm { .. }, _]
    ));
    assert_eq!(bench.falls_back(2, 1, true), []);
}

#[test]
fn a_newer_revision_takes_its_place_and_the_proved_one_goes_on_standing_by() {
    let mut bench = on_probation();
    bench.falls_back(2, 1, true);
    let commands = bench.swap(3);
    assert_eq!(commands[..2], [swap(3, Some(2)), retire(2)]);
    assert!(matches!(commands[2..], [Command::Probation { .. }]));
    assert_eq!(
        (bench.fallback(), bench.machine.votes()),
        (Some(1), Some(0))
    );
}

#[test]
fn putting_the_file_back_ends_it() {
    let mut bench = on_probation();
    assert_eq!(bench.event(changed(1)), [swap(1, Some(2)), retire(2)]);
    assert_eq!((bench.running(), bench.machine.previous()), (Some(1), None));
}

#[test]
fn somebody_may_roll_back_before_the_votes_do() {
    let mut bench = on_probation();
    bench.event(Event::RollBack);
    assert_eq!((bench.running(), bench.machine.until()), (Some(1), None));
}

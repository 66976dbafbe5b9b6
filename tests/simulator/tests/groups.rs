//! Simulated groups pass, exercise everything, and repeat themselves from their seed.

use pelton_dispatch::{Member, Partition};
use pelton_simulator::group::{Options, run_many, run_seed, transactions};

#[test]
fn groups_pass_and_exercise_everything() {
    let coverage = run_many::<Partition>(0, 2_000, 2, Options::default(), |_| ())
        .unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(coverage.missing(), [], "never met:\n{coverage}");
}

#[test]
fn a_seed_repeats_itself_in_every_command() {
    let options = Options {
        record: true,
        ..Options::default()
    };
    for seed in 0..20 {
        let (coverage, recordings) = run_seed::<Partition>(seed, options).unwrap();
        let again = run_seed::<Partition>(seed, options).unwrap();
        assert_eq!((coverage, recordings), again, "seed {seed}");
    }
}

#[test]
fn exactly_once_groups_pass_and_exercise_everything() {
    let options = transactions::Options::default();
    let coverage = transactions::run_many::<Partition, Member>(0, 2_000, 2, options, |_| ())
        .unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(coverage.missing(), [], "never met:\n{coverage}");
}

#[test]
fn an_exactly_once_seed_repeats_itself_in_every_command() {
    let options = transactions::Options {
        record: true,
        ..transactions::Options::default()
    };
    for seed in 0..20 {
        let run = || transactions::run_seed::<Partition, Member>(seed, options).unwrap();
        assert_eq!(run(), run(), "seed {seed}");
    }
}

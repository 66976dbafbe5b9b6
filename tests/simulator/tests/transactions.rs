//! Simulated exactly-once groups pass, exercise everything, and repeat themselves from their seed.

use pelton_dispatch::{Member, Partition};
use pelton_simulator::group::transactions::{Options, run_many, run_seed};

#[test]
fn exactly_once_groups_pass_and_exercise_everything() {
    let coverage = run_many::<Partition, Member>(0, 2_000, 2, Options::default(), |_| ())
        .unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(coverage.missing(), [], "never met:\n{coverage}");
}

#[test]
fn an_exactly_once_seed_repeats_itself_in_every_command() {
    let options = Options {
        record: true,
        ..Options::default()
    };
    for seed in 0..20 {
        let (coverage, recordings) = run_seed::<Partition, Member>(seed, options).unwrap();
        let again = run_seed::<Partition, Member>(seed, options).unwrap();
        assert_eq!((coverage, recordings), again, "seed {seed}");
    }
}

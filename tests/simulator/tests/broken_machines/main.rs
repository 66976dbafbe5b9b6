//! The negative control: machines that are broken on purpose must be found out. Once by both judges, and
//! once by the ledger alone, which believes no machine and shares no reasoning with it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod broken;
mod calls;
mod progress;
mod transactions;

use pelton_simulator::group::{Failure, Options, run_many, run_seed};

use self::{
    broken::{Broken, Fault},
    calls::*,
    progress::*,
};

fn found_out<F: Fault>(options: Options) -> Box<Failure> {
    let name = std::any::type_name::<F>();
    let Err(failure) = run_many::<Broken<F>>(0, 2_000, 1, options, |_| ()) else {
        panic!("{name} was not found out, {options:?}");
    };
    let again = run_seed::<Broken<F>>(failure.seed, options).unwrap_err();
    assert_eq!(
        (again.step, &again.violation),
        (failure.step, &failure.violation),
        "the seed replays it"
    );
    assert!(
        !failure.last.is_empty()
            && failure
                .to_string()
                .contains(&format!("--seed {}", failure.seed))
    );
    failure
}

macro_rules! are_found_out {
    ($($name:ident: $fault:ty, by $judges:tt;)+) => {
        $(#[test] fn $name() { are_found_out!(@ $fault, $judges); })+
    };
    (@ $fault:ty, model_and_ledger) => {
        println!("{}", found_out::<$fault>(Options::default()));
        println!("{}", found_out::<$fault>(Options { model: false, ..Options::default() }));
    };
    (@ $fault:ty, model) => {
        println!("{}", found_out::<$fault>(Options::default()));
    };
}

are_found_out! {
    commits_too_far: CommitsTooFar, by model_and_ledger;
    forgets_to_wait_for_delivery: ForgetsToWait, by model_and_ledger;
    drops_retries: DropsRetries, by model_and_ledger;
    swallows_failures: SwallowsFailures, by model_and_ledger;
    blames_neighbours: BlamesNeighbours, by model_and_ledger;
    calls_out_of_order: CallsOutOfOrder, by model_and_ledger;
    produces_twice: ProducesTwice, by model_and_ledger;
    commits_refused_letters: CommitsRefusedLetters, by model_and_ledger;
    drains_carelessly: DrainsCarelessly, by model_and_ledger;
    sets_no_timer: SetsNoTimer, by model_and_ledger;
    never_resumes: NeverResumes, by model_and_ledger;
    releases_too_much: ReleasesTooMuch, by model_and_ledger;
    believes_failed_commits: BelievesFailedCommits, by model_and_ledger;
    panics: Panics, by model_and_ledger;
    forgets_its_metadata: ForgetsMetadata, by model_and_ledger;
    tells_too_much: TellsTooMuch, by model_and_ledger;
    ignores_what_earlier_owners_told: IgnoresInheritance, by model_and_ledger;
    calls_again_what_is_finished: CallsFinishedAgain, by model_and_ledger;
    drops_earlier_owners_attempts: DropsAttempts, by model_and_ledger;
    tells_no_attempts: TellsNoAttempts, by model_and_ledger;
    ignores_keys: IgnoresKeys, by model_and_ledger;
    writes_too_much_metadata: WritesTooMuch, by model_and_ledger;
    ignores_the_crowd: IgnoresTheCrowd, by model_and_ledger;
    lets_a_retry_block_all: RetriesBlockAll, by model;
    begins_too_much: BeginsTooMuch, by model;
    calls_too_much: CallsTooMuch, by model;
    calls_too_little: CallsTooLittle, by model;
    ignores_swaps: IgnoresSwaps, by model;
    ignores_the_buffer: IgnoresTheBuffer, by model;
    ignores_pauses: IgnoresPauses, by model;
    never_goes_on: NeverGoesOn, by model_and_ledger;
    // A lost partition's work is harmless at the broker, which fences it; only the model minds.
    ignores_loss: IgnoresLoss, by model;
}

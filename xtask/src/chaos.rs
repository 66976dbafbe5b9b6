//! `cargo xtask chaos`: builds what it takes, and becomes `tests/chaos`.

use std::{ffi::OsString, path::PathBuf, time::Instant};

use anyhow::Result;

use crate::{
    guests, handover, paths, setup,
    shell::{self, Tally},
};

/// What to do to the daemons.
#[derive(clap::Args)]
pub struct Options {
    /// Arguments of the run, `--messages 20000 --kills 4 --swaps 2 --seed S` for example; `--help` has them all.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Sets up and runs it. Returns only where that fails.
///
/// # Errors
/// The guest toolchain or Kafka can't be had, or something doesn't build.
pub fn run(options: &Options) -> Result<()> {
    if !handover::asks_for_help(&options.arguments) {
        setup::everything()?;
    }
    build()?;
    handover::become_program(&program(), &options.arguments, &[])
}

/// A minute of everything, with recordings that are replayed; a rolling restart, which may repeat nothing; and the
/// careless consumer, whose losses must be found. A minute of exactly-once through a proxy that interferes, and the
/// consumer that commits its offsets apart from its transactions, whose repeats must be found.
const SHORT: [&str; 5] = [
    "--messages 12000 --kills 2 --swaps 2 --seconds 60 --seed 1 --record",
    "--messages 6000 --rolling --seed 1 --record",
    "--messages 6000 --kills 4 --swaps 0 --seconds 25 --seed 3 --subject careless --expect-broken",
    "--exactly-once --messages 12000 --kills 2 --swaps 2 --seconds 60 --seed 1 --record",
    "--exactly-once --messages 6000 --kills 4 --swaps 0 --seconds 40 --seed 3 --subject apart --expect-broken",
];

/// What CI runs.
///
/// # Errors
/// When one of them comes out other than it should, or the time is up.
pub fn short(deadline: Instant) -> (Tally, Result<()>) {
    if let Err(error) = build() {
        return (Tally::default(), Err(error));
    }
    let mut tally = Tally::default();
    for line in SHORT {
        let words: Vec<&str> = line.split(' ').collect();
        let command = shell::command(&program().display().to_string(), &words);
        let (counted, result) = shell::run_counting("chaos", command, Some(deadline));
        tally.add(counted);
        if result.is_err() {
            return (tally, result);
        }
        tally.passed += 1;
    }
    (tally, Ok(()))
}

fn build() -> Result<()> {
    guests::build_once()?;
    println!("daemon and chaos: building (5 minutes and more the first time)");
    // The whole workspace with one set of features, so that nothing is built a second time.
    let build = "build --workspace --locked --bin pelton --bin pelton-chaos";
    let words: Vec<&str> = build.split(' ').collect();
    shell::run("the build", shell::command("cargo", &words), None).map(drop)
}

fn program() -> PathBuf {
    paths::target().join("debug/pelton-chaos")
}

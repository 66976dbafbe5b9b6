//! `cargo xtask sim`: dispatch in simulated consumer groups.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::{
    paths,
    shell::{self, Tally},
};

/// Which simulations to run.
#[derive(Args)]
pub struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// Only this seed, told step by step.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the simulator.
///
/// # Errors
/// When a seed fails; the simulator has named it.
pub fn run(options: &Options) -> Result<()> {
    let mut command = shell::command(
        "cargo",
        &["run", "--quiet", "-p", "pelton-simulator", "--", "run"],
    );
    match options.seed {
        Some(seed) => command.args(["--seed", &seed.to_string()]),
        None => command.args(["--seeds", &options.seeds.to_string()]),
    };
    shell::run("the simulation", command, None).map(drop)
}

/// What CI runs, with the program that the build has left.
///
/// # Errors
/// When a seed fails, or the time is up.
pub fn ten_thousand(deadline: Instant) -> (Tally, Result<()>) {
    let simulator = paths::target().join("debug/pelton-simulator");
    let command = shell::command(
        &simulator.display().to_string(),
        &["run", "--seeds", "10000"],
    );
    shell::run_counting("the simulation", command, Some(deadline))
}

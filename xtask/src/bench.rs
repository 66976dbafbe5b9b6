//! `cargo xtask bench`: builds what it takes, optimised, and becomes `tests/benchmarks`.
//!
//! Invariant: what is measured is a release build, in a target folder of its own, so that nobody else's build begins anew.

use std::ffi::OsString;

use anyhow::Result;

use crate::{guests, handover, paths, setup, shell};

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Arguments of the run, `--quick --only loop --only pelton` for example; `--help` has them all.
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
        guests::build_all()?;
    }
    println!("release build: daemon and bench (15 minutes and more the first time)");
    let folder = paths::target().join("bench");
    // One after the other, so that the daemon has the features that it has for its users.
    for package in ["pelton", "pelton-benchmarks"] {
        let arguments = ["build", "--release", "--locked", "--package", package];
        let mut command = shell::command("cargo", &arguments);
        command.env("CARGO_TARGET_DIR", &folder);
        shell::run("the build", command, None)?;
    }
    let program = folder.join("release/pelton-bench");
    let pelton = folder.join("release/pelton");
    handover::become_program(&program, &options.arguments, &[("PELTON_BIN", &pelton)])
}

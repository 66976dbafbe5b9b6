//! `cargo xtask bench`: builds what it takes, optimised, and becomes `tests/benchmarks`.
//!
//! Invariant: what is measured is a release build, in a target folder of its own, so that nobody else's build begins anew.

use std::{ffi::OsString, os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result};

use crate::{guests, paths, setup, shell};

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
    let arguments = &options.arguments;
    let asks_for_help = arguments.iter().any(|one| one == "--help" || one == "-h");
    if !asks_for_help {
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
    // In this process's place: so its exit code is this one's, and Ctrl-C reaches it alone.
    let error = Command::new(&program)
        .args(arguments)
        .env("PELTON_BIN", folder.join("release/pelton"))
        .exec();
    Err(error).with_context(|| format!("can't start {}", program.display()))
}

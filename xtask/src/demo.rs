//! `cargo xtask demo`: builds the daemon and the demonstration, and becomes the latter.
//!
//! The demonstration is a program of its own (`xtask/demo`), because it needs a Kafka client and everything else here
//! must build in seconds.

use std::ffi::OsString;

use anyhow::Result;

use crate::{guests, handover, paths, shell};

/// What to show.
#[derive(clap::Args)]
pub struct Options {
    /// Arguments of the demonstration: `--messages N` sends so many, checks what comes out, and exits;
    /// `--help` has the rest.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Sets up and runs it. Returns only where that fails.
///
/// # Errors
/// The guest toolchain can't be had, or something doesn't build.
pub fn run(options: &Options) -> Result<()> {
    guests::toolchain()?;
    println!("daemon and demonstration: building (5 minutes and more the first time)");
    // The whole workspace with one set of features, so that nothing is built a second time.
    let build = "build --workspace --locked --bin pelton --bin pelton-demo";
    let words: Vec<&str> = build.split(' ').collect();
    shell::run("the build", shell::command("cargo", &words), None)?;
    let program = paths::target().join("debug/pelton-demo");
    handover::become_program(&program, &options.arguments, &[])
}

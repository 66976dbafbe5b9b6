//! `cargo xtask ...`: what every contributor runs. Nothing of it reaches a user's machine.
//!
//! Invariant: CI runs `cargo xtask test` and nothing else, so whatever CI checks can be run here the same way.
#![forbid(unsafe_code)]

mod arrows;
mod bench;
mod chaos;
mod demo;
mod guests;
mod handover;
mod instructions;
mod mounts;
mod mutants;
mod package;
mod paths;
mod rules;
mod setup;
mod shell;
mod simulation;
mod suites;
mod systemd;
mod test;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Set-up, tests and tools of Pelton's repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what the tests need and this machine hasn't got: guest toolchain, Java, Maven, Kafka, Node, KafkaJS, Python's judges, Chromium, kcat, valgrind, Prometheus, systemd's tools, libseccomp.
    Setup,
    /// Shows Pelton at work: a daemon, the example handlers and a life-like stream. Needs nothing else.
    #[command(disable_help_flag = true)]
    Demo(demo::Options),
    /// Kills, stops, freezes and swaps daemons on a real Kafka, and accounts for every message.
    #[command(disable_help_flag = true)]
    Chaos(chaos::Options),
    /// Measures what a million messages cost, beside a hand-written loop and what others would use.
    #[command(disable_help_flag = true)]
    Bench(bench::Options),
    /// The inner loop: format, lints, unit and property tests, ten thousand simulated groups; no broker.
    Check,
    /// Runs all that CI runs, after `setup`.
    Test(test::Options),
    /// Builds every guest into target/guests/NAME.wasm.
    Guests,
    /// Builds a Debian package of the daemon into target/package.
    Package(package::Options),
    /// Runs dispatch through simulated consumer groups.
    Sim(simulation::Options),
    /// Breaks dispatch mechanically and sees whether its tests and the simulator notice (an hour or two).
    Mutants(mutants::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    std::env::set_current_dir(paths::root())?;
    match task {
        Task::Setup => setup::everything(),
        Task::Demo(options) => demo::run(&options),
        Task::Chaos(options) => chaos::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Check => test::check(),
        Task::Test(options) => test::run(&options),
        Task::Package(options) => package::run(&options),
        Task::Guests => guests::build_all(),
        Task::Sim(options) => simulation::run(&options),
        Task::Mutants(options) => mutants::run(&options),
    }
}

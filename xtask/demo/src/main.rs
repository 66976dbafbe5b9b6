//! The demonstration behind `cargo xtask demo`: a real daemon, the example handlers, a life-like stream.
//!
//! It shows live what goes in and what comes out, or, told a number of messages, checks that exactly what must come
//! out does. It shares no code with Pelton but the toolchain that builds the examples: the daemon is the program that
//! a user starts, and the Kafka clients are this program's own.
#![forbid(unsafe_code)]

mod check;
mod daemon;
mod expected;
mod join;
mod kafka;
mod live;
mod message;
mod metrics;
mod partitioner;
mod rebuild;
mod scene;
mod screen;
mod story;
mod stream;
mod verify;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, value_parser};

use crate::rebuild::Examples;

/// Runs the example handlers on a life-like stream and shows what they make of it.
#[derive(Parser)]
#[command(name = "cargo xtask demo", bin_name = "cargo xtask demo")]
struct Arguments {
    /// Send exactly so many messages, check everything that comes out, and exit. At most 50,000: the embedded
    /// broker keeps 5 MiB of a partition.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=50_000))]
    messages: Option<u32>,
    /// Another stream.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Messages a second, live.
    #[arg(long, default_value_t = 4, value_parser = value_parser!(u32).range(1..=50))]
    rate: u32,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    kafka::keep_quiet_of_headers();
    println!("examples: building");
    let examples = Examples::build()?;
    let (pelton, log) = (pelton()?, folder()?.join("pelton.log"));
    match arguments.messages {
        Some(messages) => verify::run(&pelton, log, messages, arguments.seed),
        None => live::run(&pelton, log, examples, arguments.seed, arguments.rate),
    }
}

/// The daemon's program, beside this one.
fn pelton() -> Result<PathBuf> {
    let pelton = folder_of_programs()?.join("pelton");
    let missing = "there is no pelton beside this program; `cargo xtask demo` builds both";
    pelton.is_file().then_some(pelton).context(missing)
}

/// Where this program's files go: `demo` in the target folder.
fn folder() -> Result<PathBuf> {
    let programs = folder_of_programs()?;
    let target = programs.parent().context("this program has no folder")?;
    Ok(target.join("demo"))
}

fn folder_of_programs() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program does not know where it is")?;
    own.parent()
        .map(PathBuf::from)
        .context("this program has no folder")
}

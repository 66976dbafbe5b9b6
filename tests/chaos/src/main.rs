//! `cargo xtask chaos`: daemons on a real Apache Kafka are killed, stopped, frozen and swapped by a seeded schedule,
//! while a writer and a reader that share no code with Pelton account for every message.
//!
//! Invariant: the last line is the verdict and the exit code follows it: 0 kept, 3 broken, 1 the run itself failed.
#![forbid(unsafe_code)]

mod act;
mod apart;
mod bound;
mod careless;
mod check;
mod cost;
mod history;
mod matrix;
mod options;
mod progress;
mod reader;
mod report;
mod run;
mod sampler;
mod schedule;
mod soak;
mod subject;
mod visible;
mod watch;
mod writer;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::{
    options::{Arguments, Mode, Options},
    report::Verdict,
};

/// The verdict is that the contract was broken.
const BROKEN: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.mode {
        Some(Mode::Careless { bootstrap }) => careless::run(&bootstrap).map(|()| true),
        Some(Mode::Apart { bootstrap }) => apart::run(&bootstrap).map(|()| true),
        None => judged(&arguments.options),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(BROKEN),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for; whether it came out as it should.
fn judged(options: &Options) -> Result<bool> {
    options.check()?;
    if options.matrix {
        return matrix::run(options);
    }
    if options.cost {
        return cost::run(options).map(|()| true);
    }
    let verdict = run::run(options)?;
    println!("{}", verdict.line());
    Ok(as_expected(options, &verdict))
}

/// A control is there to be found broken, by what it does to messages; everything else to be kept.
fn as_expected(options: &Options, verdict: &Verdict) -> bool {
    if options.expect_broken {
        verdict.lost > 0 || options.exactly_once && verdict.repeated > 0
    } else {
        verdict.is_kept()
    }
}

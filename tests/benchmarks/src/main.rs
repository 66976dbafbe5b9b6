//! `cargo xtask bench`: what a million messages cost Pelton, beside the hand-written loop and what others would use,
//! on the same machine, on the same real Kafka, in the same run.
//!
//! Invariant: every program's outputs are verified, and no figure of one whose outputs are wrong is shown. The figures
//! judge nothing by themselves: machines are shared, and what holds of them is their ratio.
#![forbid(unsafe_code)]

mod ends;
mod figures;
mod input;
mod latency;
mod options;
mod place;
mod produce;
mod program;
mod report;
mod run;
mod table;
mod verify;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::options::Options;

fn main() -> ExitCode {
    match judge(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn judge(options: &Options) -> Result<()> {
    let mut plan = options.plan()?;
    plan.install()?;
    let results = run::everything(&plan)?;
    report::write(&plan, &results)
}

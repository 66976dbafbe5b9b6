//! The simulator's command line: runs seeds, or replays recordings of real runs.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use anyhow::Context;
use clap::{Parser, Subcommand};
use pelton_dispatch::Partition;
use pelton_simulator::{
    group::{Options, run_many, run_seed},
    replay,
};

/// Proves dispatch: whole consumer groups from a seed, and recordings of real runs.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Runs simulated groups and prints what they exercised.
    Run {
        /// How many seeds.
        #[arg(long, default_value_t = 1000)]
        seeds: u64,
        /// The first of them.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Runs only this one and prints everything that happens.
        #[arg(long, conflicts_with_all = ["seeds", "from"])]
        seed: Option<u64>,
        /// Threads to run on.
        #[arg(long, default_value_t = 2)]
        threads: usize,
    },
    /// Replays every recording (*.jsonl) below a folder.
    Replay {
        /// The folder.
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    match work(Arguments::parse().job) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work(job: Job) -> anyhow::Result<()> {
    match job {
        Job::Run {
            seed: Some(seed), ..
        } => {
            let (coverage, _) = run_seed::<Partition>(
                seed,
                Options {
                    verbose: true,
                    ..Options::default()
                },
            )
            .map_err(anyhow::Error::msg)?;
            println!("{coverage}seed {seed} passes");
        }
        Job::Run {
            seeds,
            from,
            threads,
            ..
        } => {
            let began = Instant::now();
            let progress = |done: u64| {
                if done.is_multiple_of(1000) {
                    println!(
                        "{done} of {seeds} seeds, {:.0} s",
                        began.elapsed().as_secs_f64()
                    );
                }
            };
            let coverage =
                run_many::<Partition>(from, seeds, threads, Options::default(), progress)
                    .map_err(anyhow::Error::msg)?;
            println!(
                "{coverage}{seeds} seeds from {from} pass, {:.1} s",
                began.elapsed().as_secs_f64()
            );
        }
        Job::Replay { folder } => {
            let summary = replay::folder(&folder).context("a recording does not replay")?;
            println!("{summary}");
        }
    }
    Ok(())
}

//! The simulator's command line: runs seeds, or replays recordings of real runs.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use pelton_dispatch::{Member, Partition};
use pelton_simulator::{
    group::{self, transactions},
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
        /// Only groups of this guarantee.
        #[arg(long)]
        guarantee: Option<Guarantee>,
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

/// Which groups to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Guarantee {
    AtLeastOnce,
    ExactlyOnce,
}

impl Guarantee {
    const ALL: [Self; 2] = [Self::AtLeastOnce, Self::ExactlyOnce];
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
            seed: Some(seed),
            guarantee,
            ..
        } => one(seed, guarantee),
        Job::Run {
            seeds,
            from,
            threads,
            guarantee,
            ..
        } => {
            for each in Guarantee::ALL {
                if guarantee.is_none_or(|only| only == each) {
                    many(from, seeds, threads, each)?;
                }
            }
            Ok(())
        }
        Job::Replay { folder } => {
            let summary = replay::folder(&folder).context("a recording does not replay")?;
            println!("{summary}");
            Ok(())
        }
    }
}

/// Runs one seed and tells everything.
fn one(seed: u64, guarantee: Option<Guarantee>) -> anyhow::Result<()> {
    if guarantee != Some(Guarantee::ExactlyOnce) {
        let options = group::Options {
            verbose: true,
            ..group::Options::default()
        };
        let (coverage, _) =
            group::run_seed::<Partition>(seed, options).map_err(anyhow::Error::msg)?;
        println!("{coverage}seed {seed} passes");
    }
    if guarantee != Some(Guarantee::AtLeastOnce) {
        let options = transactions::Options {
            verbose: true,
            ..transactions::Options::default()
        };
        let (coverage, _) = transactions::run_seed::<Partition, Member>(seed, options)
            .map_err(anyhow::Error::msg)?;
        println!("{coverage}seed {seed} passes, exactly-once");
    }
    Ok(())
}

/// Runs seeds and prints what they exercised.
fn many(from: u64, seeds: u64, threads: usize, guarantee: Guarantee) -> anyhow::Result<()> {
    let began = Instant::now();
    let progress = |done: u64| {
        if done.is_multiple_of(1000) {
            println!(
                "{done} of {seeds} seeds, {:.0} s",
                began.elapsed().as_secs_f64()
            );
        }
    };
    let coverage = match guarantee {
        Guarantee::AtLeastOnce => {
            let options = group::Options::default();
            group::run_many::<Partition>(from, seeds, threads, options, progress)
                .map(|coverage| coverage.to_string())
        }
        Guarantee::ExactlyOnce => {
            let options = transactions::Options::default();
            transactions::run_many::<Partition, Member>(from, seeds, threads, options, progress)
                .map(|coverage| coverage.to_string())
        }
    };
    let coverage = coverage.map_err(anyhow::Error::msg)?;
    println!(
        "{coverage}{seeds} seeds from {from} pass, {guarantee:?}, {:.1} s",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

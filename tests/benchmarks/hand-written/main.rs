//! The hand-written loop: what a competent engineer writes with rdkafka for the benchmark's works, at-least-once.
//!
//! Invariant: it is kept at its best. librdkafka has the settings that Pelton gives it, and the guarantee is the same:
//! an offset is committed only after every output up to it is acknowledged by all in-sync replicas.
#![forbid(unsafe_code)]

mod acknowledged;
mod consume;
mod settings;
mod shared;

use std::{env, process, thread};

use anyhow::{Context, Result};

use crate::settings::Settings;

fn main() -> Result<()> {
    let settings = Settings::from_environment()?;
    let loops: usize = match env::var("BENCH_LOOPS") {
        Ok(loops) => loops.parse().context("BENCH_LOOPS is no number")?,
        Err(_) => 1,
    };
    thread::scope(|scope| {
        for _ in 0..loops {
            scope.spawn(|| {
                // One that is over takes the others along: what it leaves behind would be nobody's.
                if let Err(error) = consume::run(&settings) {
                    eprintln!("error: {error:#}");
                    process::exit(1);
                }
            });
        }
    });
    Ok(())
}

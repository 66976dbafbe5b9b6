//! The programs of this repository: Pelton at its default settings, and the loop it is held against.

use std::env;

use anyhow::{Context, Result};
use pelton_harness::{DaemonOptions, TestDaemon, paths, stage};

use crate::place::Place;

/// `pelton run` with one handler.
///
/// # Errors
/// When the daemon or the guest isn't built.
pub fn pelton(place: &Place<'_>, guest: &str, guarantee: &str) -> Result<TestDaemon> {
    let (bootstrap, input, name) = (place.cluster.bootstrap(), place.input, &place.name);
    let config = stage::measured(bootstrap, name, guest, [input, name], guarantee);
    // Compiled once for all rounds, as it is for all starts of a daemon.
    let cache = paths::target().join("benchmarks/cache");
    DaemonOptions::new(name)?
        .component(guest)?
        .config(&config)?
        .environment("CACHE_DIRECTORY", &cache.display().to_string())
        .unrecorded()
        .start()
}

/// So many loops in one process. The program stands beside this one.
///
/// # Errors
/// When it isn't built.
pub fn hand_written(place: &Place<'_>, loops: usize) -> Result<TestDaemon> {
    let own = env::current_exe()?;
    let folder = own.parent().context("a program lies in a folder")?;
    told(DaemonOptions::new(&place.name)?, place)
        .environment("BENCH_LOOPS", &loops.to_string())
        .instead(folder.join("pelton-bench-loop"))
        .start()
}

/// What every program but Pelton is told, in variables of its environment.
pub fn told(options: DaemonOptions, place: &Place<'_>) -> DaemonOptions {
    options
        .environment("BENCH_BOOTSTRAP", place.cluster.bootstrap())
        .environment("BENCH_GROUP", &place.name)
        .environment("BENCH_INPUT", place.input)
        .environment("BENCH_OUTPUT", &place.name)
        .environment("BENCH_WORK", place.work.name())
}

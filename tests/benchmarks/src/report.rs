//! The figures as JSON, for those who compare runs.

use std::{fs, process::Command, thread};

use anyhow::{Context, Result};
use pelton_harness::paths;
use serde_json::json;

use crate::{options::Plan, run::Results};

/// Writes `target/benchmarks/results.json`, or `latency.json`.
///
/// # Errors
/// When the file can't be written.
pub fn write(plan: &Plan, results: &Results) -> Result<()> {
    let report = json!({
        "commit": commit(),
        "cpus": thread::available_parallelism().map_or(0, usize::from),
        "messages": plan.messages,
        "partitions": plan.partitions,
        "cells": results.cells,
        "latencies": results.latencies,
    });
    let folder = paths::target().join("benchmarks");
    fs::create_dir_all(&folder)?;
    let name = if plan.latency { "latency" } else { "results" };
    let file = folder.join(format!("{name}.json"));
    fs::write(&file, serde_json::to_vec_pretty(&report)?)
        .with_context(|| format!("can't write {}", file.display()))?;
    println!("all figures of all rounds: {}", file.display());
    Ok(())
}

/// What was measured; a `+` behind it says that something was changed since.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let done = Command::new("git").args(arguments).output().ok()?;
        done.status.success().then_some(done.stdout)
    };
    let head = String::from_utf8(git(&["rev-parse", "--short=12", "HEAD"])?).ok()?;
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(format!("{}{}", head.trim(), if changed { "+" } else { "" }))
}

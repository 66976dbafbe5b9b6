//! What a process uses, as the system counts it.

use std::fs;

use anyhow::{Context, Result};

/// User and system time since it began, of all its threads; a tick is a hundredth of a second.
///
/// # Errors
/// When there is no such process.
pub fn cpu_seconds(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("a name in parentheses")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / 100.0)
}

/// One of its kinds of memory in bytes, by the kernel's name: `VmRSS` is what is resident, `VmHWM` the most that ever was.
///
/// # Errors
/// When there is no such process, or no such kind.
pub fn memory(process: u32, kind: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(kind));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    Ok(1024 * kibibytes.with_context(|| format!("no {kind}"))?)
}

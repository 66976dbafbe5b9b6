//! Waiting for something to become true, with a limit and a reason when it doesn't.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(25);

/// Calls `probe` until it answers `Some`, at most for `limit`.
///
/// # Errors
/// When the limit has passed, naming `what` was waited for; or the error of `probe`, at once.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = probe()? {
            return Ok(found);
        }
        if start.elapsed() > limit {
            bail!("waited {limit:?} for {what}, in vain");
        }
        thread::sleep(STEP);
    }
}

/// [`until`] for a condition, without a value.
///
/// # Errors
/// As [`until`].
pub fn until_true(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<bool>,
) -> Result<()> {
    until(what, limit, || Ok(probe()?.then_some(())))
}

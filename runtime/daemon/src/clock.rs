//! Time as the machines see it: since 1970, as far as the daemon knew when it started. So a time that is told to
//! another daemon (when a retry is due) means about the same there: as far as the machines' clocks agree, and
//! less what this one was suspended.
//!
//! Invariant: it never jumps, whatever happens to the system's clock meanwhile.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The one clock of a daemon. Copies agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    /// The time since 1970 then.
    since: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            since: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    pub(crate) fn now(self) -> Duration {
        self.since + self.started.elapsed()
    }

    /// By how many milliseconds the system's clock is ahead of this one by now.
    pub(crate) fn system_ahead(self) -> i64 {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let system = SystemTime::now().duration_since(UNIX_EPOCH);
        millis(system.unwrap_or_default()).saturating_sub(millis(self.now()))
    }

    /// When a machine's time is, as the runtime counts.
    pub(crate) fn instant(self, at: Duration) -> Instant {
        self.started + at.saturating_sub(self.since)
    }

    /// When an instant is, as a machine counts.
    pub(crate) fn at(self, instant: Instant) -> Duration {
        self.since + instant.saturating_duration_since(self.started)
    }
}

/// Waits until then; for ever where there is no such time.
pub(crate) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

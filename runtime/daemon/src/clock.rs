//! Time as the machines see it: since the daemon's start.

use std::time::{Duration, Instant};

/// The one clock of a daemon. Copies agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Duration {
        self.0.elapsed()
    }

    /// When a machine's time is, as the runtime counts.
    pub(crate) fn instant(self, at: Duration) -> Instant {
        self.0 + at
    }

    /// When an instant is, as a machine counts.
    pub(crate) fn at(self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.0)
    }
}

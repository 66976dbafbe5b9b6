//! How much the instances of a handler may log.
//!
//! Invariant: however many instances there are and however often they are made anew, all of them together write no
//! more lines in a second than their limit. A guest that traps at each message can't fill a disk either.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

const WINDOW: Duration = Duration::from_secs(1);

/// The lines of one revision of a handler.
#[derive(Debug)]
pub(crate) struct LogBudget {
    handler: Arc<str>,
    lines: u32,
    /// Bytes of a line; the rest is cut.
    pub(crate) line_bytes: usize,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    lines: u32,
    dropped: u64,
}

impl LogBudget {
    pub(crate) fn new(handler: Arc<str>, lines: u32, line_bytes: usize) -> Self {
        Self {
            handler,
            lines,
            line_bytes,
            window: Mutex::new(Window {
                began: Instant::now(),
                lines: 0,
                dropped: 0,
            }),
        }
    }

    /// The handler's name.
    pub(crate) fn handler(&self) -> &str {
        &self.handler
    }

    /// Whether there is room for a line in this second.
    pub(crate) fn admit(&self) -> bool {
        let mut window = self.window.lock();
        let mut dropped = 0;
        if window.began.elapsed() >= WINDOW {
            dropped = window.dropped;
            *window = Window {
                began: Instant::now(),
                lines: 0,
                dropped: 0,
            };
        }
        let admitted = window.lines < self.lines;
        if admitted {
            window.lines += 1;
        } else {
            window.dropped += 1;
        }
        let first = window.dropped == 1 && !admitted;
        drop(window);
        self.report(dropped);
        if first {
            tracing::warn!(
                target: "pelton::guest",
                handler = self.handler(),
                "log lines of the handler are dropped: more than {} in a second (limits.log-lines)",
                self.lines
            );
        }
        admitted
    }

    fn report(&self, dropped: u64) {
        if dropped > 0 {
            tracing::warn!(
                target: "pelton::guest",
                handler = self.handler(),
                dropped,
                "log lines of the handler were dropped"
            );
        }
    }
}

impl Drop for LogBudget {
    fn drop(&mut self) {
        let dropped = self.window.lock().dropped;
        self.report(dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_dropped() {
        let budget = LogBudget::new("h".into(), 1000, 100);
        let admitted = (0..5000).filter(|_| budget.admit()).count();
        assert!((1000..3000).contains(&admitted), "{admitted}");
    }
}

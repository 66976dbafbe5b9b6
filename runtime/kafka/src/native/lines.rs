//! librdkafka's lines in the log, under a target of their own.
//!
//! Some it writes at each attempt to connect, and it attempts that for ever.
//!
//! Invariant: of each of its facilities at most [`LINES`] warnings are written in a [`WINDOW`], and how many were left out.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::config::RDKafkaLogLevel as Level;

/// Warnings of a facility in a window: as many as the daemon writes of what comes with single messages.
const LINES: u32 = 20;
/// Windows begin with a line, so that a single one is never late.
const WINDOW: Duration = Duration::from_secs(60);

/// Those of the whole process, by facility, of which librdkafka has some dozens.
static WINDOWS: Mutex<BTreeMap<String, Window>> = Mutex::new(BTreeMap::new());

/// The warnings of a facility since the first of them.
#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    said: u32,
    left_out: u64,
}

impl Window {
    /// Whether a line is written now; with how many were left out before.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let mut left_out = 0;
        let over = |began| now.saturating_duration_since(began) >= WINDOW;
        if self.began.is_some_and(over) {
            left_out = std::mem::take(self).left_out;
        }
        self.began.get_or_insert(now);
        if self.said == LINES {
            self.left_out += 1;
            return None;
        }
        self.said += 1;
        Some(left_out)
    }
}

/// What librdkafka reports as an error event too is turned into a trouble elsewhere, so that here it is only a detail.
pub(crate) fn log(level: Level, facility: &str, line: &str) {
    match (level, facility) {
        (_, "FAIL" | "ERROR") | (Level::Notice | Level::Info, _) => {
            tracing::debug!(target: "librdkafka", facility, "{line}");
        }
        (Level::Emerg | Level::Alert | Level::Critical | Level::Error | Level::Warning, _) => {
            warn(facility, line);
        }
        (Level::Debug, _) => tracing::trace!(target: "librdkafka", facility, "{line}"),
    }
}

fn warn(facility: &str, line: &str) {
    let mut windows = WINDOWS.lock();
    let window = windows.entry(facility.to_owned()).or_default();
    let admitted = window.admit(Instant::now());
    drop(windows);
    match admitted {
        Some(0) => tracing::warn!(target: "librdkafka", facility, "{line}"),
        Some(left_out) => tracing::warn!(target: "librdkafka", facility, left_out, "{line}"),
        None => tracing::debug!(target: "librdkafka", facility, "{line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_line_at_each_attempt_some_are_written_and_the_rest_is_counted() {
        let (mut window, start) = (Window::default(), Instant::now());
        assert!((0..LINES).all(|_| window.admit(start) == Some(0)));
        assert!((0..500).all(|_| window.admit(start + WINDOW / 2).is_none()));
        assert_eq!(window.admit(start + WINDOW), Some(500));
        assert_eq!(window.admit(start + WINDOW), Some(0), "that is told once");
    }
}

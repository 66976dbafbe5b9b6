//! Lines of the log that come with each message or commit: a thousand poison messages must not drown what else is said.
//!
//! Invariant: of each kind a handler writes at most [`LINES`] in a [`WINDOW`], and a line for how many were left out.

use std::time::Duration;

use parking_lot::Mutex;
use tracing::warn;

/// Lines of a kind in a window.
const LINES: u32 = 20;
/// Windows begin with a line, so that a single one is never late.
const WINDOW: Duration = Duration::from_secs(60);

/// What is said of a message, or of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Failed,
    FellBack,
    Refused,
    DeadLettered,
    Skipped,
    Uncommitted,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Failed,
        Self::FellBack,
        Self::Refused,
        Self::DeadLettered,
        Self::Skipped,
        Self::Uncommitted,
    ];

    /// What happened so often.
    fn what(self) -> &'static str {
        match self {
            Self::Failed => "failed attempts",
            Self::FellBack => "messages given to the revision before",
            Self::Refused => "outputs refused for good",
            Self::DeadLettered => "dead letters",
            Self::Skipped => "skipped messages",
            Self::Uncommitted => "failed commits",
        }
    }
}

/// A handler's lines.
#[derive(Debug)]
pub(crate) struct Floods {
    handler: String,
    windows: [Mutex<Window>; Kind::ALL.len()],
}

/// The lines of a kind since the first of them.
#[derive(Debug, Default)]
struct Window {
    began: Option<Duration>,
    said: u32,
    left_out: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Admission {
    Say,
    /// The first that is left out.
    TooMany,
    LeaveOut,
}

impl Window {
    fn admit(&mut self, now: Duration) -> Admission {
        self.began.get_or_insert(now);
        if self.said < LINES {
            self.said += 1;
            return Admission::Say;
        }
        self.left_out += 1;
        match self.left_out {
            1 => Admission::TooMany,
            _ => Admission::LeaveOut,
        }
    }

    /// Ends it where its time is over; how many lines were left out, if any.
    fn end(&mut self, now: Duration) -> Option<u64> {
        let began = self.began?;
        if now.saturating_sub(began) < WINDOW {
            return None;
        }
        let Self { left_out, .. } = std::mem::take(self);
        Some(left_out).filter(|left_out| *left_out > 0)
    }
}

impl Floods {
    pub(crate) fn new(handler: &str) -> Self {
        Self {
            handler: handler.to_owned(),
            windows: Default::default(),
        }
    }

    /// Whether a line of this kind is said now.
    pub(crate) fn admit(&self, kind: Kind, now: Duration) -> bool {
        self.end(kind, now);
        let admission = self.windows[kind as usize].lock().admit(now);
        if admission == Admission::TooMany {
            warn!(handler = %self.handler, of = kind.what(), within = ?WINDOW,
                "there are too many to tell each: the rest is counted and told together");
        }
        admission == Admission::Say
    }

    /// Tells of what was left out in windows that are over. To be asked now and then.
    pub(crate) fn round(&self, now: Duration) {
        for kind in Kind::ALL {
            self.end(kind, now);
        }
    }

    fn end(&self, kind: Kind, now: Duration) {
        let left_out = self.windows[kind as usize].lock().end(now);
        if let Some(left_out) = left_out {
            warn!(handler = %self.handler, of = kind.what(), left_out, within = ?WINDOW,
                "more of them than were told one by one; `pelton status` has the sums, `pelton dlq list` the letters");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_some_are_told_and_the_rest_is_counted() {
        let (mut window, start) = (Window::default(), Duration::from_secs(1_000));
        let told: Vec<_> = (0..1_000).map(|_| window.admit(start)).collect();
        let count = |what| told.iter().filter(|each| **each == what).count();
        assert_eq!(count(Admission::Say), LINES as usize);
        assert_eq!(count(Admission::TooMany), 1);
        assert_eq!(
            window.end(start + WINDOW - Duration::from_millis(1)),
            None,
            "it is not over"
        );
        assert_eq!(window.end(start + WINDOW), Some(1_000 - u64::from(LINES)));
        assert_eq!(window.end(start + 2 * WINDOW), None, "that is told once");
        assert_eq!(window.admit(start + WINDOW), Admission::Say);
    }

    #[test]
    fn where_each_was_told_nothing_follows_and_kinds_do_not_count_together() {
        let (floods, now) = (Floods::new("h"), Duration::ZERO);
        for kind in Kind::ALL {
            assert!((0..LINES).all(|_| floods.admit(kind, now)));
            assert!(!floods.admit(kind, now));
        }
        let mut quiet = Window::default();
        quiet.admit(now);
        assert_eq!(quiet.end(WINDOW), None);
    }
}

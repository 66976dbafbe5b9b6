//! Whether a handler falls behind what comes in: the judgement behind a line of the log and of `pelton status`. Pure.
//!
//! A backlog is no matter as long as it becomes smaller. One that doesn't for a while is told, until it is gone: what
//! comes and goes with each batch of a producer would be told again and again.
//!
//! Invariant: it is said once that a handler falls behind, and once that it has caught up.

use std::time::Duration;

/// Messages that may wait without anybody minding; as many as in the alert PeltonLagGrows.
const FEW: i64 = 1_000;
/// How long they must not have become fewer.
const WHILE: Duration = Duration::from_secs(15);

/// How the partitions of a handler stand together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backlog {
    pub lag: i64,
    /// Of how many partitions. Those that come and go bring and take their lag.
    pub partitions: usize,
}

/// What an observation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Fine,
    Began,
    Lasts,
    Over,
}

/// The watch over one handler.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// What it is compared with, and when that was.
    before: Option<(Duration, Backlog)>,
    behind: bool,
}

impl Watch {
    /// Takes in how things stand; about once a second.
    pub(crate) fn observe(&mut self, now: Duration, backlog: Backlog) -> Standing {
        if backlog.lag <= FEW {
            self.before = None;
            return match std::mem::take(&mut self.behind) {
                true => Standing::Over,
                false => Standing::Fine,
            };
        }
        match self.before {
            Some((since, then)) if then.partitions == backlog.partitions => {
                if now.saturating_sub(since) >= WHILE {
                    self.before = Some((now, backlog));
                    if backlog.lag >= then.lag && !self.behind {
                        self.behind = true;
                        return Standing::Began;
                    }
                }
            }
            _ => self.before = Some((now, backlog)),
        }
        match self.behind {
            true => Standing::Lasts,
            false => Standing::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a lag that is seen each second comes to, but for `Fine`, with when.
    fn seen(lags: impl IntoIterator<Item = (i64, usize)>) -> Vec<(u64, Standing)> {
        let mut watch = Watch::default();
        let mut last = Standing::Fine;
        let mut told = Vec::new();
        for (second, (lag, partitions)) in (0..).zip(lags) {
            let backlog = Backlog { lag, partitions };
            let standing = watch.observe(Duration::from_secs(second), backlog);
            if standing != last {
                told.push((second, standing));
            }
            last = standing;
        }
        told
    }

    #[test]
    fn a_backlog_that_grows_is_told_once_and_so_is_its_end() {
        let grows = (0..100).map(|second| (2_000 + 10 * second, 1));
        let shrinks = (0..100).map(|second| (3_000 - 40 * second, 1));
        use Standing::{Began, Fine, Lasts, Over};
        let told = seen(grows.chain(shrinks));
        assert_eq!(told, [(15, Began), (16, Lasts), (150, Over), (151, Fine)]);
    }

    #[test]
    fn a_backlog_that_is_worked_off_or_small_or_new_is_not_told() {
        assert_eq!(seen((0..100).map(|second| (9_000 - 50 * second, 1))), []);
        assert_eq!(seen((0..100).map(|second| (10 * second, 1))), []);
        // Another partition every ten seconds, with all that waits in it.
        let comes = (0..100).map(|second| (2_000 * (1 + second / 10), second as usize / 10));
        assert_eq!(seen(comes), []);
    }
}

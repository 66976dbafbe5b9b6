//! When the watermark is committed.
//!
//! Invariant: at most one commit is under way, no two begin closer together than the interval,
//! and none names an offset below one that was acknowledged (delivery rule 2).

use std::time::Duration;

use pelton_types::Offset;

/// The least time after which a failed commit is tried again, whatever the interval.
const RETRY_FLOOR: Duration = Duration::from_millis(100);

/// What is committed, and what is being committed.
#[derive(Debug)]
pub(super) struct Commits {
    acknowledged: Offset,
    outstanding: Option<Offset>,
    not_before: Duration,
}

impl Commits {
    pub fn new(start: Offset) -> Self {
        Self {
            acknowledged: start,
            outstanding: None,
            not_before: Duration::ZERO,
        }
    }

    /// The next offset that is known to be committed.
    pub fn acknowledged(&self) -> Offset {
        self.acknowledged
    }

    /// The offset to be committed now, if it is time and there is something to commit.
    pub fn begin(
        &mut self,
        watermark: Offset,
        now: Duration,
        interval: Duration,
    ) -> Option<Offset> {
        self.due(watermark).filter(|due| *due <= now)?;
        self.outstanding = Some(watermark);
        self.not_before = now.saturating_add(interval);
        Some(watermark)
    }

    /// When there is something to be committed next.
    pub fn due(&self, watermark: Offset) -> Option<Duration> {
        (self.outstanding.is_none() && watermark > self.acknowledged).then_some(self.not_before)
    }

    /// The commit under way is acknowledged. Answers to any other are late, and are ignored.
    pub fn acknowledge(&mut self, next: Offset) {
        if let Some(next) = self.outstanding.take_if(|outstanding| *outstanding == next) {
            self.acknowledged = self.acknowledged.max(next);
        }
    }

    /// The commit under way failed: what is finished by then is committed after another interval.
    pub fn fail(&mut self, next: Offset, now: Duration, interval: Duration) {
        if self
            .outstanding
            .take_if(|outstanding| *outstanding == next)
            .is_some()
        {
            self.not_before = now.saturating_add(interval.max(RETRY_FLOOR));
        }
    }
}

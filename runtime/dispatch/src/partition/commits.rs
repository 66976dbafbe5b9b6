//! When what is finished is committed.
//!
//! Invariant: at most one commit is under way, no two begin closer together than the interval (in a transaction its end
//! says when), and none names an offset below one that was acknowledged (delivery rule 2).

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
    /// Something happened that no commit tells yet.
    news: bool,
}

impl Commits {
    pub fn new(start: Offset) -> Self {
        Self {
            acknowledged: start,
            outstanding: None,
            not_before: Duration::ZERO,
            news: false,
        }
    }

    /// The next offset that is known to be committed.
    pub fn acknowledged(&self) -> Offset {
        self.acknowledged
    }

    /// There is something to be committed.
    pub fn news(&mut self) {
        self.news = true;
    }

    /// Whether there is something that no commit tells yet.
    pub fn has_news(&self) -> bool {
        self.news
    }

    /// Begins a commit of this watermark, whatever the time.
    pub fn begin_now(&mut self, watermark: Offset) {
        self.outstanding = Some(watermark);
        self.news = false;
    }

    /// The commit under way, if any, is acknowledged.
    pub fn acknowledge_sealed(&mut self) {
        if let Some(next) = self.outstanding {
            self.acknowledge(next);
        }
    }

    /// What was finished since the last commit is void, and so is a commit under way.
    pub fn abandon(&mut self, news: bool) {
        self.outstanding = None;
        self.news = news;
    }

    /// Whether everything is committed, as far as is known.
    pub fn is_settled(&self) -> bool {
        !self.news && self.outstanding.is_none()
    }

    /// Begins a commit of this watermark if it is time and there is something to commit.
    pub fn begin(&mut self, watermark: Offset, now: Duration, interval: Duration) -> bool {
        let begins = self.due().is_some_and(|due| due <= now);
        if begins {
            self.outstanding = Some(watermark);
            self.not_before = now.saturating_add(interval);
            self.news = false;
        }
        begins
    }

    /// When there is something to be committed next.
    pub fn due(&self) -> Option<Duration> {
        (self.outstanding.is_none() && self.news).then_some(self.not_before)
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
            self.news = true;
        }
    }
}

//! Bytes between the poll thread and whoever takes messages in.
//!
//! What waits on the way is bounded in bytes, not only in events: the poll thread stands still while there is
//! too much of it. That is a moment only, because the receiver takes messages in whatever it does with them.
//!
//! Invariant: bytes are given back once, when the last part of what was handed on is taken in or dropped.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Bytes of messages that were handed on. Drop it when they are taken in.
#[derive(Debug, Default)]
pub struct Transit {
    way: Option<Arc<Way>>,
    bytes: u64,
}

impl Drop for Transit {
    fn drop(&mut self) {
        if let Some(way) = &self.way {
            *way.lock() -= self.bytes;
            way.less.notify_all();
        }
    }
}

/// What is on its way from one poll thread.
#[derive(Debug)]
pub(super) struct Way {
    most: u64,
    bytes: Mutex<u64>,
    less: Condvar,
}

impl Way {
    /// A way that takes no more once so many bytes are on it.
    pub(super) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            most,
            bytes: Mutex::new(0),
            less: Condvar::new(),
        })
    }

    /// Counts bytes that are handed on.
    pub(super) fn enter(self: &Arc<Self>, bytes: u64) -> Transit {
        *self.lock() += bytes;
        Transit {
            way: Some(self.clone()),
            bytes,
        }
    }

    /// Waits until there is room for more, or the time is up; whether there is.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let bytes = self.lock();
        let (bytes, _) = self
            .less
            .wait_timeout_while(bytes, limit, |bytes| *bytes >= self.most && *bytes > 0)
            .unwrap_or_else(PoisonError::into_inner);
        *bytes < self.most || *bytes == 0
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn there_is_room_again_when_messages_are_taken_in() {
        let way = Way::new(100);
        let first = way.enter(60);
        assert!(way.wait(SOON));
        // What comes in one piece may go beyond.
        let second = way.enter(60);
        assert!(!way.wait(SOON));
        drop(first);
        assert!(way.wait(SOON));
        drop(second);
        assert_eq!(*way.lock(), 0);
    }

    #[test]
    fn one_message_at_a_time_passes_whatever_the_limit() {
        let way = Way::new(0);
        assert!(way.wait(SOON));
        let one = way.enter(1);
        assert!(!way.wait(SOON));
        drop(one);
        assert!(way.wait(SOON));
    }

    #[test]
    fn who_waits_is_woken() {
        let way = Way::new(1);
        let all = way.enter(1);
        let waiting = std::thread::spawn({
            let way = way.clone();
            move || way.wait(Duration::from_secs(60))
        });
        drop(all);
        assert!(waiting.join().unwrap());
    }
}

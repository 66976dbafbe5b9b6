//! Whether a loop moves: its turns are counted where it runs, and read by whoever watches over it.
//!
//! Invariant: a loop that is well turns every few seconds, whatever brokers, groups and receivers do. Each of its
//! waits is either bounded by ten seconds at the most, which is what brokers are given to answer, or made of steps that
//! count.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

/// How long a loop waits without a turn, where it may have to wait for long.
pub(crate) const STEP: Duration = Duration::from_secs(1);
/// Stands in the count once the loop has ended.
const OVER: u64 = 1 << 63;

/// How often a loop has turned. Copies are the same, and none of them keeps the loop going.
#[derive(Clone, Debug, Default)]
pub struct Turns(Arc<AtomicU64>);

impl Turns {
    /// How often it has turned so far; `None` once it has ended, or is ending: that may take its time.
    pub fn count(&self) -> Option<u64> {
        let turns = self.0.load(Ordering::Relaxed);
        (turns & OVER == 0).then_some(turns)
    }

    /// It has turned once more.
    pub(crate) fn turn(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// It ends.
    pub(crate) fn end(&self) {
        self.0.fetch_or(OVER, Ordering::Relaxed);
    }

    /// Ends it however the thread that holds this ends.
    pub(crate) fn until_dropped(&self) -> EndOnDrop {
        EndOnDrop(self.clone())
    }

    /// Waits for this on the loop's own thread, however long that takes.
    pub(crate) fn wait_for<T>(&self, awaited: impl Future<Output = T>) -> T {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut awaited = pin!(awaited);
        loop {
            self.turn();
            if let Poll::Ready(value) = awaited.as_mut().poll(&mut context) {
                return value;
            }
            thread::park_timeout(STEP);
        }
    }
}

/// See [`Turns::until_dropped`].
pub(crate) struct EndOnDrop(Turns);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn a_loop_that_has_ended_has_no_count_whatever_it_still_does() {
        let turns = Turns::default();
        turns.turn();
        assert_eq!(turns.count(), Some(1));
        drop(turns.until_dropped());
        turns.turn();
        assert_eq!(turns.clone().count(), None);
    }

    #[test]
    fn who_waits_goes_on_when_it_is_there_and_turns_meanwhile() {
        let turns = Turns::default();
        let (sender, receiver) = oneshot::channel();
        let waits = thread::spawn({
            let turns = turns.clone();
            move || turns.wait_for(receiver)
        });
        while turns.count() < Some(3) {
            thread::yield_now();
        }
        sender.send(7).unwrap();
        assert_eq!(waits.join().unwrap(), Ok(7));
    }
}

//! How long a message has taken: running and host waits, not waiting for a CPU.
//!
//! A guest runs in slices: from where its future is polled to where it yields, every [`SLICE`] ticks.
//! Only slices count. One that took longer than [`LONGEST`] was taken off its CPU by the system, or the guest was in an
//! instruction that is not interrupted (a `memory.fill` of a large memory): it counts for what the thread's own clock
//! says, which the system charges for. The time between a yield and the next poll, when other tasks have the thread, doesn't
//! count. A future that is pending without having yielded waits for the host, and this counts in full.
//!
//! Within a batch a message begins where `batch.next` says so, as of the last tick of the clock. So a message
//! may be charged up to a tick too much; the limits are far above that.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use wasmtime::UpdateDeadline;

use crate::ticker::{TICK, Ticker};

/// Ticks between two yields. The first of them may be nearly over when a slice begins, so a slice takes
/// between one and two milliseconds.
pub(crate) const SLICE: u64 = 2;
/// A slice that takes longer is looked at more closely.
const LONGEST: u64 = 8 * TICK.as_nanos() as u64;

/// The time account of one instance. Only one thread uses it at a time; it is atomic because the guest's
/// store and the future that runs it both hold it.
#[derive(Debug)]
pub(crate) struct Meter {
    ticker: Arc<Ticker>,
    limit: u64,
    used: AtomicU64,
    /// How long the guest ran, and how long it waited for the host, since this was last asked.
    ran: AtomicU64,
    waited: AtomicU64,
    slice_began: AtomicU64,
    /// The same by the thread's own clock, as of the last poll or epoch.
    cpu_at_begin: AtomicU64,
    yielded: AtomicBool,
    over: AtomicBool,
}

/// Why a guest's future ended without a result.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The guest ended by itself or at an epoch.
    Guest(wasmtime::Error),
    /// It waited for the host when its time was over.
    Waiting,
}

impl Meter {
    pub(crate) fn new(ticker: Arc<Ticker>, limit: Duration) -> Self {
        Self {
            ticker,
            limit: u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX),
            used: AtomicU64::new(0),
            ran: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            slice_began: AtomicU64::new(0),
            cpu_at_begin: AtomicU64::new(0),
            yielded: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    /// A new message begins.
    pub(crate) fn restart(&self) {
        self.used.store(0, Ordering::Relaxed);
        let now = self.ticker.coarse();
        let began = self.slice_began.fetch_max(now, Ordering::Relaxed);
        // What came before counts for the messages before.
        self.ran
            .fetch_add(now.saturating_sub(began), Ordering::Relaxed);
    }

    /// How long the guest ran, and how long it waited for the host, since this was last asked.
    pub(crate) fn take(&self) -> (Duration, Duration) {
        let take = |since: &AtomicU64| Duration::from_nanos(since.swap(0, Ordering::Relaxed));
        (take(&self.ran), take(&self.waited))
    }

    /// Whether the limit was hit.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// What the message may still take; called by the running guest.
    pub(crate) fn remaining(&self) -> Duration {
        let used = self
            .used
            .load(Ordering::Relaxed)
            .saturating_add(self.slice());
        Duration::from_nanos(self.limit.saturating_sub(used))
    }

    /// At each epoch: counts, and either ends the guest or makes it yield. Tokio's own `yield_now` is used
    /// because it lets timers and I/O go first, even where the guest's task is the only one of its thread.
    pub(crate) fn at_epoch(&self) -> UpdateDeadline {
        self.count();
        if self.left() == 0 {
            self.over.store(true, Ordering::Relaxed);
            return UpdateDeadline::Interrupt;
        }
        self.yielded.store(true, Ordering::Relaxed);
        UpdateDeadline::YieldCustom(SLICE, Box::pin(tokio::task::yield_now()))
    }

    /// Runs a guest's future under the limit.
    pub(crate) async fn run<T>(
        &self,
        guest: impl Future<Output = wasmtime::Result<T>>,
    ) -> Result<T, Halt> {
        let _running = self.ticker.run();
        self.used.store(0, Ordering::Relaxed);
        let mut guest = pin!(guest);
        let mut time_out = None;
        let mut waits_since = None;
        poll_fn(|context| {
            let now = self.ticker.now();
            if let Some(since) = waits_since.take() {
                let waited = now.saturating_sub(since);
                self.used.fetch_add(waited, Ordering::Relaxed);
                self.waited.fetch_add(waited, Ordering::Relaxed);
            }
            self.begin_slice(now);
            let polled = guest.as_mut().poll(context);
            self.count();
            if let Poll::Ready(result) = polled {
                return Poll::Ready(result.map_err(Halt::Guest));
            }
            if self.yielded.swap(false, Ordering::Relaxed) {
                return Poll::Pending;
            }
            waits_since = Some(self.ticker.now());
            let left = self.left();
            if left == 0 {
                self.over.store(true, Ordering::Relaxed);
                return Poll::Ready(Err(Halt::Waiting));
            }
            // It only has to wake this task: whether the time is over is decided above.
            let sleep = Box::pin(tokio::time::sleep(Duration::from_nanos(left)));
            match time_out.insert(sleep).as_mut().poll(context) {
                Poll::Ready(()) => context.waker().wake_by_ref(),
                Poll::Pending => {}
            }
            Poll::Pending
        })
        .await
    }

    /// Adds the slice up to now to the account and begins another one.
    fn count(&self) {
        let slice = self.slice();
        self.used.fetch_add(slice, Ordering::Relaxed);
        self.ran.fetch_add(slice, Ordering::Relaxed);
        self.begin_slice(self.ticker.now());
    }

    fn begin_slice(&self, now: u64) {
        self.slice_began.store(now, Ordering::Relaxed);
        self.cpu_at_begin.store(cpu(), Ordering::Relaxed);
    }

    /// What the account has left, the slice under way not counted.
    fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used.load(Ordering::Relaxed))
    }

    /// The slice up to now.
    fn slice(&self) -> u64 {
        let began = self.slice_began.load(Ordering::Relaxed);
        let took = self.ticker.now().saturating_sub(began);
        if took <= LONGEST {
            return took;
        }
        let worked = cpu().saturating_sub(self.cpu_at_begin.load(Ordering::Relaxed));
        took.min(worked.max(LONGEST))
    }
}

/// The CPU time of this thread.
fn cpu() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a guest in one long instruction does, which no epoch ends.
    #[test]
    fn a_slice_that_keeps_its_cpu_counts_for_all_that_it_takes() {
        let wasm = wasmtime::Engine::default();
        let ticker = Arc::new(Ticker::start(wasm).unwrap());
        let meter = Meter::new(ticker.clone(), Duration::from_secs(1));
        meter.begin_slice(ticker.now());
        let until = cpu() + 4 * LONGEST;
        while cpu() < until {
            std::hint::black_box(());
        }
        assert!(meter.slice() >= 3 * LONGEST, "{}", meter.slice());
        meter.begin_slice(ticker.now());
        assert!(meter.slice() <= LONGEST);
    }
}

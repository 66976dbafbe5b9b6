//! The clock that interrupts guests: one thread for an engine.
//!
//! Each millisecond it raises the engine's epoch, which compiled code compares with its deadline. While no
//! guest runs it sleeps without a time-out, so that an idle daemon costs nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// How often the epoch rises.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// Ticks without a running guest until the thread rests: calls mostly follow each other closely, and
/// waking the thread costs some microseconds.
const LINGER: u32 = 100;

/// What the thread and the engine share.
#[derive(Debug)]
struct Shared {
    started: Instant,
    /// Nanoseconds since `started` at the last tick.
    coarse: AtomicU64,
    running: AtomicUsize,
    resting: AtomicBool,
    stop: AtomicBool,
}

/// The engine's side of the thread, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

impl Ticker {
    pub(crate) fn start(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            started: Instant::now(),
            coarse: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            resting: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let theirs = shared.clone();
        let thread = thread::Builder::new()
            .name("pelton-epoch".to_owned())
            .spawn(move || tick(&theirs, &engine))?
            .thread()
            .clone();
        Ok(Self { shared, thread })
    }

    /// Nanoseconds since the engine started.
    pub(crate) fn now(&self) -> u64 {
        self.shared.now()
    }

    /// The same, as of the last tick: a plain load, for use at each message.
    pub(crate) fn coarse(&self) -> u64 {
        self.shared.coarse.load(Ordering::Relaxed)
    }

    /// Keeps the epoch rising until the guard is dropped.
    pub(crate) fn run(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.resting.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(self)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// While this lives the epoch rises.
pub(crate) struct Running<'a>(&'a Ticker);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.shared.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn tick(shared: &Shared, engine: &wasmtime::Engine) {
    let mut idle = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        thread::sleep(TICK);
        shared.coarse.store(shared.now(), Ordering::Relaxed);
        engine.increment_epoch();
        if shared.running.load(Ordering::SeqCst) > 0 {
            idle = 0;
            continue;
        }
        idle += 1;
        if idle >= LINGER {
            idle = 0;
            rest(shared);
        }
    }
}

/// Sleeps until a guest runs. `resting` is set before `running` is read, and [`Ticker::run`] does it the
/// other way round, so that one of the two always sees the other.
fn rest(shared: &Shared) {
    shared.resting.store(true, Ordering::SeqCst);
    while shared.running.load(Ordering::SeqCst) == 0 && !shared.stop.load(Ordering::SeqCst) {
        thread::park();
    }
    shared.resting.store(false, Ordering::SeqCst);
}

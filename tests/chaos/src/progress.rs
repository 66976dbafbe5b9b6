//! What everybody in a run knows of it, and the line that is printed of it every second.
//!
//! Invariant: whoever waits has said for what.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// See the module.
pub struct Progress {
    start: Instant,
    /// Messages that the broker acknowledged to the writer.
    pub written: AtomicUsize,
    /// Messages of the output topic, and how many of them are repeats.
    pub out: AtomicUsize,
    pub repeated: AtomicUsize,
    /// What has been done, of how much.
    pub done: AtomicUsize,
    pub planned: AtomicUsize,
    /// What is committed, by partition, as last seen.
    committed: Mutex<Vec<i64>>,
    doing: Mutex<String>,
    over: AtomicBool,
}

impl Progress {
    pub fn new(partitions: usize) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            written: AtomicUsize::new(0),
            out: AtomicUsize::new(0),
            repeated: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            planned: AtomicUsize::new(0),
            committed: Mutex::new(vec![0; partitions]),
            doing: Mutex::new(String::new()),
            over: AtomicBool::new(false),
        })
    }

    /// How long the run has taken so far.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Says what is done or waited for.
    pub fn say(&self, doing: impl Into<String>) {
        *lock(&self.doing) = doing.into();
    }

    /// What was committed when it was last looked at.
    pub fn committed(&self) -> Vec<i64> {
        lock(&self.committed).clone()
    }

    /// Notes what is committed.
    pub fn note_committed(&self, next: &[i64]) {
        lock(&self.committed).clone_from_slice(next);
    }

    /// Messages written and not committed. Offsets of the input topic have no gaps.
    pub fn lag(&self) -> i64 {
        let committed: i64 = lock(&self.committed).iter().sum();
        self.written.load(Ordering::Relaxed) as i64 - committed
    }

    /// Ends the printing, and the threads that look at this.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn line(&self) -> String {
        let read = |number: &AtomicUsize| number.load(Ordering::Relaxed);
        let planned = match read(&self.planned) {
            0 => String::new(),
            planned => format!("/{planned}"),
        };
        format!(
            "{:6.1} s  written {}  out {}  repeated {}  lag {}  done {}{planned}  {}",
            self.elapsed().as_secs_f64(),
            read(&self.written),
            read(&self.out),
            read(&self.repeated),
            self.lag(),
            read(&self.done),
            lock(&self.doing),
        )
    }

    /// Prints the line every second until it is over.
    pub fn print(self: &Arc<Self>) -> JoinHandle<()> {
        let progress = Arc::clone(self);
        thread::spawn(move || {
            while !progress.is_over() {
                println!("{}", progress.line());
                thread::sleep(Duration::from_secs(1));
            }
        })
    }
}

/// Locks, also after a thread has panicked: its panic is reported where it is joined.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since the Unix epoch. The broker is on the same machine, so its timestamps are of the same clock.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

//! What the process holds, and a watchdog that names the entry it hangs at.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

type Round = Option<(String, Instant)>;

/// Ends the process, or whatever it is told to do, when a round takes too long.
pub struct Watchdog(Arc<Mutex<Round>>);

impl Watchdog {
    /// `ended` is told the entry's name.
    pub fn start(limit: Duration, ended: impl Fn(&str) + Send + 'static) -> Self {
        let round = Arc::new(Mutex::new(None));
        let seen = Arc::downgrade(&round);
        thread::spawn(move || watch(&seen, limit, ended));
        Self(round)
    }

    /// A round begins.
    pub fn begin(&self, name: &str) {
        // Where to look when the process was ended by something else.
        let _ = fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/hostile-entry"), name);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((name.to_owned(), Instant::now()));
    }

    /// The round is over.
    pub fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn watch(round: &Weak<Mutex<Round>>, limit: Duration, ended: impl Fn(&str)) {
    while let Some(round) = round.upgrade() {
        let name = match &*round.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((name, since)) if since.elapsed() > limit => Some(name.clone()),
            _ => None,
        };
        if let Some(name) = name {
            ended(&name);
            return;
        }
        drop(round);
        thread::sleep(limit.min(Duration::from_millis(100)));
    }
}

/// What the process holds just now.
#[derive(Clone, Copy, Debug)]
pub struct Holdings {
    pub resident_bytes: usize,
    pub descriptors: usize,
    pub threads: usize,
}

impl Holdings {
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let number = |name: &str| -> usize {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .and_then(|rest| rest.split_whitespace().next())
                .and_then(|word| word.parse().ok())
                .unwrap_or(0)
        };
        Self {
            resident_bytes: number("VmRSS:") * 1024,
            descriptors: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            threads: number("Threads:"),
        }
    }
}

#[test]
fn a_round_that_hangs_is_named() {
    let (told, hears) = std::sync::mpsc::channel();
    let watchdog = Watchdog::start(Duration::from_millis(20), move |name| {
        let _ = told.send(name.to_owned());
    });
    watchdog.begin("short");
    watchdog.end();
    thread::sleep(Duration::from_millis(60));
    assert!(hears.try_recv().is_err());
    watchdog.begin("hanging");
    let named = hears.recv_timeout(Duration::from_secs(10));
    assert_eq!(named.as_deref(), Ok("hanging"));
}

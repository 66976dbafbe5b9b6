//! What `pelton dev` does when a revision begins to run and when it has answered its first message.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use pelton_daemon::{Seen, Step};
use pelton_types::RevisionId;
use tokio::sync::mpsc;
use tracing::info;

use super::feeder::Feeder;

/// When the compiler was last done with each handler's source.
#[derive(Clone, Default)]
pub(super) struct Compiled(Arc<Mutex<HashMap<String, Instant>>>);

impl Compiled {
    /// It is now.
    pub(super) fn done(&self, handler: &str) {
        self.0.lock().insert(handler.to_owned(), Instant::now());
    }

    /// What came out runs already.
    pub(super) fn forget(&self, handler: &str) {
        self.0.lock().remove(handler);
    }

    /// Of the build that this swap came from.
    fn take_before(&self, handler: &str, swap: Instant) -> Option<Instant> {
        let mut times = self.0.lock();
        times.get(handler).filter(|done| **done <= swap)?;
        times.remove(handler)
    }
}

/// A revision that runs and has answered nothing yet.
struct Awaited {
    revision: RevisionId,
    swapped: Instant,
    compiled: Option<Instant>,
}

/// Looks on.
pub(super) struct Looking {
    pub compiled: Compiled,
    pub feeder: Option<Feeder>,
}

impl Looking {
    /// Until the daemon ends.
    pub(super) async fn run(mut self, mut seen: mpsc::Receiver<Seen>) {
        let mut awaited = HashMap::new();
        loop {
            tokio::select! {
                step = seen.recv() => match step {
                    Some(step) => self.saw(step, &mut awaited),
                    None => return,
                },
                () = told(self.feeder.as_ref()) => {}
            }
        }
    }

    fn saw(&mut self, seen: Seen, awaited: &mut HashMap<String, Awaited>) {
        match seen.what {
            Step::Runs => {
                let begun = Awaited {
                    revision: seen.revision,
                    swapped: seen.at,
                    compiled: self.compiled.take_before(&seen.handler, seen.at),
                };
                if let Some(feeder) = &mut self.feeder {
                    feeder.feed(&seen.handler);
                }
                awaited.insert(seen.handler, begun);
            }
            Step::Answered => {
                let begun = awaited.remove(&seen.handler);
                if let Some(begun) = begun.filter(|begun| begun.revision == seen.revision) {
                    tell(&seen, &begun);
                }
            }
        }
    }
}

/// Says how long the first answer took. Where no message waited, most of it is the wait for one.
fn tell(seen: &Seen, begun: &Awaited) {
    let (handler, revision) = (&seen.handler, seen.revision);
    let since = |earlier: Instant| milliseconds(seen.at.saturating_duration_since(earlier));
    let after_swap = since(begun.swapped);
    match begun.compiled.map(since) {
        Some(after_compiler) => info!(handler, %revision, ?after_compiler, ?after_swap,
            "revision has answered its first message"),
        None => info!(handler, %revision, ?after_swap, "revision has answered its first message"),
    }
}

fn milliseconds(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Waits for what became of messages that were fed, for ever where none are.
async fn told(feeder: Option<&Feeder>) {
    match feeder {
        Some(feeder) => feeder.deliveries().await,
        None => std::future::pending().await,
    }
}

//! Whether the loops of the process move: what `/livez` and systemd's watchdog answer from.
//!
//! Each loop counts its turns. Once a second, on the control side, whoever keeps watch looks whether it has turned since;
//! one that has not for so many looks in a row hangs. Looks are counted instead of seconds: whatever stops the process as
//! a whole (SIGSTOP, a suspended machine), or sets its clock, makes nobody look and so nobody hang.
//!
//! Invariant: what is watched turns every few seconds while it is well, also while it is idle, brokers are away and
//! groups are shared out anew; `pelton_kafka::Turns` says how.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use pelton_kafka::Turns;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

/// How often it looks, and the guests' threads tick.
const EVERY: Duration = Duration::from_secs(1);
/// After so many looks without a turn a loop hangs. Longer than any wait of one that is well.
const LOOKS: u32 = 30;

/// The loops of the process. Copies are the same.
#[derive(Clone, Debug, Default)]
pub struct Liveness(Arc<Mutex<Vec<Watched>>>);

impl Liveness {
    /// Watches a loop from now on: what it is, for people, and how often it has turned, or `None` once it has ended.
    pub(crate) fn watch(
        &self,
        what: String,
        turns: impl Fn() -> Option<u64> + Send + Sync + 'static,
    ) {
        let seen = turns();
        let turns = Box::new(turns);
        self.0.lock().push(Watched {
            what,
            turns,
            seen,
            still: 0,
        });
    }

    /// Watches a thread of one of a handler's clients.
    pub(crate) fn watch_client(&self, thread: &str, handler: &str, turns: Turns) {
        let what = format!("the thread {thread} of handler {handler}");
        self.watch(what, move || turns.count());
    }

    /// What hangs, a line each, with what to do; empty while everything moves.
    pub fn hung(&self) -> Vec<String> {
        let all = self.0.lock();
        let hung = all.iter().filter(|watched| watched.hangs());
        hung.map(Watched::to_string).collect()
    }

    /// Looks whether they have turned, and forgets those that have ended.
    fn look(&self) {
        self.0.lock().retain_mut(Watched::look);
    }
}

/// One loop.
struct Watched {
    what: String,
    turns: Box<dyn Fn() -> Option<u64> + Send + Sync>,
    /// Its turns at the last look.
    seen: Option<u64>,
    /// Looks since it has turned.
    still: u32,
}

impl Watched {
    /// Whether it is to be looked at again.
    fn look(&mut self) -> bool {
        let turns = (self.turns)();
        if turns.is_some() && turns == self.seen {
            self.still = self.still.saturating_add(1);
            if self.still == LOOKS {
                error!("{self}");
            }
            return true;
        }
        if self.hangs() {
            info!("{} moves again, after {} s", self.what, self.still);
        }
        self.seen = turns;
        self.still = 0;
        turns.is_some()
    }

    fn hangs(&self) -> bool {
        self.still >= LOOKS
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} has not moved for {} s; restart the daemon: nothing is lost, and what is in flight is repeated",
            self.what, self.still
        )
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Keeps watch until it is dropped. Looks that were missed are not made up for.
pub(crate) async fn keep_watch(liveness: Liveness) {
    let mut looks = interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        liveness.look();
    }
}

/// Turns for as long as the runtime that it runs on moves.
pub(crate) async fn tick(turns: Arc<AtomicU64>) {
    let mut ticks = interval(EVERY);
    loop {
        ticks.tick().await;
        turns.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loop that is watched, and its count.
    fn watched() -> (Liveness, Arc<AtomicU64>) {
        let (liveness, count) = (Liveness::default(), Arc::new(AtomicU64::new(0)));
        let held = Arc::downgrade(&count);
        let turns = move || Some(held.upgrade()?.load(Ordering::Relaxed));
        liveness.watch("the thread t".to_owned(), turns);
        (liveness, count)
    }

    fn look(liveness: &Liveness, times: u32) {
        (0..times).for_each(|_| liveness.look());
    }

    #[test]
    fn a_loop_that_does_not_turn_hangs_until_it_does() {
        let (liveness, count) = watched();
        look(&liveness, LOOKS - 1);
        assert!(liveness.hung().is_empty());
        look(&liveness, 1);
        let told = "the thread t has not moved for 30 s; restart the daemon";
        assert!(liveness.hung()[0].starts_with(told));
        look(&liveness, 12);
        assert!(liveness.hung()[0].contains("for 42 s"));
        count.fetch_add(1, Ordering::Relaxed);
        assert_eq!(liveness.hung().len(), 1, "nobody has looked yet");
        look(&liveness, 1);
        assert!(liveness.hung().is_empty());
        look(&liveness, LOOKS);
        assert_eq!(liveness.hung().len(), 1, "it hangs again");
    }

    #[test]
    fn a_loop_that_turns_now_and_then_never_hangs() {
        let (liveness, count) = watched();
        for _ in 0..5 {
            look(&liveness, LOOKS - 1);
            count.fetch_add(1, Ordering::Relaxed);
            look(&liveness, 1);
            assert!(liveness.hung().is_empty());
        }
    }

    #[test]
    fn a_loop_that_has_ended_is_forgotten() {
        let (liveness, count) = watched();
        let other = Arc::new(AtomicU64::new(0));
        let turns = other.clone();
        liveness.watch("another".to_owned(), move || {
            Some(turns.fetch_add(1, Ordering::Relaxed))
        });
        look(&liveness, LOOKS);
        assert_eq!(liveness.hung().len(), 1);
        drop(count);
        look(&liveness, 2 * LOOKS);
        assert!(liveness.hung().is_empty());
        assert_eq!(liveness.0.lock().len(), 1, "the other one is watched still");
    }
}

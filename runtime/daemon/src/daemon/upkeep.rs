//! What a daemon looks after beside its handlers: whether the system's clock was set, whether compiled code can be
//! kept, and whether the daemon itself stood still. Each is said once when it begins and once when it is over; that it
//! stood still is known only when it goes on.

use std::time::Duration;

use pelton_engine::CompilationCounts;
use tokio::{
    task::spawn_blocking,
    time::{self, Instant, MissedTickBehavior},
};
use tracing::{info, warn};

use crate::{
    clock::Clock,
    troubles::{About, Troubles},
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// Every so many looks it is tried whether what could not be kept could be now.
const TRIES: u32 = 10;
/// How far the clocks may be apart, in milliseconds: a leap second is none of anybody's business.
const APART: i64 = 10_000;
/// How much later than it should it looks when something else than a busy machine kept it.
const LATE: Duration = Duration::from_secs(5);

/// Goes on until it is dropped.
pub(super) async fn upkeep(clock: Clock, compiled: CompilationCounts, troubles: Troubles) {
    let mut looks = time::interval(EVERY);
    // What was missed need not be made up for.
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for look in 0_u32.. {
        let since = Instant::now();
        looks.tick().await;
        look_at_wait(since.elapsed());
        look_at_clock(clock.system_ahead(), &troubles);
        if look.is_multiple_of(TRIES) && compiled.unkept().is_some() {
            let again = compiled.clone();
            // Where that can't be tried, it is as before.
            let _ = spawn_blocking(move || again.try_to_keep()).await;
        }
        look_at_cache(compiled.unkept(), &troubles);
    }
}

/// By a clock that nobody sets, and that stands still while the machine is suspended, which is the system clock's matter.
fn look_at_wait(waited: Duration) {
    if let Some(still) = stood_still(waited) {
        warn!(
            "the daemon stood still for {} s: it was frozen (by a signal, a debugger), or got no time of a CPU; if that was \
             longer than its session, others have its partitions by now",
            still.as_secs()
        );
    }
}

/// For how long, where it waited for so long for what comes each second.
fn stood_still(waited: Duration) -> Option<Duration> {
    waited.checked_sub(EVERY).filter(|late| *late >= LATE)
}

fn look_at_clock(ahead: i64, troubles: &Troubles) {
    if ahead.abs() < APART {
        if troubles.clear(About::Clock) {
            info!("the system's clock and the daemon's are together again");
        }
        return;
    }
    let (seconds, where_to) = (
        ahead.abs() / 1000,
        if ahead > 0 { "ahead of" } else { "behind" },
    );
    let text = format!(
        "the system's clock is {seconds} s {where_to} the daemon's, which never jumps: it was set, or the machine was \
         suspended; retries and what is told here go by the daemon's until it is restarted"
    );
    if troubles.set(About::Clock, text.clone()) {
        warn!("{text}");
    }
}

/// The cache has said it itself.
fn look_at_cache(unkept: Option<String>, troubles: &Troubles) {
    match unkept {
        Some(why) => troubles.set(
            About::Cache,
            format!("compiled code can't be kept, so the next start compiles anew: {why}"),
        ),
        None => troubles.clear(About::Cache),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_was_kept_for_seconds_stood_still_and_a_busy_one_did_not() {
        assert_eq!(
            stood_still(Duration::ZERO),
            None,
            "another look took longer"
        );
        assert_eq!(stood_still(Duration::from_millis(5_999)), None);
        let still = stood_still(Duration::from_millis(41_700));
        assert_eq!(still.map(|still| still.as_secs()), Some(40));
    }

    #[test]
    fn a_clock_that_was_set_is_told_until_it_is_set_back() {
        let troubles = Troubles::default();
        let said = |ahead| {
            look_at_clock(ahead, &troubles);
            troubles.all().into_values().next()
        };
        assert_eq!(said(9_999), None);
        assert!(said(3_600_000).is_some_and(|text| text.contains("3600 s ahead of the daemon's")));
        assert!(said(-60_500).is_some_and(|text| text.contains("60 s behind the daemon's")));
        assert_eq!(said(-1_000), None);
    }
}

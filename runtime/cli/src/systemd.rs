//! What systemd is told, where it listens.

use sd_notify::NotifyState;
use tracing::warn;

/// Tells it, if it started this process and wants to know.
pub(crate) fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "systemd can't be told");
    }
}

/// Tells it twice in each `WatchdogSec` that the loops of the control side still move, for as long as they do: also
/// while the daemon drains, which is no hang.
pub(crate) async fn beat() {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut ticks = tokio::time::interval(patience / 2);
    loop {
        ticks.tick().await;
        notify(&[NotifyState::Watchdog]);
    }
}

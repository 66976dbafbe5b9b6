//! What systemd is told, where it listens.
//!
//! Its socket takes a few words and then holds whoever speaks until they were heard. So that is done where it holds up
//! nobody: a daemon drains and answers also while systemd hangs.

use std::{io, time::Duration};

use pelton_daemon::Liveness;
use sd_notify::NotifyState;
use tokio::{task::spawn_blocking, time::timeout};
use tracing::warn;

/// How long to wait until something was heard.
const A_MOMENT: Duration = Duration::from_secs(1);

/// Tells it, if it started this process and wants to know, and waits a moment until it has heard.
pub(crate) async fn notify(states: Vec<NotifyState<'static>>) {
    match timeout(A_MOMENT, tell(states)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "systemd can't be told"),
        Err(_) => warn!("systemd does not listen"),
    }
}

/// Tells it twice in each `WatchdogSec` that the loops still move, for as long as they do: those of the control side,
/// because they tell it, and all others. Also while the daemon drains, which is no hang.
pub(crate) async fn beat(liveness: Liveness) {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut ticks = tokio::time::interval(patience / 2);
    loop {
        ticks.tick().await;
        if !liveness.hung().is_empty() {
            continue;
        }
        // However long that takes, so that no more than one is under way.
        if let Err(error) = tell(vec![NotifyState::Watchdog]).await {
            warn!(%error, "systemd can't be told");
        }
    }
}

async fn tell(states: Vec<NotifyState<'static>>) -> io::Result<()> {
    let telling = spawn_blocking(move || sd_notify::notify(&states));
    telling.await.map_err(io::Error::other)?
}

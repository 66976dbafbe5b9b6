//! A daemon with a handler of each kind, which tests look at and change nothing of.

use std::sync::OnceLock;

use anyhow::Result;
use pelton_harness::{DaemonOptions, Draft, Stage, TestCluster, TestDaemon, orders, wait};

use crate::{HOSTILE, LIMIT};

/// Messages that the calm handler gets.
pub const CALM: usize = 300;

/// The daemon and its handlers.
pub struct Office {
    pub daemon: TestDaemon,
    /// Has nothing to do any more.
    pub calm: Stage,
    /// Fails with its first message again and again, and says something hostile.
    pub stuck: Stage,
    /// Its component isn't there.
    pub waiting: Stage,
}

/// The one of this test process.
#[expect(
    clippy::panic,
    reason = "a daemon that can't be started fails the tests"
)]
pub fn office() -> &'static Office {
    static OFFICE: OnceLock<Office> = OnceLock::new();
    OFFICE.get_or_init(|| begin().unwrap_or_else(|error| panic!("{error:?}")))
}

fn begin() -> Result<Office> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let calm = Stage::new(cluster, "calm", 3)?;
    let mut stuck = Stage::new(cluster, "stuck", 1)?;
    // Brokers let groups be called anything; only one that writes dead letters makes a topic's name of it.
    stuck.group = format!("{}{HOSTILE}", stuck.group);
    let waiting = Stage::new(cluster, "waits", 1)?;
    // Not again while tests look on, however slowly: they see the second attempt waited for.
    let later = r#"retry = { attempts = 1000, backoff = "12h", max-backoff = "12h" }
dead-letter = { on-exhausted = "stop" }"#;
    let hostile = stuck
        .handler_config("misbehave", later)
        .replace(&stuck.group, &stuck.group.replace('"', "\\\""));
    let text = [
        calm.config("passthrough", ""),
        hostile,
        waiting.handler_config("nowhere", ""),
    ];
    // It is never dropped, so that nothing would be replayed.
    let daemon = DaemonOptions::new("office")?
        .component("passthrough")?
        .component("misbehave")?
        .config(&text.concat())?
        .unrecorded()
        .start()?;
    client.produce(&calm.input, &orders(CALM))?;
    let bad = Draft::new("k", format!("fail:{HOSTILE}"));
    client.produce(&stuck.input, &[bad, Draft::new("k", "x")])?;
    client.wait_for_all_committed(&calm.group, &calm.input, LIMIT)?;
    wait::until_true("the stuck handler to fail", LIMIT, || {
        Ok(daemon.log_count("attempt failed") > 0)
    })?;
    Ok(Office {
        daemon,
        calm,
        stuck,
        waiting,
    })
}

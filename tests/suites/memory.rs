//! `[daemon] memory` bounds what the whole process holds of messages (delivery rule 38): eight handlers, a
//! backlog of a multiple of the bound, and components that are slow.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use pelton_harness::{
    Client, DaemonOptions, Draft, TestCluster, TestDaemon, cluster::unique, usage, wait,
};

const LIMIT: Duration = Duration::from_secs(240);
const MIB: u64 = 1 << 20;
const PARTITIONS: i32 = 12;
const HANDLERS: usize = 8;
/// A mebibyte less what a batch takes besides, so that brokers take it as they are.
const VALUE: usize = (1 << 20) - 1024;
/// As many as work off no more than a fraction of the backlog while it is watched, whatever the machine has.
const WORKERS: usize = 2;
/// How long the daemon is watched under load.
const WATCHED: Duration = Duration::from_secs(35);

/// Handlers that read one topic, each in a group of its own, and write another.
struct Crowd {
    client: Client,
    input: String,
    groups: Vec<String>,
    daemon: TestDaemon,
}

impl Crowd {
    fn start(name: &str, handlers: usize, memory: &str) -> Result<Self> {
        let cluster = TestCluster::shared();
        let input = cluster.create_topic(&format!("{name}-in"), PARTITIONS, &[])?;
        let output = cluster.create_topic(&format!("{name}-out"), PARTITIONS, &[])?;
        let groups: Vec<String> = (0..handlers).map(|_| unique(name)).collect();
        let mut config = format!(
            "[clusters.default]\nbootstrap-servers = [{:?}]\n[daemon]\nmemory = {memory:?}\nworker-threads = {WORKERS}\n",
            cluster.bootstrap()
        );
        for group in &groups {
            config += &format!(
                r#"
[handlers.{group}]
component = "misbehave.wasm"
topics = [{input:?}]
outputs = [{output:?}]
group = {group:?}
commit-interval = "200ms"
limits = {{ time-per-message = "120s" }}
dead-letter = {{ on-exhausted = "stop" }}
"#
            );
        }
        let mut daemon = DaemonOptions::new(name)?
            .component("misbehave")?
            .config(&config)?
            .start()?;
        daemon.wait_for_log_times("partitions assigned", handlers, LIMIT)?;
        daemon.wait_ready(LIMIT)?;
        Ok(Self {
            client: cluster.client()?,
            input,
            groups,
            daemon,
        })
    }

    /// Puts so many large messages into each partition; each begins with this command.
    fn produce(&self, each: usize, command: &str) -> Result<()> {
        let mut value = format!("{command}\n").into_bytes();
        value.resize(VALUE, b'x');
        for _ in 0..each {
            let drafts: Vec<Draft> = (0..PARTITIONS)
                .map(|partition| Draft::new("k", value.clone()).partition(partition))
                .collect();
            self.client.produce(&self.input, &drafts)?;
        }
        Ok(())
    }

    /// How many partitions, of all handlers, have committed so many messages.
    fn moved(&self, messages: i64) -> Result<usize> {
        let mut moved = 0;
        for group in &self.groups {
            let committed = self.client.committed(group, &self.input)?;
            moved += committed
                .into_iter()
                .filter(|next| next.is_some_and(|next| next >= messages))
                .count();
        }
        Ok(moved)
    }

    fn wait_until_all_moved(&self, messages: i64) -> Result<()> {
        let all = self.groups.len() * PARTITIONS as usize;
        wait::until_true("every partition of every handler to move", LIMIT, || {
            Ok(self.moved(messages)? == all)
        })
    }
}

#[test]
fn eight_slow_handlers_with_a_backlog_of_large_messages_stay_within_the_bound() -> Result<()> {
    let bound = 256 * MIB;
    let crowd = Crowd::start("memory", HANDLERS, "256 MiB")?;
    thread::sleep(Duration::from_secs(3));
    let idle = usage::memory(crowd.daemon.id(), "VmRSS")?;
    // Produced while the daemon works, and faster than it does: what it can't hold is its backlog.
    crowd.produce(50, "slow:100")?;
    let watched = Instant::now();
    let mut highest = 0;
    let mut samples = Vec::new();
    while watched.elapsed() < WATCHED {
        let now = usage::memory(crowd.daemon.id(), "VmRSS")?;
        highest = highest.max(now);
        samples.push(now / MIB);
        thread::sleep(Duration::from_millis(500));
    }
    let peak = usage::memory(crowd.daemon.id(), "VmHWM")?;
    crowd.wait_until_all_moved(1)?;
    let left = crowd.daemon.metric("pelton_lag_messages", &[])?;
    println!(
        "bound {} MiB: idle {} MiB, highest sample {} MiB, peak {} MiB, {left} messages left; samples in MiB: {samples:?}",
        bound / MIB,
        idle / MIB,
        highest / MIB,
        peak / MIB
    );
    ensure!(
        left * VALUE as f64 > 4.0 * bound as f64,
        "the backlog of {left} messages was never a multiple of the bound"
    );
    let allowed = bound / 10 * 12 + idle;
    ensure!(
        peak <= allowed,
        "{} MiB at the peak, and {} MiB are allowed ({} MiB idle)",
        peak / MIB,
        allowed / MIB,
        idle / MIB
    );
    Ok(())
}

#[test]
fn a_bound_too_small_for_one_message_of_each_partition_lets_all_of_them_move() -> Result<()> {
    let crowd = Crowd::start("memory-small", HANDLERS, "16 MiB")?;
    crowd.produce(3, "at once")?;
    crowd.wait_until_all_moved(3)?;
    println!(
        "bound 16 MiB: peak {} MiB",
        usage::memory(crowd.daemon.id(), "VmHWM")? / MIB
    );
    Ok(())
}

//! One group over more and more daemons: Kafka's own groups share the partitions out, and a member that
//! is killed is replaced by one that had nothing to do.

use std::time::Duration;

use anyhow::{Context, Result};
use pelton_harness::{Copies, Stage, TestCluster, TestDaemon, orders, stage::MISSED_SOON};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn four_partitions_spread_over_one_two_four_and_five_daemons() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let mut stage = Stage::new(cluster, "order-processing", 4)?;
    stage.group = "order-processing-service".to_owned();
    let start = || -> Result<TestDaemon> { stage.daemon("passthrough", MISSED_SOON)?.start() };
    let drafts = orders(2_000);
    let mut sent = 0;
    let mut send = |count: usize| -> Result<()> {
        client.produce(&stage.input, &drafts[sent..sent + count])?;
        sent += count;
        client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)
    };
    let shares = |wanted: &[usize]| client.wait_for_shares(&stage.group, wanted, LIMIT);

    let mut daemons = vec![start()?];
    shares(&[4])?;
    send(400)?;
    daemons.push(start()?);
    shares(&[2, 2])?;
    send(400)?;
    daemons.push(start()?);
    daemons.push(start()?);
    shares(&[1, 1, 1, 1])?;
    send(400)?;
    daemons.push(start()?);
    shares(&[1, 1, 1, 1, 0])?;
    send(400)?;

    let working = daemons
        .iter_mut()
        .find(|daemon| fetched(daemon) > 0)
        .context("nobody fetches anything")?;
    working.kill();
    // The one that idled has taken over: each of the four that are left has one.
    shares(&[1, 1, 1, 1])?;
    send(400)?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).at_least_once()
}

/// How many partitions' worth of work a daemon has: those it reports a committed offset of.
fn fetched(daemon: &TestDaemon) -> usize {
    let metrics = daemon
        .get("/metrics")
        .map(|response| response.body)
        .unwrap_or_default();
    metrics
        .lines()
        .filter(|line| line.starts_with("pelton_committed_offset{"))
        .count()
}

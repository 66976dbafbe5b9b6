//! How long a daemon is a member of its group: while its handler is slow, and until somebody takes its name.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pelton_harness::{Draft, Stage, TestCluster};

const LIMIT: Duration = Duration::from_secs(60);
/// The slow messages' time is the guest's own, and a busy machine gives it less.
const SLOW_LIMIT: Duration = Duration::from_secs(180);

/// librdkafka's least, which is the session's time-out, which is the least the broker takes.
const SHORT_POLLS: &str = r#"limits = { time-per-message = "30s" }
consumer-properties = { "max.poll.interval.ms" = 6000, "session.timeout.ms" = 6000 }"#;

#[test]
fn a_handler_slower_than_the_poll_interval_keeps_its_partition_and_repeats_nothing() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "slower", 1)?);
    let mut daemon = stage.daemon("misbehave", SHORT_POLLS)?.start()?;
    let values = ["slow:8000", "slow:7000", "after"];
    let drafts = values.map(|value| Draft::new("k", value));
    client.produce(&stage.input, &drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, SLOW_LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    let came: Vec<_> = outputs.iter().map(|output| output.value_text()).collect();
    assert_eq!(came, values, "in order, nothing twice");
    assert_eq!(daemon.log_count("partitions assigned"), 1, "no second join");
    assert_eq!(daemon.log_count("partitions lost"), 0);
    assert_eq!(daemon.stop(LIMIT)?, 0);
    Ok(())
}

/// Starts a second daemon under the instance id of the first; the one that has to go says why and ends with 1,
/// the other one reads on.
fn one_gives_way(protocol: &str) -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "namesakes", 1)?);
    let more = format!("group-protocol = \"{protocol}\"\ninstance-id = \"the-same\"");
    let mut daemons = vec![stage.daemon("passthrough", &more)?.start()?];
    daemons[0].wait_for_log("partitions assigned", LIMIT)?;
    daemons.push(stage.daemon("passthrough", &more)?.start()?);
    pelton_harness::wait::until_true("one of the two to end", LIMIT, || {
        Ok(daemons.iter_mut().any(|daemon| !daemon.is_running()))
    })?;
    let gone = daemons.iter_mut().position(|daemon| !daemon.is_running());
    let mut gone = daemons.remove(gone.context("one has ended")?);
    assert_eq!(gone.wait_exit(LIMIT)?.code(), Some(1));
    ensure!(
        gone.log_count("uses the instance id `the-same`") > 0,
        "it doesn't say why: {}",
        gone.tail(20)
    );
    client.produce(&stage.input, &[Draft::new("k", "v")])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    assert_eq!(daemons[0].stop(LIMIT)?, 0);
    Ok(())
}

#[test]
fn of_two_members_of_one_instance_id_one_ends_and_says_why() -> Result<()> {
    one_gives_way("cooperative")
}

#[test]
fn of_two_members_of_one_instance_id_one_ends_and_says_why_by_the_brokers_own_protocol()
-> Result<()> {
    one_gives_way("consumer")
}

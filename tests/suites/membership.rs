//! Membership of a group: a slow handler keeps it, a static member keeps its partitions through a restart, two
//! that claim the same name are told apart, and a commit that is refused is made again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pelton_harness::{Client, Copies, DaemonOptions, Draft, Stage, TestCluster, orders};

const LIMIT: Duration = Duration::from_secs(60);

/// A static member's line of a handler's table.
const STATIC: &str = r#"instance-id = "one""#;

/// Writes these messages and waits until they are committed.
fn pass(client: &Client, stage: &Stage, drafts: &[Draft]) -> Result<()> {
    client.produce(&stage.input, drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)
}

/// The generation that the group is in.
fn generation(cluster: &TestCluster, stage: &Stage) -> Result<u32> {
    let generation = cluster.generation(&stage.group);
    generation.context("the coordinator never spoke of the group")
}

/// A daemon that must poll every six seconds, and may take twenty for a message.
fn hasty(stage: &Stage) -> Result<DaemonOptions> {
    stage.daemon(
        "misbehave",
        r#"limits = { time-per-message = "20s" }
consumer-properties = { "max.poll.interval.ms" = 6000, "session.timeout.ms" = 6000, "heartbeat.interval.ms" = 500 }"#,
    )
}

#[test]
fn a_handler_slower_than_the_poll_interval_loses_nothing_and_does_not_bounce_the_group()
-> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "slow-poll", 1)?);
    let mut daemon = hasty(&stage)?.start()?;
    pass(&client, &stage, &[Draft::new("k", "before")])?;
    let generation_before = generation(cluster, &stage)?;
    // One message that takes longer than the interval, and then many that together do.
    let mut drafts = vec![Draft::new("k", "slow:8000")];
    drafts.extend((0..14).map(|n| Draft::new(format!("key-{n}"), format!("slow:{}", 500 + n))));
    pass(&client, &stage, &drafts)?;
    drafts.insert(0, Draft::new("k", "before"));
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()?;
    assert_eq!(generation(cluster, &stage)?, generation_before);
    ensure!(
        daemon.log_count("partitions assigned") == 1,
        "the daemon was assigned its partition more than once"
    );
    assert_eq!(daemon.stop(LIMIT)?, 0);
    Ok(())
}

#[test]
fn a_static_member_that_is_restarted_causes_no_rebalance() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "static", 4)?);
    let mut daemon = stage.daemon("passthrough", STATIC)?.start()?;
    let drafts = orders(900);
    pass(&client, &stage, &drafts[..300])?;
    let generation_before = generation(cluster, &stage)?;
    assert_eq!(daemon.stop(LIMIT)?, 0);
    daemon.restart()?;
    pass(&client, &stage, &drafts[300..600])?;
    Copies::of(&drafts[..600], &client.read_all(&stage.output)?).exactly_once()?;
    daemon.kill();
    daemon.restart()?;
    pass(&client, &stage, &drafts[600..])?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).at_least_once()?;
    assert_eq!(generation(cluster, &stage)?, generation_before);
    Ok(())
}

#[test]
fn of_two_daemons_with_one_instance_id_the_older_ends_and_says_why() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "namesake", 2)?);
    let mut older = stage.daemon("passthrough", STATIC)?.start()?;
    let drafts = orders(600);
    pass(&client, &stage, &drafts[..300])?;
    let mut newer = stage.daemon("passthrough", STATIC)?.start()?;
    let code = older.wait_exit(LIMIT)?.code();
    assert_eq!(
        code,
        Some(1),
        "a daemon whose handlers all failed ends with 1"
    );
    let plain = format!(
        "another member of group `{}` uses the instance id `one`",
        stage.group
    );
    ensure!(older.log_count(&plain) > 0, "it doesn't say why");
    pass(&client, &stage, &drafts[300..])?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).at_least_once()?;
    ensure!(newer.is_running(), "the newer one has ended too");
    newer.wait_ready(LIMIT)
}

/// A member that was killed comes back before its session has run out: the broker refuses it until then.
#[test]
fn by_the_brokers_own_protocol_an_instance_id_that_is_held_is_waited_for() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "held", 2)?);
    let config = format!("{STATIC}\ngroup-protocol = \"consumer\"");
    let mut daemon = stage.daemon("passthrough", &config)?.start()?;
    let drafts = orders(600);
    pass(&client, &stage, &drafts[..300])?;
    daemon.kill();
    daemon.restart()?;
    daemon.wait_for_log("still holds the instance id `one`", LIMIT)?;
    pass(&client, &stage, &drafts[300..])?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).at_least_once()?;
    daemon.wait_ready(LIMIT)
}

#[test]
fn a_commit_that_is_refused_while_messages_flow_is_made_again() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "refused", 1)?);
    let mut daemon = stage.daemon("misbehave", "")?.start()?;
    // Fetched at once and worked on for 25 s, so that there is something to commit when that is forbidden.
    let drafts: Vec<Draft> = (0..250)
        .map(|n| Draft::new(format!("key-{n}"), "slow:100").header("n", n.to_string()))
        .collect();
    client.produce(&stage.input, &drafts)?;
    daemon.wait_for_log("partitions assigned", LIMIT)?;
    // Who may not read a topic may not commit for it either.
    cluster.forbid_reading(&stage.input)?;
    daemon.wait_for_log("commit failed; it is tried again", LIMIT)?;
    cluster.allow_all(&stage.input)?;
    pass(&client, &stage, &[Draft::new("later", "later")])?;
    let outputs = client.read_all(&stage.output)?;
    let numbers: Vec<_> = outputs.iter().map(|output| output.header("n")).collect();
    let wanted: Vec<_> = (0..250)
        .map(|n| Some(n.to_string()))
        .chain([None])
        .collect();
    assert_eq!(
        numbers, wanted,
        "not every message came out once and in order"
    );
    daemon.wait_ready(LIMIT)?;
    assert_eq!(daemon.stop(LIMIT)?, 0);
    Ok(())
}

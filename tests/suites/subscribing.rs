//! What a handler is subscribed to, by which protocol, and where it begins.

use std::time::Duration;

use anyhow::{Result, ensure};
use pelton_harness::{
    Client, Copies, Draft, Stage, TestCluster, TestDaemon, Version, orders, wait,
};

const LIMIT: Duration = Duration::from_secs(60);

/// A pattern takes both topics, and when a second member joins and the first one leaves under load,
/// nothing is lost or repeated.
fn hands_over_by(protocol: &str) -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, protocol, 3)?);
    let second = format!("{}-more", stage.input);
    cluster.create_topic_named(&second, 2, &[])?;
    let listed = format!("topics = [\"{}\"]", stage.input);
    let pattern = format!("topics = \"^{}.*\"", stage.input);
    let line = format!("group-protocol = \"{protocol}\"");
    let config = stage
        .config("passthrough", &line)
        .replace(&listed, &pattern);
    let drafts = orders(6_000);
    let mut first = stage.daemon("passthrough", "")?.config(&config)?.start()?;
    let place = |part: std::ops::Range<usize>| -> Result<()> {
        let (one, other) = drafts[part.clone()].split_at(part.len() / 2);
        client.produce(&stage.input, one)?;
        client.produce(&second, other).map(drop)
    };
    place(0..2_000)?;
    let mut next = stage.daemon("passthrough", "")?.config(&config)?.start()?;
    place(2_000..4_000)?;
    next.wait_for_log(&format!("partitions={}", stage.input), LIMIT)?;
    ensure!(
        first.stop(LIMIT)? == 0,
        "the first member's drain completes"
    );
    place(4_000..6_000)?;
    finish(&client, &stage, &second)?;
    let copies = Copies::of(&drafts, &client.read_all(&stage.output)?);
    ensure!(
        copies.strangers == 0,
        "{} outputs nobody knows",
        copies.strangers
    );
    let odd = copies.counts.iter().filter(|count| **count != 1).count();
    ensure!(
        odd == 0,
        "{odd} of {} messages lost or repeated",
        drafts.len()
    );
    ensure!(next.stop(LIMIT)? == 0, "the last member's drain completes");
    Ok(())
}

fn finish(client: &Client, stage: &Stage, second: &str) -> Result<()> {
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    client.wait_for_all_committed(&stage.group, second, LIMIT)
}

#[test]
fn a_pattern_and_a_hand_over_by_the_cooperative_protocol() -> Result<()> {
    hands_over_by("cooperative")
}

#[test]
fn a_pattern_and_a_hand_over_by_the_eager_protocol() -> Result<()> {
    hands_over_by("eager")
}

#[test]
fn a_pattern_and_a_hand_over_by_the_brokers_own_protocol() -> Result<()> {
    hands_over_by("consumer")
}

/// Partitions whose offset is not there any more are told, each of them, and go on being told when the group shares out
/// anew: what a member keeps of them is not assigned to it again, and librdkafka says it once.
fn overtaken_partitions_are_told_by(protocol: &str) -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "overtaken", 3)?);
    client.commit(&stage.group, &stage.input, &[5_000, 6_000, 0])?;
    let line = format!("group-protocol = \"{protocol}\"");
    let mut first = stage.daemon("passthrough", &line)?.start()?;
    let both_are_told = |daemon: &TestDaemon| {
        wait::until_true("/readyz to tell of both partitions", LIMIT, || {
            let told = daemon.get("/readyz");
            let tells = |n| format!("{}/{n} stands still: offset", stage.input);
            Ok(told.is_ok_and(|told| (0..2).all(|n| told.body.contains(&tells(n)))))
        })
    };
    both_are_told(&first)?;
    let mut second = stage.daemon("passthrough", &line)?.start()?;
    second.wait_for_log("partitions assigned", LIMIT)?;
    ensure!(
        second.stop(LIMIT)? == 0,
        "the second member's drain completes"
    );
    first.wait_for_log_times("partitions assigned", 2, LIMIT)?;
    both_are_told(&first)
}

#[test]
fn overtaken_partitions_are_told_through_rebalances_by_the_cooperative_protocol() -> Result<()> {
    overtaken_partitions_are_told_by("cooperative")
}

#[test]
fn overtaken_partitions_are_told_through_rebalances_by_the_brokers_own_protocol() -> Result<()> {
    overtaken_partitions_are_told_by("consumer")
}

#[test]
fn a_new_group_that_starts_at_the_latest_leaves_out_what_was_there() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "latest", 2)?);
    client.produce(&stage.input, &[Draft::new("k", "before")])?;
    let daemon = stage.daemon("passthrough", "start = \"latest\"")?.start()?;
    // The start is committed before the first message.
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    client.produce(&stage.input, &[Draft::new("k", "after")])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    let values: Vec<_> = outputs.iter().map(|output| output.value_text()).collect();
    assert_eq!(values, ["after"]);
    drop(daemon);
    Ok(())
}

#[test]
fn a_new_group_that_must_not_choose_its_start_says_so_and_ends() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "unset", 1)?);
    let mut daemon = stage.daemon("passthrough", "start = \"error\"")?.start()?;
    daemon.wait_for_log("start", LIMIT)?;
    let code = daemon.wait_exit(LIMIT)?.code();
    ensure!(
        code == Some(1),
        "a daemon without a handler that can run ends with 1, not {code:?}"
    );
    let last = "the handler had failed before the stop";
    ensure!(daemon.log_count(last) == 1, "it doesn't say why it ends so");
    assert_eq!(client.committed(&stage.group, &stage.input)?, [None]);
    Ok(())
}

#[test]
fn a_broker_that_is_not_there_yet_is_waited_for_aloud() -> Result<()> {
    let cluster = TestCluster::start(Version::wanted())?;
    let (client, stage) = (cluster.client()?, Stage::new(&cluster, "early", 1)?);
    client.produce(&stage.input, &[Draft::new("k", "v")])?;
    cluster.kill();
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_for_log("waiting for the brokers", LIMIT)?;
    ensure!(daemon.is_running(), "it waits");
    ensure!(daemon.get("/livez")?.status == 200, "it lives");
    ensure!(daemon.get("/readyz")?.status == 503, "it is not ready");
    cluster.restart()?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    daemon.wait_ready(LIMIT)
}

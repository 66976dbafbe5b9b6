//! `pelton pause` and `resume`: nothing is handled meanwhile, nothing is lost, and nobody leaves the group.

use std::fs;

use anyhow::{Result, ensure};
use pelton_harness::{
    Client, Copies, Stage, TestCluster, TestDaemon, command::pelton, orders, wait,
};
use serde_json::Value;

use crate::{LIMIT, standing::status_once};

/// Does something to the daemon's handler that must succeed.
fn told(daemon: &TestDaemon, stage: &Stage, what: &str) -> Result<Value> {
    let (code, answer, words) = pelton(daemon.folder(), &[what, &stage.handler, "--json"])?;
    ensure!(code == 0, "{what}: {code}: {words}");
    Ok(answer)
}

/// Waits until nothing is under way any more and the ends of so many partitions are known to be these, in sum.
fn wait_until_still(daemon: &TestDaemon, partitions: usize, ends: i64) -> Result<u64> {
    let seen = status_once(daemon, "nothing to be under way", |seen| {
        let all = seen["partitions"].as_array().map_or(&[][..], Vec::as_slice);
        let still = |one: &Value| {
            let stage = one["oldest"]["stage"].as_str();
            one["committed"] == one["watermark"] && matches!(stage, None | Some("queued"))
        };
        let sum: i64 = all.iter().filter_map(|one| one["end"].as_i64()).sum();
        seen["state"] == "paused" && all.len() == partitions && all.iter().all(still) && sum == ends
    })?;
    Ok(seen["counts"]["handled"].as_u64().unwrap_or_default())
}

fn ends(client: &Client, stage: &Stage) -> Result<i64> {
    Ok(client.ends(&stage.input)?.iter().sum())
}

#[test]
fn a_paused_handler_keeps_its_partitions_and_what_comes_to_them() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "paused", 2)?);
    let drafts = orders(3_000);
    let mut one = stage.daemon("passthrough", "")?.start()?;
    one.wait_ready(LIMIT)?;
    client.produce(&stage.input, &drafts[..2_000])?;
    assert_eq!(told(&one, &stage, "pause")?["changed"], true);
    assert_eq!(told(&one, &stage, "pause")?["changed"], false);
    let handled = wait_until_still(&one, 2, ends(&client, &stage)?)?;
    assert_eq!(one.metric("pelton_paused", &[&stage.handler])?, 1.0);
    client.produce(&stage.input, &drafts[2_000..2_500])?;
    ensure!(
        wait_until_still(&one, 2, ends(&client, &stage)?)? == handled,
        "something was handled during the pause"
    );
    one.wait_ready(LIMIT)?;

    // Partitions go and come back, and a changed handler begins anew: paused all the time.
    let mut other = stage.daemon("passthrough", "")?.start()?;
    client.wait_for_shares(&stage.group, &[1, 1], LIMIT)?;
    ensure!(other.stop(LIMIT)? == 0, "a clean stop");
    client.wait_for_shares(&stage.group, &[2], LIMIT)?;
    wait_until_still(&one, 2, ends(&client, &stage)?)?;
    let file = one.folder().join("pelton.toml");
    let changed = fs::read_to_string(&file)?.replace("200ms", "100ms");
    fs::write(&file, changed)?;
    let (code, _, words) = pelton(one.folder(), &["reload"])?;
    ensure!(code == 0, "{code}: {words}");
    one.wait_for_log("handler changed", LIMIT)?;
    let after = wait_until_still(&one, 2, ends(&client, &stage)?)?;
    ensure!(after == handled, "{after} were handled, {handled} before");

    assert_eq!(told(&one, &stage, "resume")?["changed"], true);
    client.produce(&stage.input, &drafts[2_500..])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    assert_eq!(one.metric("pelton_paused", &[&stage.handler])?, 0.0);
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()?;
    ensure!(one.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn a_paused_handler_with_exactly_once_writes_each_output_once() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "pausedtx", 2)?);
    let drafts = orders(4_000);
    let mut daemon = stage
        .daemon("passthrough", "guarantee = \"exactly-once\"")?
        .start()?;
    daemon.wait_ready(LIMIT)?;
    client.produce(&stage.input, &drafts)?;
    for _ in 0..3 {
        told(&daemon, &stage, "pause")?;
        wait_until_still(&daemon, 2, ends(&client, &stage)?)?;
        told(&daemon, &stage, "resume")?;
    }
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()?;
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn a_retry_waits_for_the_end_of_the_pause_and_nobody_else_is_named_in_vain() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "pausedretry", 1)?);
    let soon = r#"retry = { backoff = "300ms", max-backoff = "300ms" }"#;
    let daemon = stage.daemon("misbehave", soon)?.start()?;
    let draft = pelton_harness::Draft::new("k", "fail-until:3");
    client.produce(&stage.input, &[draft])?;
    wait::until_true("the first attempt to fail", LIMIT, || {
        Ok(daemon.log_count("attempt failed") > 0)
    })?;
    told(&daemon, &stage, "pause")?;
    let seen = status_once(&daemon, "the retry to be overdue", |seen| {
        let due = seen["partitions"][0]["oldest"]["due"].as_u64();
        seen["state"] == "paused" && due.is_some_and(|due| seen_at(&daemon) > due + 500)
    })?;
    assert_eq!(seen["partitions"][0]["oldest"]["stage"], "retrying");
    assert_eq!(client.read_all(&stage.output)?.len(), 0);
    told(&daemon, &stage, "resume")?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    assert_eq!(client.read_all(&stage.output)?.len(), 1);
    let (code, _, words) = pelton(daemon.folder(), &["pause", "nobody"])?;
    ensure!(
        code == 2 && words.contains(&stage.handler),
        "{code}: {words}"
    );
    Ok(())
}

/// The daemon's time.
fn seen_at(daemon: &TestDaemon) -> u64 {
    let (_, answer, _) = pelton(daemon.folder(), &["status", "--json"]).unwrap_or_default();
    answer["now"].as_u64().unwrap_or_default()
}

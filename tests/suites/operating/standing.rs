//! `pelton status` and `pelton health`: how a daemon and its handlers stand.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Draft, Stage, TestCluster, TestDaemon, command::pelton, paths, process::Process, wait,
};
use serde_json::Value;

use crate::LIMIT;

/// What `pelton status` tells of its one handler, once that is so.
pub fn status_once(daemon: &TestDaemon, what: &str, so: impl Fn(&Value) -> bool) -> Result<Value> {
    let mut last = Value::Null;
    wait::until(what, LIMIT, || {
        let (code, answer, words) = pelton(daemon.folder(), &["status", "--json"])?;
        // It may not be listening yet.
        if code != 0 {
            last = words.into();
            return Ok(None);
        }
        last = answer["handlers"][0].clone();
        Ok(so(&last).then(|| last.clone()))
    })
    .with_context(|| format!("last seen: {last:#}"))
}

#[test]
fn a_message_that_is_tried_again_is_shown_with_all_that_is_asked_about_it() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "shown", 2)?);
    let later = r#"retry = { backoff = "300s", max-backoff = "300s" }"#;
    let daemon = stage.daemon("misbehave", later)?.start()?;
    let fine = |n: usize| Draft::new("k", format!("fine {n}")).partition(0);
    client.produce(&stage.input, &(0..3).map(fine).collect::<Vec<_>>())?;
    client.produce(
        &stage.input,
        &[Draft::new("k", "fail-until:9").partition(0)],
    )?;
    client.produce(&stage.input, &[Draft::new("k", "behind it").partition(0)])?;
    let seen = status_once(&daemon, "the retry to be shown", |seen| {
        seen["partitions"][0]["oldest"]["stage"] == "retrying"
            && seen["partitions"][0]["committed"] == 3
            && seen["partitions"][0]["position"] == 5
            && seen["partitions"][1]["end"] == 0
    })?;
    let (first, second) = (&seen["partitions"][0], &seen["partitions"][1]);
    assert_eq!(
        (&seen["state"], &seen["group"]),
        (&"running".into(), &stage.group.clone().into())
    );
    assert_eq!(seen["topics"], Value::from(vec![stage.input.clone()]));
    assert_eq!(
        (&first["position"], &first["watermark"]),
        (&5.into(), &3.into())
    );
    assert_eq!((&first["lag"], &first["in-flight"]), (&2.into(), &2.into()));
    assert_eq!(
        (&second["lag"], &second["oldest"]),
        (&0.into(), &Value::Null)
    );
    let oldest = &first["oldest"];
    assert_eq!(
        (&oldest["offset"], &oldest["attempt"]),
        (&3.into(), &2.into())
    );
    let time = |value: &Value| value.as_u64().context("a time");
    ensure!(
        time(&oldest["due"])? > time(&oldest["since"])? + 100_000,
        "{oldest}"
    );
    let error = &seen["last-error"];
    assert_eq!(
        (&error["offset"], &error["attempt"]),
        (&3.into(), &1.into())
    );
    assert_eq!(error["then"], "retried");
    assert_eq!(
        (&seen["counts"]["handled"], &seen["counts"]["retried"]),
        (&3.into(), &1.into())
    );
    ensure!(seen["revision"]["since"].as_u64() > Some(0), "{seen:#}");

    let (code, one, words) = pelton(daemon.folder(), &["status", &stage.handler, "--json"])?;
    assert_eq!(
        (code, &one["handlers"][0]["handler"]),
        (0, &stage.handler.clone().into()),
        "{words}"
    );
    let (code, _, words) = pelton(daemon.folder(), &["status", "nobody"])?;
    ensure!(
        code == 2 && words.contains(&stage.handler),
        "{code}: {words}"
    );
    Ok(())
}

#[test]
fn a_handler_that_waits_says_for_what_and_health_agrees() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let stage = Stage::without_dead_letter_topic(cluster, "waits", 1)?;
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    let folder = daemon.folder().to_owned();
    let seen = status_once(&daemon, "the missing topic to be named", |seen| {
        seen["reasons"].to_string().contains(&stage.dead_letter)
    })?;
    assert_eq!(
        (&seen["state"], &seen["partitions"]),
        (&"waiting".into(), &Value::Array(vec![]))
    );
    let (code, _, words) = pelton(&folder, &["health"])?;
    ensure!(
        code == 1 && words.contains(&stage.dead_letter),
        "{code}: {words}"
    );
    let (code, _, words) = pelton(&folder, &["health", "--live"])?;
    ensure!(code == 0, "it is alive: {words}");
    cluster.create_topic_named(&stage.dead_letter, 1, &[])?;
    daemon.wait_ready(LIMIT)?;
    let (code, _, words) = pelton(&folder, &["health"])?;
    ensure!(code == 0, "{code}: {words}");
    status_once(&daemon, "it to run", |seen| {
        seen["state"] == "running" && seen["partitions"][0]["topic"] == *stage.input
    })?;
    client.produce(&stage.input, &[Draft::new("k", "v")])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    daemon.kill();
    for command in ["health", "status"] {
        let (code, _, words) = pelton(&folder, &[command])?;
        ensure!(
            code == 1 && words.contains("no daemon listens"),
            "{code}: {words}"
        );
    }
    Ok(())
}

#[test]
fn whoever_watches_is_told_that_the_daemon_is_gone_and_sees_it_again() -> Result<()> {
    let stage = Stage::new(TestCluster::shared(), "watched", 1)?;
    // It handles nothing.
    let options = stage.daemon("passthrough", "")?.unrecorded();
    let mut daemon = options.start()?;
    daemon.wait_ready(LIMIT)?;
    let mut watch = Command::new(paths::pelton()?);
    watch
        .args(["status", "--watch", "--json"])
        .current_dir(daemon.folder());
    let folder = paths::fresh_folder("watcher")?;
    let mut watcher = Process::spawn("pelton status", watch, &folder, None)?;
    watcher.wait_for_log_times("\"running\"", 2, LIMIT)?;
    daemon.kill();
    let gone = format!("no daemon listens at {}", daemon.admin());
    watcher.wait_for_log_times(&gone, 2, LIMIT)?;
    let seen = watcher.stdout().lines().count();
    daemon.restart()?;
    daemon.wait_ready(LIMIT)?;
    wait::until_true("two more frames", LIMIT, || {
        Ok(watcher.stdout().lines().count() >= seen + 2)
    })?;
    let frames = watcher.stdout();
    // The last line may not be whole yet.
    let frames = frames.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let frames = frames.lines().map(serde_json::from_str);
    let frames = frames.collect::<Result<Vec<Value>, _>>()?;
    let (first, last) = (&frames[0], &frames[frames.len() - 1]);
    ensure!(
        frames
            .iter()
            .all(|frame| frame["handlers"][0]["handler"] == *stage.handler),
        "{first}"
    );
    ensure!(
        last["started"].as_u64() > first["started"].as_u64(),
        "the last frame is of the daemon before: {last}"
    );
    let told = watcher.stderr();
    ensure!(
        told.lines().all(|line| line.starts_with(&gone)),
        "one plain line at a time: {told}"
    );
    Ok(())
}

#[test]
fn a_daemon_that_stands_by_for_others_is_ready() -> Result<()> {
    stands_by("spare", "")
}

#[test]
fn so_is_one_that_the_broker_tells_nothing() -> Result<()> {
    stands_by("sparenew", "group-protocol = \"consumer\"")
}

fn stands_by(name: &str, more: &str) -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, name, 1)?);
    let (mut one, mut other) = (
        stage.daemon("passthrough", more)?.start()?,
        stage.daemon("passthrough", more)?.start()?,
    );
    one.wait_ready(LIMIT)?;
    other.wait_ready(LIMIT)?;
    let partitions = |daemon| -> Result<usize> {
        let seen = status_once(daemon, "it to run", |seen| seen["state"] == "running")?;
        Ok(seen["partitions"].as_array().map_or(0, Vec::len))
    };
    wait::until_true("one to have the partition", LIMIT, || {
        Ok(partitions(&one)? + partitions(&other)? == 1)
    })?;
    client.produce(&stage.input, &[Draft::new("k", "v")])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let joined = |daemon: &TestDaemon| daemon.log_count("joining the group");
    assert_eq!((joined(&one), joined(&other)), (1, 1));
    Ok(())
}

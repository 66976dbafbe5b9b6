//! A handler that can't leave in time is cut short, and the one that takes its place waits until its member is gone.

use std::fs;

use anyhow::{Result, ensure};
use pelton_harness::{Copies, Stage, TestCluster, Version, component, orders};

use crate::support::LIMIT;

/// Members of groups that a daemon has at the moment: each is a thread.
fn members(daemon: u32) -> Result<usize> {
    let mut count = 0;
    for thread in fs::read_dir(format!("/proc/{daemon}/task"))? {
        // One that has ended meanwhile is none.
        let name = fs::read_to_string(thread?.path().join("comm")).unwrap_or_default();
        count += usize::from(name.trim() == "pelton-consumer");
    }
    Ok(count)
}

#[test]
fn who_takes_the_place_of_one_that_was_cut_short_begins_when_that_has_left_its_group() -> Result<()>
{
    // One of its own, which falls silent.
    let cluster = TestCluster::start(Version::V4)?;
    let (client, stage) = (cluster.client()?, Stage::new(&cluster, "cut-short", 1)?);
    let named = "instance-id = \"one\"";
    let options = stage.daemon("passthrough", named)?;
    let file = options.folder().join("pelton.toml");
    let quick = |text: &str| {
        let text = text.replace("drain-timeout = \"5s\"", "drain-timeout = \"1s\"");
        // What it has done is not committed when it has to leave.
        let text = text.replace("commit-interval = \"200ms\"", "commit-interval = \"30s\"");
        format!("[daemon]\nshutdown-timeout = \"2s\"\n{text}")
    };
    let text = quick(&fs::read_to_string(&file)?);
    fs::write(&file, &text)?;
    let mut daemon = options.start()?;
    daemon.wait_ready(LIMIT)?;
    let all = orders(200);
    let (first, second) = all.split_at(100);
    // The first commit is at once; what comes after it waits for the interval.
    let (committed, waiting) = first.split_at(1);
    client.produce(&stage.input, committed)?;
    stage.wait_for_outputs(&client, committed.len())?;
    client.produce(&stage.input, waiting)?;
    stage.wait_for_outputs(&client, first.len())?;
    cluster.freeze()?;
    let changed = text.replace(named, &format!("{named}\nbatch = {{ messages = 7 }}"));
    component::replace(&file, changed.as_bytes())?;
    daemon.wait_for_log("the shutdown-timeout was over", LIMIT)?;
    // It hangs on its last commit, and as long as it does nobody bears its name.
    ensure!(members(daemon.id())? == 1, "it is still there");
    let reloaded = "configuration reloaded";
    ensure!(daemon.log_count(reloaded) == 0, "{}", daemon.tail(30));
    cluster.thaw()?;
    daemon.wait_for_log(reloaded, LIMIT)?;
    daemon.wait_ready(LIMIT)?;
    client.produce(&stage.input, second)?;
    stage.wait_for_outputs(&client, all.len())?;
    Copies::of(&all, &client.read_all(&stage.output)?).at_least_once()?;
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    daemon.finish()
}

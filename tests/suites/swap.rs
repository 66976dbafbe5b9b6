//! A handler is replaced while messages flow: none is lost, repeated or reordered, and the group never notices.

#[path = "swap/asked.rs"]
mod asked;
#[path = "swap/backlog.rs"]
mod backlog;
#[path = "swap/boundary.rs"]
mod boundary;
#[path = "swap/fixtures.rs"]
mod fixtures;
#[path = "swap/gaps.rs"]
mod gaps;
#[path = "swap/kept.rs"]
mod kept;
#[path = "swap/many.rs"]
mod many;
#[path = "swap/probation.rs"]
mod probation;
#[path = "swap/swapped.rs"]
mod swapped;

use std::{fs, time::Duration};

use anyhow::{Result, ensure};
use pelton_harness::{Copies, Stage, TestCluster, component, orders, paths};

const LIMIT: Duration = Duration::from_secs(60);

/// The group is in the generation that it was in, as the broker's log says.
fn not_rebalanced_since(
    generation: Option<u32>,
    cluster: &TestCluster,
    stage: &Stage,
) -> Result<()> {
    ensure!(
        generation.is_some(),
        "the broker's log names no generation of {}",
        stage.group
    );
    let now = cluster.generation(&stage.group);
    ensure!(
        now == generation,
        "the group was rebalanced: {generation:?}, {now:?}"
    );
    Ok(())
}

#[test]
fn a_bad_component_is_refused_and_the_old_one_goes_on() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "refused", 1)?);
    let options = stage.daemon("passthrough", "")?;
    let (file, bytes) = (
        options.folder().join("passthrough.wasm"),
        fs::read(paths::guest("passthrough")?)?,
    );
    let mut daemon = options.start()?;
    let drafts = orders(300);
    client.produce(&stage.input, &drafts[..100])?;
    client.read_at_least(&stage.output, 100, LIMIT)?;
    let bad: [(&str, &[u8]); 3] = [
        ("truncated", &bytes[..bytes.len() / 2]),
        ("foreign", b"#!/bin/sh\n"),
        ("empty module", b"\0asm\x01\0\0\0"),
    ];
    for (refusals, (what, bytes)) in bad.iter().enumerate() {
        component::replace(&file, bytes)?;
        daemon.wait_for_log_times("component refused", refusals + 1, LIMIT)?;
        ensure!(daemon.is_running(), "a {what} file ended the daemon");
    }
    client.produce(&stage.input, &drafts[100..200])?;
    client.read_at_least(&stage.output, 200, LIMIT)?;
    // Written in place, as `cp` does: whatever is seen of it half-way is refused, the whole of it runs.
    fs::write(&file, component::variant(&bytes, 1))?;
    daemon.wait_for_log("revision swapped in", LIMIT)?;
    client.produce(&stage.input, &drafts[200..])?;
    Copies::of(&drafts, &client.read_at_least(&stage.output, 300, LIMIT)?).exactly_once()
}

#[test]
#[cfg(unix)]
fn a_symlink_that_is_turned_as_in_a_config_map_swaps() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "linked", 1)?;
    let options = stage.daemon("passthrough", "")?;
    let (folder, bytes) = (
        options.folder().to_owned(),
        fs::read(paths::guest("passthrough")?)?,
    );
    let revision =
        |name: &str, bytes: &[u8]| component::turn(&folder, name, "passthrough.wasm", bytes);
    fs::remove_file(folder.join("passthrough.wasm"))?;
    revision("..1", &bytes)?;
    std::os::unix::fs::symlink("..data/passthrough.wasm", folder.join("passthrough.wasm"))?;
    let mut daemon = options.start()?;
    daemon.wait_for_log("revision runs", LIMIT)?;
    revision("..2", &component::variant(&bytes, 2))?;
    daemon.wait_for_log("revision swapped in", LIMIT)?;
    ensure!(daemon.stop(LIMIT)? == 0, "it did not end with 0");
    Ok(())
}

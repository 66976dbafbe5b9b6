//! How a daemon gets to know of a changed file, and a stop in the middle of one.

use std::fs;

use anyhow::{Context, Result, ensure};
use pelton_harness::{Draft, Signal, Stage, Systemd, TestCluster, component, orders};

use serde_json::Value;

use crate::support::{LIMIT, Scene, committed, pass};

/// The components that the handlers run.
fn components(scene: &Scene) -> Result<Vec<Value>> {
    let status: Value = serde_json::from_str(&scene.daemon.get("/v1/status")?.body)?;
    let handlers = status["handlers"].as_array().context("handlers")?;
    let running = handlers.iter().map(|one| &one["revision"]["component"]);
    Ok(running.cloned().collect())
}

#[test]
fn a_hang_up_reads_the_file_and_systemd_is_told() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let other = Stage::new(cluster, "hung-up", 1)?;
    let systemd = Systemd::listens()?;
    let next = || systemd.next(LIMIT);
    let mut scene = Scene::start_told("beside-hung-up", &systemd)?;
    ensure!(next()?.contains("READY=1"), "it is ready");
    scene.under_load(|scene| {
        // The file is as it was: whoever asks is told so all the same.
        scene.daemon.signal(Signal::Hup)?;
        let reloading = next()?;
        let fields = ["RELOADING=1", "MONOTONIC_USEC="];
        ensure!(
            fields.iter().all(|field| reloading.contains(field)),
            "{reloading}"
        );
        ensure!(next()?.contains("READY=1"), "it is done");
        scene.reloaded(1, "added=0 removed=0 changed=0 unchanged=1")?;
        scene.write(&other.handler_config("passthrough", ""))?;
        scene.daemon.signal(Signal::Hup)?;
        pass(&client, &other, &orders(100))
    })?;
    ensure!(next()?.contains("RELOADING=1"), "it reads the file again");
    ensure!(next()?.contains("READY=1"), "it is done again");
    let before = components(&scene)?;
    let file = scene.folder().join("passthrough.wasm");
    component::replace(&file, &component::variant(&fs::read(&file)?, 1))?;
    scene.daemon.signal(Signal::Hup)?;
    ensure!(
        next()?.contains("RELOADING=1"),
        "it looks at the components"
    );
    ensure!(next()?.contains("READY=1"), "the new one runs");
    let after = components(&scene)?;
    ensure!(
        after.iter().all(|one| !before.contains(one)),
        "ready before the new component runs: {after:?}"
    );
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    ensure!(next()?.contains("STOPPING=1"), "it stops");
    Ok(())
}

#[test]
fn a_link_that_is_turned_as_in_a_config_map_is_a_change() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let other = Stage::new(cluster, "linked-config", 1)?;
    let mut scene = Scene::start("beside-linked", "")?;
    let file = scene.folder().join("pelton.toml");
    let turn = |scene: &Scene, name: &str, more: &str| {
        component::turn(
            scene.folder(),
            name,
            "pelton.toml",
            scene.text(more).as_bytes(),
        )
    };
    turn(&scene, "..1", "")?;
    std::os::unix::fs::symlink("..data/pelton.toml", scene.folder().join("linked"))?;
    fs::rename(scene.folder().join("linked"), &file)?;
    scene.under_load(|scene| {
        scene.daemon.wait_for_log("unchanged=1", LIMIT)?;
        turn(scene, "..2", &other.handler_config("passthrough", ""))?;
        scene
            .daemon
            .wait_for_log("added=1 removed=0 changed=0 unchanged=1", LIMIT)?;
        pass(&client, &other, &orders(100))
    })?;
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn a_stop_during_a_reload_drains_who_leaves_and_who_stays() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let slow = Stage::new(cluster, "stopped-amid", 1)?;
    let mut scene = Scene::start("stays-amid", "")?;
    scene.write(&slow.handler_config("misbehave", ""))?;
    scene.reloaded(1, "added=1 removed=0 changed=0 unchanged=1")?;
    slow.begin(&client, &scene.daemon, &[Draft::new("k", "slow:4000")])?;
    let changed = slow.handler_config("misbehave", "in-flight = 7");
    scene.write(&changed)?;
    scene.daemon.wait_for_log("handler changed", LIMIT)?;
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    assert_eq!(
        committed(&client, &slow)?,
        [Some(1)],
        "it was finished first"
    );
    ensure!(
        scene.daemon.log_count("added=0 removed=0 changed=1") == 0,
        "nobody began anew"
    );
    Ok(())
}

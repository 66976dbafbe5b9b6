//! A configuration whose trials take long, or for ever: they hold up nobody, and they have an end.

use std::fs;

use anyhow::{Result, ensure};
use pelton_harness::{Stage, TestCluster, command::pelton, component, orders, paths, wait};

use crate::support::{LIMIT, Scene, pass};

/// A message that is never finished.
const ENDLESS: &str = "[message]\nvalue = \"loop\"\n\n[[expect.outputs]]\nvalue = \"loop\"\n";
/// It is given up long after a stop would have been.
const PATIENT: &str = "limits = { time-per-message = \"10m\" }\ntest = { fixtures = \"endless\" }";
const TRIED: &str = "trying the component as it is configured now";

/// The part of a handler whose trial doesn't end. The folder of its fixtures is made.
fn endless(scene: &Scene, stage: &Stage) -> Result<String> {
    let folder = scene.folder().join("endless");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("endless.toml"), ENDLESS)?;
    Ok(stage.handler_config("misbehave", PATIENT))
}

/// The time for trials, as configured.
fn within(time: &str) -> String {
    format!("\n[daemon]\ntrial-timeout = \"{time}\"\n")
}

#[test]
fn a_stop_amid_a_trial_waits_for_none_of_it() -> Result<()> {
    let stage = Stage::new(TestCluster::shared(), "stopped-trial", 1)?;
    let mut scene = Scene::start("beside-stopped-trial", "")?;
    scene.write(&endless(&scene, &stage)?)?;
    scene.daemon.wait_for_log(TRIED, LIMIT)?;
    // The neighbour's was the first: what comes now is the trial itself.
    wait::until_true("its component to be compiled", LIMIT, || {
        Ok(scene.daemon.metric("pelton_compilations_total", &[])? == 2.0)
    })?;
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    ensure!(
        scene.daemon.log_count("handler added") == 0,
        "it was taken in all the same"
    );
    Ok(())
}

#[test]
fn a_trial_holds_up_neither_a_neighbours_component_nor_the_next_configuration() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let endless_one = Stage::new(cluster, "overtaken", 1)?;
    let other = Stage::new(cluster, "overtakes", 1)?;
    let mut scene = Scene::start("beside-overtaken", "")?;
    scene.under_load(|scene| {
        scene.write(&endless(scene, &endless_one)?)?;
        scene.daemon.wait_for_log(TRIED, LIMIT)?;
        let forwards = fs::read(paths::guest("passthrough")?)?;
        let file = scene.folder().join("passthrough.wasm");
        component::replace(&file, &component::variant(&forwards, 1))?;
        scene.daemon.wait_for_log("revision swapped in", LIMIT)?;
        ensure!(
            scene.daemon.log_count("configuration re") == 0,
            "the trial is over"
        );
        // Whoever asks meanwhile is answered with what came of the newest file.
        scene.write(&other.handler_config("passthrough", ""))?;
        let (code, report, words) = pelton(scene.folder(), &["reload", "--json"])?;
        ensure!(code == 0, "{code}: {words}");
        scene.reloaded(1, "added=1 removed=0 changed=0 unchanged=1")?;
        ensure!(report["problem"].is_null(), "{report:#}");
        pass(&client, &other, &orders(100))
    })?;
    ensure!(
        !scene.daemon.log_lines("handler added").is_empty()
            && scene
                .daemon
                .log_count(&format!("handler={}", endless_one.handler))
                == 1,
        "only its trial was begun"
    );
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn trials_that_take_too_long_refuse_a_component_and_a_configuration() -> Result<()> {
    let stage = Stage::new(TestCluster::shared(), "too-long", 1)?;
    let mut scene = Scene::start("beside-too-long", "")?;
    let part = stage.handler_config("misbehave", PATIENT);
    scene.under_load(|scene| {
        scene.write(&format!("{part}{}", within("2s")))?;
        scene.reloaded(1, "added=1 removed=0 changed=0 unchanged=1")?;
        scene.daemon.wait_for_log_times("revision runs", 2, LIMIT)?;
        endless(scene, &stage)?;
        let file = scene.folder().join("misbehave.wasm");
        let good = fs::read(&file)?;
        component::replace(&file, &component::variant(&good, 1))?;
        scene.daemon.wait_for_log("component refused", LIMIT)?;
        let refused = scene.daemon.log_lines("component refused");
        ensure!(
            refused[0].contains("`daemon.trial-timeout` (2s)"),
            "{refused:?}"
        );
        component::replace(&file, &good)?;
        let other = part.replace("test = ", "settings = { a = 1 }\ntest = ");
        scene.write(&format!("{other}{}", within("3s")))?;
        let (code, _, words) = pelton(scene.folder(), &["reload"])?;
        let named = format!("handler `{}`", stage.handler);
        ensure!(
            code == 78 && words.contains("`daemon.trial-timeout` (3s)") && words.contains(&named),
            "{code}: {words}"
        );
        Ok(())
    })?;
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

//! What a daemon that starts again knows: the last good component, and what was rolled back.

use std::{ffi::OsString, fs};

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    DaemonOptions, Draft, Stage, TestCluster, command::pelton, component, paths,
    stage::MISSED_SOON, wait,
};

use crate::{LIMIT, probation::TWO_ATTEMPTS};

/// A supervisor's word for a state folder beside the configuration.
fn keeping(options: DaemonOptions) -> Result<DaemonOptions> {
    let folder = options.folder().join("state");
    let folder = folder
        .to_str()
        .context("a path that is no text")?
        .to_owned();
    Ok(options.environment("STATE_DIRECTORY", &folder))
}

#[test]
fn the_last_good_component_runs_where_the_file_is_bad_or_missing_at_start() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "kept", 1)?);
    let options = keeping(stage.daemon("passthrough", "")?)?;
    let file = options.folder().join("passthrough.wasm");
    let mut daemon = options.start()?;
    daemon.wait_for_log("revision runs", LIMIT)?;
    let spoil: [&dyn Fn() -> Result<()>; 3] = [
        &|| component::replace(&file, b"#!/bin/sh\n"),
        &|| Ok(fs::remove_file(&file)?),
        &|| Ok(fs::create_dir(&file)?),
    ];
    for (restarts, spoil) in (1..).zip(spoil) {
        daemon.stop(LIMIT)?;
        spoil()?;
        daemon.restart()?;
        daemon.wait_for_log_times("the last good component is loaded", restarts, LIMIT)?;
        client.produce(&stage.input, &[Draft::new("k", format!("{restarts}"))])?;
        client.read_at_least(&stage.output, restarts, LIMIT)?;
        assert_eq!(
            daemon.metric("pelton_kept_components_used_total", &[])?,
            1.0
        );
    }
    Ok(())
}

#[test]
fn what_fails_its_trial_is_not_kept() -> Result<()> {
    let stage = Stage::new(TestCluster::shared(), "not-kept", 1)?;
    let options = keeping(stage.daemon("passthrough", "")?)?.unrecorded();
    let file = options.folder().join("passthrough.wasm");
    let state = options.folder().join("state").join(&stage.handler);
    let mut daemon = options.start()?;
    daemon.wait_for_log("revision runs", LIMIT)?;
    let kept = || -> Result<usize> {
        let names = fs::read_dir(&state)?.map(|entry| Ok(entry?.file_name()));
        let names = names.collect::<Result<Vec<_>>>()?;
        let is_component = |name: &&OsString| name.to_string_lossy().ends_with(".wasm");
        Ok(names.iter().filter(is_component).count())
    };
    component::replace(&file, &fs::read(paths::guest("setup_fails")?)?)?;
    // It loads, and so it is kept until it has failed.
    daemon.wait_for_log_times("component loaded", 2, LIMIT)?;
    daemon.wait_for_log("component refused", LIMIT)?;
    wait::until_true("one component to be kept", LIMIT, || Ok(kept()? == 1))
}

#[test]
fn what_was_rolled_back_is_refused_after_a_restart() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "refused-again", 1)?);
    let more = format!("{TWO_ATTEMPTS}\nprobation = {{ votes = 1 }}\n{MISSED_SOON}");
    let options = keeping(stage.daemon("passthrough", &more)?)?;
    let file = options.folder().join("passthrough.wasm");
    let mut daemon = options.start()?;
    daemon.wait_for_log("revision runs", LIMIT)?;
    component::replace(&file, &fs::read(paths::guest("misbehave")?)?)?;
    daemon.wait_for_log("revision is on probation", LIMIT)?;
    // A life that ends in the middle of a probation does not end it.
    daemon.kill();
    daemon.restart()?;
    daemon.wait_for_log_times("revision is on probation", 2, LIMIT)?;
    client.produce(&stage.input, &[Draft::new("k", "fail")])?;
    daemon.wait_for_log("revision rolled back", LIMIT)?;
    client.read_at_least(&stage.output, 1, LIMIT)?;
    daemon.stop(LIMIT)?;
    daemon.restart()?;
    daemon.wait_for_log("component refused", LIMIT)?;
    daemon.wait_for_log("it was rolled back", LIMIT)?;
    client.produce(&stage.input, &[Draft::new("k", "fail")])?;
    client.read_at_least(&stage.output, 2, LIMIT)?;
    ensure!(
        client.read_all(&stage.dead_letter)?.is_empty(),
        "a message was given up"
    );
    Ok(())
}

#[test]
fn a_configuration_that_was_rolled_back_is_refused_after_a_restart_and_the_one_before_runs()
-> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (
        cluster.client()?,
        Stage::new(cluster, "refused-configuration", 1)?,
    );
    // What it had then is more than what the engine of the next start is made for.
    let large = "limits = { memory = \"96 MiB\" }";
    let more = format!("{TWO_ATTEMPTS}\nprobation = {{ votes = 1 }}\n{MISSED_SOON}\n{large}");
    let options = keeping(stage.daemon("misbehave", &more)?)?;
    let config = options.folder().join("pelton.toml");
    let text = fs::read_to_string(&config)?;
    let configure = |line: &str| component::replace(&config, text.replace(large, line).as_bytes());
    let mut daemon = options.start()?;
    daemon.wait_for_log("revision runs", LIMIT)?;
    configure("settings = { mode = \"fail\" }")?;
    let mut come = 0;
    let mut one_more = || -> Result<()> {
        come += 1;
        client.produce(&stage.input, &[Draft::new("k", format!("{come}"))])?;
        client.read_at_least(&stage.output, come, LIMIT).map(drop)
    };
    daemon.wait_for_log("revision is on probation", LIMIT)?;
    one_more()?;
    daemon.wait_for_log("revision rolled back", LIMIT)?;
    daemon.stop(LIMIT)?;
    daemon.restart()?;
    daemon.wait_for_log("component refused", LIMIT)?;
    daemon.wait_for_log("as it was configured then", LIMIT)?;
    one_more()?;
    let insist = ["reload", "--force", &stage.handler];
    let (code, _, words) = pelton(daemon.folder(), &insist)?;
    ensure!(code == 0, "{code}: {words}");
    daemon.wait_for_log_times("revision is on probation", 2, LIMIT)?;
    one_more()?;
    daemon.wait_for_log_times("revision rolled back", 2, LIMIT)?;
    daemon.stop(LIMIT)?;
    // Another one is no matter of what was rolled back.
    configure("")?;
    daemon.restart()?;
    daemon.wait_for_log_times("revision runs", 3, LIMIT)?;
    one_more()?;
    ensure!(
        daemon.log_count("component refused") == 1,
        "it is refused again"
    );
    ensure!(
        client.read_all(&stage.dead_letter)?.is_empty(),
        "a message was given up"
    );
    Ok(())
}

#[test]
fn a_state_folder_that_can_not_be_used_is_said_and_done_without() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "unkept", 1)?);
    let options = keeping(stage.daemon("passthrough", "")?)?;
    fs::write(options.folder().join("state"), "a file")?;
    let mut daemon = options.start()?;
    daemon.wait_for_log("the state folder can't be used", LIMIT)?;
    client.produce(&stage.input, &[Draft::new("k", "v")])?;
    client.read_at_least(&stage.output, 1, LIMIT)?;
    Ok(())
}

#[test]
fn a_handler_whose_configuration_changes_goes_on_with_its_last_good_component() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "changed", 1)?);
    let mut daemon = stage.daemon("passthrough", "in-flight = 10")?.start()?;
    daemon.wait_for_log("revision runs", LIMIT)?;
    component::replace(&daemon.folder().join("passthrough.wasm"), b"#!/bin/sh\n")?;
    daemon.wait_for_log("component refused", LIMIT)?;
    let file = daemon.folder().join("pelton.toml");
    let text = fs::read_to_string(&file)?.replace("in-flight = 10", "in-flight = 11");
    component::replace(&file, text.as_bytes())?;
    daemon.wait_for_log("the last good component is loaded", LIMIT)?;
    client.produce(&stage.input, &[Draft::new("k", "v")])?;
    client.read_at_least(&stage.output, 1, LIMIT)?;
    Ok(())
}

//! What an operator asks of a running handler: `pelton revisions`, `rollback` and `reload`.

use std::fs;

use anyhow::{Context, Result, ensure};
use pelton_harness::{Draft, Stage, TestCluster, command::pelton, component};
use serde_json::Value;

use crate::{LIMIT, probation::with_a_bad_revision};

#[test]
fn an_operator_rolls_back_and_insists_and_is_told_what_runs() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "asked", 1)?);
    let mut daemon = with_a_bad_revision(&stage, "passthrough", "")?;
    let (folder, name) = (daemon.folder().to_owned(), stage.handler.clone());
    let (code, before, _) = pelton(&folder, &["revisions", &name, "--json"])?;
    assert_eq!((code, &before["probation"]["votes"]), (0, &0.into()));
    let (good, bad) = (&before["previous"], &before["running"]);
    ensure!(good.is_object() && bad.is_object(), "{before:#}");

    let (code, report, words) = pelton(&folder, &["rollback", &name, "--json"])?;
    assert_eq!((code, &report["running"]), (0, good), "{words}");
    assert_eq!(report["refused"]["component"], bad["component"]);
    daemon.wait_for_log("revision rolled back", LIMIT)?;
    let (code, seen, words) = pelton(&folder, &["status", &name, "--json"])?;
    let last = &seen["handlers"][0]["last-transition"]["what"];
    let last = last.as_str().with_context(|| format!("{code}: {words}"))?;
    ensure!(
        last.contains("rolled back to") && last.contains("somebody asked for it"),
        "{last}"
    );
    let refused = &seen["handlers"][0]["refused"]["component"];
    assert_eq!(refused, &bad["component"]);
    // The good one runs: what the bad one fails with passes.
    client.produce(&stage.input, &[Draft::new("k", "fail")])?;
    client.read_at_least(&stage.output, 1, LIMIT)?;
    let (code, _, words) = pelton(&folder, &["rollback", &name, "--json"])?;
    ensure!(
        code == 1 && words.contains("no revision before"),
        "{code}: {words}"
    );

    let (code, report, words) = pelton(&folder, &["reload", &name, "--json"])?;
    assert_eq!((code, &report["running"]), (1, good));
    ensure!(words.contains("rolled back"), "{words}");
    let (code, report, words) = pelton(&folder, &["reload", "--force", &name, "--json"])?;
    assert_eq!((code, &report["running"]), (0, bad), "{words}");
    let history = report["history"].as_array().context("a history")?.len();
    ensure!(history >= 6, "{report:#}");

    // What it traps with is handled by the one that stands by, and stays in sight.
    assert_eq!(report["last-fault"], Value::Null);
    client.produce(&stage.input, &[Draft::new("k", "trap")])?;
    client.read_at_least(&stage.output, 2, LIMIT)?;
    let (_, report, _) = pelton(&folder, &["revisions", &name, "--json"])?;
    let fault = &report["last-fault"];
    assert_eq!(
        (&fault["kind"], &fault["offset"]),
        (&"trap".into(), &1.into())
    );
    assert_eq!(fault["revision"], bad["revision"]);
    let text = fault["text"].as_str().context("a text")?;
    ensure!(text.contains("misbehave"), "no function is named: {text}");
    Ok(())
}

#[test]
fn a_reload_says_why_a_component_is_refused_and_an_unknown_handler_is_named() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "asked-bad", 1)?;
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_for_log("revision runs", LIMIT)?;
    let (folder, name) = (daemon.folder().to_owned(), stage.handler.clone());
    let file = folder.join("passthrough.wasm");
    let (code, report, words) = pelton(&folder, &["reload", &name, "--json"])?;
    assert_eq!((code, &report["refused"]), (0, &Value::Null), "{words}");
    component::replace(&file, b"#!/bin/sh\n")?;
    let (code, report, words) = pelton(&folder, &["reload", &name, "--json"])?;
    ensure!(
        code == 1 && words.contains("component refused"),
        "{code}: {words}"
    );
    ensure!(report["running"].is_object(), "{report:#}");
    fs::remove_file(&file)?;
    let (code, _, words) = pelton(&folder, &["reload", &name, "--json"])?;
    ensure!(
        code == 1 && words.contains("does not exist"),
        "{code}: {words}"
    );
    fs::create_dir(&file)?;
    let (code, _, words) = pelton(&folder, &["reload", &name, "--json"])?;
    ensure!(
        code == 1 && words.contains("can't be read"),
        "{code}: {words}"
    );
    daemon.wait_for_log("component can't be read", LIMIT)?;
    let (code, _, words) = pelton(&folder, &["revisions", "nobody", "--json"])?;
    ensure!(code == 2 && words.contains(&name), "{code}: {words}");
    daemon.kill();
    let (code, _, words) = pelton(&folder, &["revisions", &name, "--json"])?;
    ensure!(
        code == 1 && words.contains("no daemon listens"),
        "{code}: {words}"
    );
    Ok(())
}

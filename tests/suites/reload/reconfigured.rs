//! What makes another revision of a component is swapped in like another file, and the group doesn't notice.

use anyhow::{Context, Result, ensure};
use pelton_harness::{command::pelton, wait};

use crate::support::{LIMIT, Scene};

/// The neighbour's file with these further lines in its table.
fn with(scene: &Scene, lines: &str) -> Result<String> {
    let first = "drain-timeout = \"5s\"";
    scene.altered(first, &format!("{first}\n{lines}"))
}

#[test]
fn settings_limits_and_grants_are_swapped_in_under_load_without_a_rebalance() -> Result<()> {
    let mut scene = Scene::start("reconfigured", "")?;
    scene.under_load(|scene| {
        for (n, lines) in [
            "settings = { tag = \"one\" }",
            "settings = { tag = \"two\" }\nisolation = \"message\"",
            "limits = { memory = \"96 MiB\", time-per-message = \"3s\" }",
            "grants = { http = [\"https://api.example.com\"] }",
            "probation = { time = \"30s\" }",
            "settings = { tag = \"three\" }",
        ]
        .into_iter()
        .enumerate()
        {
            scene.replace(&with(scene, lines)?)?;
            let done = "added=0 removed=0 changed=0 unchanged=0 reconfigured=1";
            scene.reloaded(n + 1, done)?;
        }
        let handler = scene.handler().to_owned();
        let (code, report, words) = pelton(scene.folder(), &["reload", "--json"])?;
        ensure!(code == 0, "{words}");
        ensure!(
            report["last"]["reconfigured"][0] == handler.as_str(),
            "{report:#}"
        );
        wait::until_true("the last settings to be used", LIMIT, || {
            Ok(scene.last_tag()?.as_deref() == Some("three"))
        })
    })?;
    // With the probation alone it is as it was at first, and that stands by.
    let swapped = scene.daemon.log_count("revision swapped in");
    ensure!(swapped == 6, "{swapped} swaps");
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn a_configuration_that_the_component_cannot_run_with_is_refused_before_anybody_is_drained()
-> Result<()> {
    let mut scene = Scene::start("unfit", "")?;
    scene.under_load(|scene| {
        // In place, and together with what begins the handler anew.
        for more in ["", "batch = { messages = 7 }\n"] {
            let small = format!("{more}limits = {{ memory = \"64 KiB\" }}");
            scene.replace(&with(scene, &small)?)?;
            let (code, _, words) = pelton(scene.folder(), &["reload"])?;
            let handler = scene.handler();
            ensure!(code == 78, "{code}: {words}");
            ensure!(
                words.contains(&format!("handler `{handler}`")) && words.contains("memory"),
                "{words}"
            );
            scene.replace(&scene.text(""))?;
            let (code, _, words) = pelton(scene.folder(), &["reload"])?;
            ensure!(code == 0, "{code}: {words}");
        }
        ensure!(
            scene.daemon.log_count("handler changed") == 0,
            "nobody is drained"
        );
        let ready = scene.daemon.get("/readyz").context("it answers")?;
        ensure!(ready.status == 200, "{}", ready.body);
        Ok(())
    })?;
    ensure!(scene.daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

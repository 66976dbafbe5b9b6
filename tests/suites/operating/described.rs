//! The admin address held against its own description by schemathesis: thousands of requests, as described and not, of
//! which none may be answered by a server's error, or by anything that isn't described.

use std::fs;

use anyhow::{Result, ensure};
use pelton_harness::{Draft, Stage, TestCluster, TestDaemon, command::judge, http};

use crate::{
    LIMIT,
    admin::{TOKEN, guarded},
};

/// The same requests each time, unless the description or the judge changes.
const ASKED: &[&str] = &[
    "--checks=all",
    "--phases=examples,coverage,fuzzing",
    "--max-examples=15",
    "--seed=20",
    "--generation-database=none",
    "--continue-on-failure",
    "--request-timeout=30",
    "--warnings=off",
];

/// Has it asked all it can think of, with this header, about this handler and this letter, if they are told.
fn nothing_undescribed(daemon: &TestDaemon, header: &str, about: &[(&str, &str)]) -> Result<()> {
    nothing_undescribed_but(daemon, header, about, "")
}

/// The same without one of its checks.
fn nothing_undescribed_but(
    daemon: &TestDaemon,
    header: &str,
    about: &[(&str, &str)],
    check: &str,
) -> Result<()> {
    let settings = daemon.folder().join("schemathesis.toml");
    let lines = about
        .iter()
        .map(|(name, value)| format!("{name} = {value:?}\n"));
    fs::write(
        &settings,
        format!("[parameters]\n{}", lines.collect::<String>()),
    )?;
    let mut command = judge("schemathesis")?;
    command.arg("--config-file").arg(settings);
    command.args(["--no-color", "run"]).args(ASKED);
    command.args(["--header", header]);
    if !check.is_empty() {
        command.args(["--exclude-checks", check]);
    }
    command.arg(format!("http://{}/v1/openapi.json", daemon.admin()));
    // It leaves folders behind.
    command.current_dir(daemon.folder());
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}\n{words}");
    ensure!(said.contains("No issues found"), "{said}");
    Ok(())
}

/// The topics of a handler, with that of redrives: who joins anew to read it is not ready meanwhile, and says so by 503.
fn stage(cluster: &TestCluster, name: &str) -> Result<Stage> {
    let stage = Stage::new(cluster, name, 1)?;
    cluster.create_topic_named(&format!("{}.retry", stage.group), 1, &[])?;
    Ok(stage)
}

/// Gives it a message that it rejects, so that there is a dead letter.
fn one_letter(cluster: &TestCluster, stage: &Stage) -> Result<()> {
    let client = cluster.client()?;
    client.produce(&stage.input, &[Draft::new("k", "reject")])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)
}

#[test]
fn with_a_token_nothing_is_answered_that_is_not_described() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = stage(cluster, "described")?;
    let mut daemon = guarded(&stage, "misbehave")?;
    one_letter(cluster, &stage)?;
    let shown = format!("Authorization: Bearer {TOKEN}");
    let about = [("handler", &*stage.handler), ("letter", "0@0")];
    nothing_undescribed(&daemon, &shown, &about)?;
    nothing_undescribed(&daemon, &shown, &[])?;
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn without_a_token_nothing_is_answered_that_is_not_described() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = stage(cluster, "described-open")?;
    let mut daemon = stage.daemon("misbehave", "")?.start()?;
    daemon.wait_ready(LIMIT)?;
    one_letter(cluster, &stage)?;
    let about = [("handler", &*stage.handler), ("letter", "0@0")];
    nothing_undescribed(&daemon, "x-pelton: 1", &about)?;
    // Who may not change anything is told that before anybody looks at the method.
    nothing_undescribed_but(&daemon, "x-other: 1", &about, "unsupported_method")?;
    ensure!(
        http::get(daemon.admin(), "/livez")?.status == 200,
        "it lives"
    );
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

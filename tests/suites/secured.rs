//! A broker with TLS, passwords and access rules: a daemon works there, and what it is refused it says once, in plain
//! words, loses nothing meanwhile, and goes on by itself.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use pelton_harness::{Copies, Stage, TestCluster, TestDaemon, command::pelton, orders, wait};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// A daemon of these handlers that comes by the listener with TLS.
fn daemon(stages: &[&Stage], password: &str, authority: &Path) -> Result<TestDaemon> {
    let (_, secured) = TestCluster::shared_secured();
    secured.daemon(stages, password, authority)?.start()
}

/// What status says of a handler's reasons, once it says something with these words.
fn reason(daemon: &TestDaemon, stage: &Stage, words: &[&str]) -> Result<String> {
    let mut last = String::new();
    let found = wait::until("the reason to be told", LIMIT, || {
        let (code, answer, _) = pelton(daemon.folder(), &["status", &stage.handler, "--json"])?;
        let reasons = answer["handlers"][0]["reasons"].as_array().cloned();
        last = reasons
            .iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("; ");
        Ok((code == 0 && words.iter().all(|word| last.contains(word))).then(|| last.clone()))
    });
    found.with_context(|| format!("last said: {last:?}"))
}

/// Everything that is put in comes out once and is committed.
fn works(stage: &Stage, from: usize) -> Result<()> {
    let client = TestCluster::shared_secured().0.client()?;
    let drafts = orders(from + 200);
    client.produce(&stage.input, &drafts[from..])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()
}

/// The log has no more than one warning about it, and nowhere a password.
fn said_once(daemon: &TestDaemon, words: &str, password: &str) -> Result<()> {
    let lines = daemon.log_lines(words);
    ensure!(lines.len() == 1, "said {} times: {lines:#?}", lines.len());
    ensure!(
        daemon.log_count(password) == 0,
        "a password stands in the log"
    );
    Ok(())
}

#[test]
fn a_denied_topic_holds_up_its_own_handler_alone_until_it_is_allowed() -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let fine = Stage::new(cluster, "fine", 2)?;
    let (reads, writes) = (
        Stage::new(cluster, "reads", 2)?,
        Stage::new(cluster, "writes", 2)?,
    );
    cluster.close(&reads.input)?;
    cluster.close(&writes.output)?;
    let client = cluster.client()?;
    for stage in [&reads, &writes] {
        client.produce(&stage.input, &orders(200)[..100])?;
    }
    let mut daemon = daemon(
        &[&fine, &reads, &writes],
        secured.password,
        &secured.authority,
    )?;
    works(&fine, 0)?;
    let why = reason(&daemon, &reads, &[&reads.input, "ACL"])?;
    println!("{why}");
    let why = reason(&daemon, &writes, &[&writes.output, "ACL"])?;
    println!("{why}");
    let about = [
        &*format!("handler=\"{}\"", reads.handler),
        "about=\"authorization\"",
    ];
    ensure!(daemon.metric("pelton_handler_trouble", &about)? == 1.0);
    for stage in [&reads, &writes] {
        assert_eq!(client.read_all(&stage.output)?, []);
    }
    cluster.allow(secured.user, &reads.input)?;
    cluster.allow(secured.user, &writes.output)?;
    for stage in [&reads, &writes] {
        client.produce(&stage.input, &orders(200)[100..])?;
        client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
        Copies::of(&orders(200), &client.read_all(&stage.output)?).exactly_once()?;
    }
    daemon.wait_ready(LIMIT)?;
    let denied = format!(
        "not allowed (Subscribed topic not available: {}",
        reads.input
    );
    said_once(&daemon, &denied, secured.password)?;
    let unseen = format!("topic {} does not exist", writes.output);
    said_once(&daemon, &unseen, secured.password)?;
    let shown = std::process::Command::new(pelton_harness::paths::pelton()?)
        .args(["config", "show"])
        .current_dir(daemon.folder())
        .output()?;
    let shown = String::from_utf8_lossy(&shown.stdout);
    ensure!(
        shown.contains("(hidden)") && !shown.contains(secured.password),
        "{shown}"
    );
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn a_wrong_password_is_told_and_a_mended_one_works_after_a_reload() -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "wrongly", 1)?;
    let mut daemon = daemon(&[&stage], "not-the-password", &secured.authority)?;
    let why = reason(&daemon, &stage, &[&secured.bootstrap, "sasl.password"])?;
    println!("{why}");
    said_once(&daemon, "sasl.password", "not-the-password")?;
    fs::write(daemon.folder().join("password"), secured.password)?;
    let (code, _, words) = pelton(daemon.folder(), &["reload"])?;
    ensure!(code == 0, "{code}: {words}");
    daemon.wait_ready(LIMIT)?;
    works(&stage, 0)
}

#[test]
fn a_certificate_that_is_not_trusted_is_told() -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "untrusted", 1)?;
    let daemon = daemon(&[&stage], secured.password, &secured.stranger)?;
    let why = reason(&daemon, &stage, &[&secured.bootstrap, "ssl.ca.location"])?;
    println!("{why}");
    said_once(&daemon, "ssl.ca.location", secured.password)
}

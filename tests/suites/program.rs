//! The program as its user meets it: what the configuration promises on a real broker, and what its other
//! commands answer without one.

#[path = "program/invoke.rs"]
mod invoke;
#[path = "program/isolation.rs"]
mod isolation;

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Copies, DaemonOptions, Draft, Message, Stage, TestCluster, component, orders, paths,
};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// Good, to be rejected, good.
fn drafts() -> [Draft; 3] {
    [
        Draft::new("k", "first"),
        Draft::new("k", "reject:x"),
        Draft::new("k", "last"),
    ]
}

fn values(messages: &[Message]) -> Vec<String> {
    messages.iter().map(Message::value_text).collect()
}

/// A program's standard output, and its exit code.
fn run(program: impl AsRef<OsStr>, folder: &Path, arguments: &[&str]) -> Result<(i32, String)> {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("CACHE_DIRECTORY", paths::fresh_folder("program-cache")?)
        .output()?;
    eprintln!("{}", String::from_utf8_lossy(&stderr));
    let code = status.code().context("it was ended by a signal")?;
    Ok((code, String::from_utf8(stdout)?))
}

fn pelton(arguments: &[&str]) -> Result<(i32, String)> {
    run(paths::pelton()?, &paths::repository(), arguments)
}

/// The path of a guest's component, as an argument.
fn guest(name: &str) -> Result<String> {
    Ok(paths::guest(name)?.display().to_string())
}

#[test]
fn topics_that_may_be_created_are() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::without_dead_letter_topic(cluster, "creating", 1)?;
    let client = cluster.client()?;
    let output = format!("{}-made", stage.output);
    let text = stage
        .config(
            "misbehave",
            "create-topics = { partitions = 3, replication = 1 }",
        )
        .replace(&stage.output, &output);
    let mut daemon = stage.daemon("misbehave", "")?.config(&text)?.start()?;
    client.produce(&stage.input, &drafts())?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    assert_eq!(client.partitions(&output)?, 3);
    assert_eq!(client.partitions(&stage.dead_letter)?, 3);
    assert_eq!(values(&client.read_all(&output)?), ["first", "last"]);
    assert_eq!(values(&client.read_all(&stage.dead_letter)?), ["reject:x"]);
    assert_eq!(daemon.log_count("topic created"), 2);
    daemon.wait_ready(LIMIT)
}

#[test]
fn a_missing_output_topic_is_named_and_waited_for() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "outless", 1)?);
    let output = format!("{}-late", stage.output);
    let text = stage
        .config("passthrough", "")
        .replace(&stage.output, &output);
    let mut daemon = stage.daemon("passthrough", "")?.config(&text)?.start()?;
    client.produce(&stage.input, &drafts())?;
    daemon.wait_for_log(&format!("topic {output} does not exist"), LIMIT)?;
    daemon.wait_unready(&output, LIMIT)?;
    assert_eq!(client.committed(&stage.group, &stage.input)?, [None]);
    cluster.create_topic_named(&output, 1, &[])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    assert_eq!(client.read_all(&output)?.len(), 3);
    daemon.wait_ready(LIMIT)
}

#[test]
fn a_message_that_is_skipped_as_configured_is_told_of_and_committed_past() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::without_dead_letter_topic(cluster, "skipping", 1)?;
    let client = cluster.client()?;
    let mut daemon = stage
        .daemon("misbehave", r#"dead-letter = { on-exhausted = "skip" }"#)?
        .start()?;
    client.produce(&stage.input, &drafts())?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    daemon.wait_for_log("message skipped, as on-exhausted", LIMIT)?;
    assert_eq!(values(&client.read_all(&stage.output)?), ["first", "last"]);
    let skipped = daemon.metric("pelton_exhausted_messages_total", &[r#"outcome="skipped""#])?;
    ensure!(skipped == 1.0, "{skipped} messages are counted as skipped");
    Ok(())
}

#[test]
fn a_revision_whose_set_up_fails_is_refused_and_the_old_one_goes_on() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "unready", 1)?);
    // The revision that runs doesn't read its settings.
    let settings = r#"settings = { how = "error", reason = "no luck today" }"#;
    let options = stage.daemon("passthrough", settings)?;
    let file = options.folder().join("passthrough.wasm");
    let mut daemon = options.start()?;
    let drafts = orders(200);
    client.produce(&stage.input, &drafts[..100])?;
    client.read_at_least(&stage.output, 100, LIMIT)?;
    component::replace(&file, &fs::read(paths::guest("setup_fails")?)?)?;
    daemon.wait_for_log("component refused; revision", LIMIT)?;
    ensure!(
        daemon.log_count("no luck today") > 0,
        "the reason isn't told"
    );
    client.produce(&stage.input, &drafts[100..])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()?;
    let refused = daemon.metric("pelton_refused_revisions_total", &[])?;
    ensure!(refused == 1.0, "{refused} revisions are counted as refused");
    daemon.wait_ready(LIMIT)
}

#[test]
fn handlers_of_two_clusters_run_in_one_daemon() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let (one, other) = (
        Stage::new(cluster, "here", 1)?,
        Stage::new(cluster, "there", 1)?,
    );
    let text = format!(
        "{}{}\n[clusters.second]\nbootstrap-servers = [\"{}\"]\n",
        one.config("passthrough", ""),
        other.handler_config("bare_wit", "cluster = \"second\""),
        cluster.bootstrap(),
    );
    let mut daemon = DaemonOptions::new("two-clusters")?
        .component("passthrough")?
        .component("bare_wit")?
        .config(&text)?
        .start()?;
    for stage in [&one, &other] {
        client.produce(&stage.input, &drafts())?;
        client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    }
    let here = values(&client.read_all(&one.output)?);
    assert_eq!(here, ["first", "reject:x", "last"]);
    let there = values(&client.read_all(&other.output)?);
    assert_eq!(there, ["FIRST", "REJECT:X", "LAST"]);
    daemon.wait_ready(LIMIT)
}

#[test]
fn a_header_name_that_is_no_text_goes_into_a_dead_letter_unchanged() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "odd-names", 1)?);
    let daemon = stage.daemon("misbehave", "")?.start()?;
    // The harness's own client knows only names that are text; kcat takes what it is given.
    let odd = b"name-\xff\xfe=value";
    let mut kcat = Command::new("kcat")
        .args(["-P", "-b", cluster.bootstrap(), "-t", &stage.input, "-H"])
        .arg(OsStr::from_bytes(odd))
        .stdin(Stdio::piped())
        .spawn()
        .context("can't start kcat")?;
    let mut pipe = kcat.stdin.take().context("kcat has no input")?;
    pipe.write_all(b"reject:x\n")?;
    drop(pipe);
    ensure!(kcat.wait()?.success(), "kcat failed");
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let letters = Command::new("kcat")
        .args(["-C", "-b", cluster.bootstrap(), "-t", &stage.dead_letter])
        .args(["-o", "beginning", "-e", "-q", "-f", "%h|%s\n"])
        .output()?;
    let shown = String::from_utf8_lossy(&letters.stdout);
    ensure!(
        letters.stdout.starts_with(&[odd.as_slice(), b","].concat()),
        "another name: {shown}"
    );
    ensure!(shown.trim_end().ends_with("|reject:x"), "{shown}");
    drop(daemon);
    Ok(())
}

#[test]
fn a_handler_of_the_simple_interface_runs_on_a_broker() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "simple", 2)?);
    let daemon = stage.daemon("bare_wit", "")?.start()?;
    let drafts = orders(2_000);
    client.produce(&stage.input, &drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let shouted: Vec<Draft> = drafts
        .into_iter()
        .map(|draft| Draft {
            value: draft.value.map(|value| value.to_ascii_uppercase()),
            ..draft
        })
        .collect();
    Copies::of(&shouted, &client.read_all(&stage.output)?).exactly_once()?;
    drop(daemon);
    Ok(())
}

#[test]
fn inspect_tells_what_a_component_is() -> Result<()> {
    for (name, interface, setup) in [
        ("bare_wit", "simple", false),
        ("passthrough", "packed", false),
        ("setup_fails", "packed", true),
    ] {
        let (code, text) = pelton(&["inspect", "--json", &guest(name)?])?;
        let told: Value = serde_json::from_str(&text)?;
        let says = |key: &str, start: &str| {
            told[key]
                .as_str()
                .is_some_and(|value| value.starts_with(start))
        };
        ensure!(
            code == 0 && says("digest", "sha256:") && says("interface", interface),
            "{name}: {text}"
        );
        if setup {
            assert_eq!(told["setup"], true, "{name}");
        }
        let size = fs::metadata(paths::guest(name)?)?.len();
        assert_eq!(told["bytes"], size, "{name}");
    }
    Ok(())
}

#[test]
fn check_finds_a_good_configuration_fine() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "checked", 1)?;
    let options = stage.daemon("passthrough", "")?;
    let (code, text) = run(paths::pelton()?, options.folder(), &["check"])?;
    ensure!(
        code == 0 && text.contains("pelton.toml: fine") && text.contains("passes its trial"),
        "{code}: {text}"
    );
    Ok(())
}

#[test]
fn build_makes_a_component_of_a_source_folder() -> Result<()> {
    let component = paths::fresh_folder("built")?.join("shout.wasm");
    let path = component.display().to_string();
    let (code, text) = pelton(&["build", "examples/bare-wit", "-o", &path])?;
    assert_eq!((code, text.trim()), (0, path.as_str()));
    let (code, text) = pelton(&["invoke", &path, "--value", "hello"])?;
    ensure!(code == 0 && text.contains("HELLO"), "{code}: {text}");
    Ok(())
}

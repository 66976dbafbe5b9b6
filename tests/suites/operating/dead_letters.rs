//! `pelton dlq`: dead letters are found, given back to their handler and to nobody else, and deleted.

use std::{collections::BTreeMap, fs, path::Path, process::Command, time::SystemTime};

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Client, Draft, Message, Stage, TestCluster, TestDaemon, command::pelton, paths, wait,
};
use serde_json::Value;

use crate::LIMIT;

/// A line of the handler's table by which it rejects whatever comes.
const REJECTS: &str = r#"settings = { mode = "reject" }"#;

/// In milliseconds.
const MINUTE: i64 = 60_000;

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn retry(stage: &Stage) -> String {
    format!("{}.retry", stage.group)
}

/// What `pelton dlq` answers, where it succeeds.
fn dlq(folder: &Path, arguments: &[&str]) -> Result<Value> {
    let all = [&["dlq"], arguments, &["--json"]].concat();
    let (code, answer, words) = pelton(folder, &all)?;
    ensure!(code == 0, "{arguments:?}: {code}: {words}");
    Ok(answer)
}

/// How many letters a list has.
fn letters(list: &Value) -> usize {
    list["letters"].as_array().map_or(0, Vec::len)
}

/// A daemon that has rejected these, and does so no more.
pub(crate) fn repaired(client: &Client, stage: &Stage, drafts: &[Draft]) -> Result<TestDaemon> {
    repaired_with("", client, stage, drafts)
}

/// The same, with further lines in the handler's table.
fn repaired_with(
    more: &str,
    client: &Client,
    stage: &Stage,
    drafts: &[Draft],
) -> Result<TestDaemon> {
    let lines = format!("{REJECTS}\n{more}");
    let mut daemon = stage.daemon("misbehave", &lines)?.start()?;
    client.produce(&stage.input, drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    ensure!(client.read_all(&stage.dead_letter)?.len() == drafts.len());
    configure(&daemon, |text| text.replace(REJECTS, ""))?;
    daemon.wait_ready(LIMIT)?;
    Ok(daemon)
}

/// Changes the configuration, and has the daemon read it.
fn configure(daemon: &TestDaemon, change: impl Fn(&str) -> String) -> Result<()> {
    let file = daemon.folder().join("pelton.toml");
    fs::write(&file, change(&fs::read_to_string(&file)?))?;
    let (code, _, words) = pelton(daemon.folder(), &["reload"])?;
    ensure!(code == 0, "{code}: {words}");
    Ok(())
}

fn header(message: &Message, name: &str) -> Option<String> {
    let found = message.headers.iter().find(|(own, _)| own == name)?;
    Some(String::from_utf8_lossy(found.1.as_deref()?).into_owned())
}

#[test]
fn letters_go_back_to_their_handler_alone_and_keep_their_id() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "redriven", 2)?);
    let mut other = Stage::new(cluster, "bystander", 2)?;
    other.input.clone_from(&stage.input);
    let mut bystander = other.daemon("passthrough", "")?.start()?;
    let drafts = [
        Draft::new("a", "where").header("own", "1").partition(0),
        Draft::new("b", "where").partition(0),
        Draft::new("c", "where").partition(1),
    ];
    let mut daemon = repaired(&client, &stage, &drafts)?;
    let folder = daemon.folder().to_owned();

    let few = dlq(&folder, &["list", &stage.handler, "--limit", "2"])?;
    assert_eq!((letters(&few), &few["more"]), (2, &true.into()));
    let all = dlq(&folder, &["list", &stage.handler])?;
    assert_eq!((letters(&all), &all["more"]), (3, &false.into()));
    let all = &all["letters"];
    assert_eq!(
        (&all[0]["kind"], &all[0]["redrives"]),
        (&"reject".into(), &0.into())
    );
    for (filter, count) in [
        (["--kind", "trap"], 0),
        (["--key", "b"], 1),
        (["--source-topic", &stage.input], 3),
        (["--since", "1h"], 3),
        (["--until", "1h"], 0),
    ] {
        let found = dlq(&folder, &[&["list", &stage.handler], &filter[..]].concat())?;
        assert_eq!(letters(&found), count, "{filter:?}");
    }
    let at = format!(
        "{}@{}",
        all[1]["letter"]["partition"], all[1]["letter"]["offset"]
    );
    let one = dlq(&folder, &["show", &stage.handler, &at])?;
    assert_eq!(one, all[1]);
    assert_eq!(one["value"], serde_json::json!({ "text": "where" }));

    let dry = dlq(&folder, &["redrive", &stage.handler])?;
    assert_eq!(dry["written"][retry(&stage)], 3);
    assert_eq!(dry["made"], retry(&stage));
    ensure!(
        client.partitions(&retry(&stage)).is_err(),
        "a dry run made the topic"
    );
    let told = dlq(&folder, &["redrive", &stage.handler, "--execute"])?;
    assert_eq!(
        (&told["executed"], &told["written"][retry(&stage)]),
        (&true.into(), &3.into())
    );

    // The daemon finds the topic by itself, and the handler sees each message as it was.
    let outputs = client.read_at_least(&stage.output, 3, LIMIT)?;
    let places: BTreeMap<_, _> = outputs
        .iter()
        .map(|m| (m.key_text(), m.value_text()))
        .collect();
    for (key, place, headers) in [("a", "0@0", 1), ("b", "0@1", 0), ("c", "1@0", 0)] {
        let place = format!("{}/{place}", stage.input);
        assert_eq!(places[key], format!("{place} {place} {headers}"));
    }
    client.wait_for_all_committed(&stage.group, &retry(&stage), LIMIT)?;
    assert_eq!(client.read_all(&stage.output)?.len(), 3, "each once");
    let again = dlq(&folder, &["redrive", &stage.handler, "--execute"])?;
    assert_eq!(
        (&again["written"], &again["skipped"]["already"]),
        (&serde_json::json!({}), &3.into())
    );
    assert_eq!(client.read_all(&retry(&stage))?.len(), 3);
    client.wait_for_all_committed(&other.group, &other.input, LIMIT)?;
    assert_eq!(
        client.read_all(&other.output)?.len(),
        3,
        "the bystander saw each once"
    );
    ensure!(
        daemon.stop(LIMIT)? == 0 && bystander.stop(LIMIT)? == 0,
        "clean stops"
    );
    Ok(())
}

#[test]
fn a_letter_that_comes_back_is_counted_and_stays_in_the_end() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "comesback", 1)?);
    cluster.create_topic_named(&retry(&stage), 1, &[])?;
    let daemon = stage.daemon("misbehave", REJECTS)?.start()?;
    client.produce(&stage.input, &[Draft::new("k", "where")])?;
    let redrive = [
        "redrive",
        &stage.handler,
        "--execute",
        "--max-redrives",
        "2",
    ];
    for redrives in 0..3_usize {
        client.read_at_least(&stage.dead_letter, redrives + 1, LIMIT)?;
        let all = dlq(daemon.folder(), &["list", &stage.handler])?;
        let last = &all["letters"][redrives];
        assert_eq!(last["redrives"], redrives);
        assert_eq!(last["origin"]["topic"], stage.input);
        let told = dlq(daemon.folder(), &redrive)?;
        match redrives {
            0 | 1 => assert_eq!(told["written"][retry(&stage)], 1, "{told:#}"),
            _ => assert_eq!(
                told["skipped"],
                serde_json::json!({ "already": 2, "loops": 1 })
            ),
        }
    }
    Ok(())
}

#[test]
fn a_redrive_that_is_killed_is_taken_up_by_the_next_and_loses_none() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "killed", 1)?);
    // So slowly that the reader comes to an end in between.
    let count = 60;
    let drafts: Vec<_> = (0..count)
        .map(|n| Draft::new(format!("k{n}"), "where"))
        .collect();
    let mut daemon = repaired(&client, &stage, &drafts)?;
    let folder = daemon.folder().to_owned();
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    let mut cut_short = Command::new(paths::pelton()?)
        .args(["dlq", "redrive", &stage.handler, "--execute", "--rate", "1"])
        .current_dir(&folder)
        .spawn()?;
    wait::until_true("some copies to be written", LIMIT, || {
        Ok(client
            .read_all(&retry(&stage))
            .is_ok_and(|all| all.len() > 2))
    })?;
    cut_short.kill()?;
    cut_short.wait()?;
    let written = client.read_all(&retry(&stage))?.len();
    ensure!(written < count, "it was killed too late to show anything");
    dlq(&folder, &["redrive", &stage.handler, "--execute"])?;
    let mut letters: Vec<_> = client
        .read_all(&retry(&stage))?
        .iter()
        .map(|copy| header(copy, "pelton-redrive-letter").context("a letter"))
        .collect::<Result<_>>()?;
    ensure!(
        letters.len() == count,
        "{} copies, {written} by the first",
        letters.len()
    );
    letters.sort();
    letters.dedup();
    ensure!(letters.len() == count, "only {} letters", letters.len());
    Ok(())
}

#[test]
fn letters_go_back_to_their_source_where_that_is_asked_for() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "tosource", 2)?);
    let drafts = [Draft::new("a", "where").partition(1)];
    let daemon = repaired(&client, &stage, &drafts)?;
    let redrive = ["redrive", &stage.handler, "--execute", "--to-source"];
    let told = dlq(daemon.folder(), &redrive)?;
    assert_eq!(told["written"][&stage.input], 1);
    let outputs = client.read_at_least(&stage.output, 1, LIMIT)?;
    let place = format!("{}/1@0", stage.input);
    assert_eq!(outputs[0].value_text(), format!("{place} {place} 0"));
    assert_eq!(dlq(daemon.folder(), &redrive)?["skipped"]["already"], 1);
    assert_eq!(client.read_all(&stage.input)?.len(), 2);
    Ok(())
}

/// Where transactions end, their markers stand behind the last letter.
#[test]
fn letters_of_an_exactly_once_handler_are_read_to_their_end() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "transacted", 1)?);
    let drafts = [Draft::new("a", "where"), Draft::new("b", "where")];
    let exactly_once = r#"guarantee = "exactly-once""#;
    let daemon = repaired_with(exactly_once, &client, &stage, &drafts)?;
    let all = dlq(daemon.folder(), &["list", &stage.handler])?;
    assert_eq!(all["letters"].as_array().map(Vec::len), Some(2), "{all:#}");
    let redrive = ["redrive", &stage.handler, "--execute"];
    let told = dlq(daemon.folder(), &redrive)?;
    assert_eq!(told["written"][retry(&stage)], 2, "{told:#}");
    client.read_at_least(&stage.output, 2, LIMIT)?;
    let again = dlq(daemon.folder(), &redrive)?;
    assert_eq!(again["skipped"]["already"], 2, "{again:#}");
    Ok(())
}

/// A message's clock may run ahead of everybody's.
#[test]
fn letters_of_the_future_and_of_long_ago_are_redriven_once() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "ahead", 1)?);
    let drafts = [
        Draft::new("a", "where").timestamp(now() + 30 * MINUTE),
        Draft::new("b", "where").timestamp(now() - 600 * MINUTE),
    ];
    let daemon = repaired(&client, &stage, &drafts)?;
    let redrive = ["redrive", &stage.handler, "--execute"];
    let told = dlq(daemon.folder(), &redrive)?;
    assert_eq!(told["written"][retry(&stage)], 2);
    let again = dlq(daemon.folder(), &redrive)?;
    assert_eq!(again["skipped"]["already"], 2, "{again:#}");
    let copies = client.read_all(&retry(&stage))?;
    let new = |copy: &Message| {
        copy.timestamp
            .is_some_and(|at| (now() - at).abs() < 10 * MINUTE)
    };
    ensure!(
        copies.len() == 2 && copies.iter().all(new),
        "retention counts from when they were written: {copies:?}"
    );
    Ok(())
}

#[test]
fn only_what_is_older_is_purged() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "cut", 1)?);
    let drafts = [
        Draft::new("old", "where").timestamp(now() - 120 * MINUTE),
        Draft::new("new", "where").timestamp(now()),
    ];
    let daemon = repaired(&client, &stage, &drafts)?;
    let purge = ["purge", &stage.handler, "--before", "1h", "--execute"];
    assert_eq!(dlq(daemon.folder(), &purge)?["letters"], 1);
    let left = client.read_all(&stage.dead_letter)?;
    let keys: Vec<_> = left.iter().map(Message::key_text).collect();
    assert_eq!(keys, ["new"]);
    Ok(())
}

#[test]
fn letters_are_purged_only_when_told_to_and_those_of_others_never_by_chance() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "purged", 1)?);
    let drafts = [Draft::new("a", "where"), Draft::new("b", "where")];
    let daemon = repaired(&client, &stage, &drafts)?;
    let (folder, handler) = (daemon.folder(), &*stage.handler);
    assert_eq!(dlq(folder, &["purge", handler, "--all"])?["letters"], 2);
    assert_eq!(
        dlq(folder, &["purge", handler, "--before", "1h"])?["letters"],
        0
    );
    assert_eq!(client.read_all(&stage.dead_letter)?.len(), 2);
    client.produce(&stage.dead_letter, &[Draft::new("x", "of another program")])?;
    let (code, _, words) = pelton(folder, &["dlq", "purge", handler, "--all", "--execute"])?;
    ensure!(
        code == 1 && words.contains("--any-handler"),
        "{code}: {words}"
    );
    assert_eq!(client.read_all(&stage.dead_letter)?.len(), 3);
    let all = ["purge", handler, "--all", "--any-handler", "--execute"];
    assert_eq!(dlq(folder, &all)?["letters"], 3);
    assert_eq!(client.read_all(&stage.dead_letter)?.len(), 0);
    for (arguments, code, said) in [
        (vec!["dlq", "list", "nobody"], 2, handler),
        (
            vec!["dlq", "show", handler, "0@0"],
            2,
            "no dead letter stands at",
        ),
        (vec!["dlq", "purge", handler], 2, "--before"),
        (
            vec!["dlq", "list", handler, "--since", "yesterday"],
            2,
            "neither a time",
        ),
    ] {
        let (ended, _, words) = pelton(folder, &arguments)?;
        ensure!(
            ended == code && words.contains(said),
            "{arguments:?}: {ended}: {words}"
        );
    }
    Ok(())
}

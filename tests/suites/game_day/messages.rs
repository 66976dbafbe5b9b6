//! Messages that fail by the thousand, and messages that come faster than they are handled.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, bail, ensure};
use pelton_harness::{
    Copies, Draft, Stage, TestCluster, command::words, component, load::flows_while, paths,
};

use crate::{LIMIT, guide::Entry};

/// Messages that can't be handled, among as many that can; but for some, which are tried again before.
const POISON: usize = 1_040;

#[test]
fn a_flood_of_poison() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "poison", 2)?);
    let meant = [
        ("HANDLER", &*stage.handler),
        ("COMPONENT", "misbehave.wasm"),
        ("LETTERS", &format!("dead-lettered {POISON}")),
    ];
    let mut entry = Entry::read("Poison messages come in a flood", &stage, &meant)?;
    let twice = r#"retry = { attempts = 2, backoff = "10ms" }"#;
    let daemon = stage.daemon("misbehave", twice)?.start()?;
    entry.is_to_come(&daemon)?;
    let mut drafts = Vec::new();
    for n in 0..POISON - 40 {
        drafts.push(Draft::new(format!("{n}"), format!("reject:{n}")));
        drafts.push(Draft::new(format!("{n}"), format!("fine {n}")));
    }
    drafts.extend((0..40).map(|n| Draft::new(format!("{n}"), format!("fail:{n}"))));
    client.produce(&stage.input, &drafts)?;
    entry.is_told(&daemon)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let answers = entry.carry_out(daemon.folder(), |line| match line {
        ["mv", _, file @ "misbehave.wasm"] => {
            let better = fs::read(paths::guest("passthrough")?)?;
            component::replace(&daemon.folder().join(file), &better)
        }
        other => bail!("what is {other:?}?"),
    })?;
    are_listed(&stage, &answers)?;
    let outputs = client.read_at_least(&stage.output, drafts.len(), LIMIT)?;
    Copies::of(&drafts, &outputs).exactly_once_in_any_order()?;
    // It is over: none is left to be given back, and none came anew.
    let left = ["dlq", "redrive", &stage.handler];
    let (_, left) = words(daemon.folder(), &left)?;
    ensure!(
        left == format!("{POISON} stay: they were redriven before\n"),
        "{left}"
    );
    client.wait_for_all_committed(&stage.group, &retry(&stage), LIMIT)?;
    ensure!(client.read_all(&stage.dead_letter)?.len() == POISON);
    ensure!(daemon.get("/readyz")?.status == 200);
    entry.is_told_no_more_than_that(&daemon)
}

/// Each letter with where it came from and why, as many as are shown at once, and how many more there are.
fn are_listed(stage: &Stage, answers: &BTreeMap<String, String>) -> Result<()> {
    let answer = |command: &str| {
        let answer = answers.get(&format!("dlq {command}"));
        answer.with_context(|| format!("{command}: {answers:#?}"))
    };
    let list = answer(&format!("list {}", stage.handler))?;
    let letters: Vec<_> = list.lines().filter(|line| line.starts_with("0@")).collect();
    println!(
        "{}\n…\n{}",
        letters[0],
        list.lines().last().unwrap_or_default()
    );
    for letter in &letters {
        let told = letter.contains(&format!("{}/", stage.input)) && letter.contains("reject");
        ensure!(told, "{letter}");
    }
    let more = format!(
        "… and {} more; --limit shows them\n",
        POISON - letters.len()
    );
    ensure!(list.ends_with(&more), "{list}");
    let given_back = answer(&format!("redrive {} --execute", stage.handler))?;
    let all = format!("{POISON} redriven to {}\n", retry(stage));
    ensure!(given_back.ends_with(&all), "{given_back}");
    Ok(())
}

/// Where letters are given back.
fn retry(stage: &Stage) -> String {
    format!("{}.retry", stage.group)
}

#[test]
fn a_handler_that_lags() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "lags", 1)?);
    let mut entry = Entry::read("A handler falls behind", &stage, &[])?;
    let one_by_one = "limits = { instances = 1 }";
    let daemon = stage.daemon("waits", one_by_one)?.start()?;
    entry.is_to_come(&daemon)?;
    let slow = |n: usize| Draft::new(format!("{n}"), format!("wait:50 {n}"));
    let drafts: Vec<_> = (0..6_000).map(slow).collect();
    let backlog = 1_200;
    client.produce(&stage.input, &drafts[..backlog])?;
    // Forty a second, where it manages twenty.
    let (more, ()) = flows_while(&client, &stage.input, (&drafts[backlog..], 20), || {
        entry.is_told(&daemon)
    })?;
    entry.carry_out(daemon.folder(), |line| match line {
        ["editor", _] => {
            let file = daemon.folder().join("pelton.toml");
            let faster = "limits = { instances = 32 }\norder = \"key\"";
            let text = fs::read_to_string(&file)?.replace(one_by_one, faster);
            component::replace(&file, text.as_bytes())
        }
        other => bail!("what is {other:?}?"),
    })?;
    entry.is_over(&daemon)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    Copies::of(&drafts[..backlog + more], &outputs).exactly_once_in_any_order()?;
    entry.is_told_no_more_than_that(&daemon)
}

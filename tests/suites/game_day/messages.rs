//! Messages that fail by the thousand, and messages that come faster than they are handled.

use std::fs;

use anyhow::{Result, bail};
use pelton_harness::{Copies, Draft, Stage, TestCluster, component, load::flows_while, paths};

use crate::{LIMIT, guide::Entry};

#[test]
fn a_flood_of_poison() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "poison", 2)?);
    let meant = [
        ("HANDLER", &*stage.handler),
        ("COMPONENT", "misbehave.wasm"),
        ("LETTERS", "dead-lettered 1040"),
    ];
    let entry = Entry::read("Poison messages come in a flood", &meant)?;
    let twice = r#"retry = { attempts = 2, backoff = "10ms" }"#;
    let mut daemon = stage.daemon("misbehave", twice)?.start()?;
    daemon.wait_ready(LIMIT)?;
    let mut drafts = Vec::new();
    for n in 0..1_000 {
        drafts.push(Draft::new(format!("{n}"), format!("reject:{n}")));
        drafts.push(Draft::new(format!("{n}"), format!("fine {n}")));
    }
    drafts.extend((0..40).map(|n| Draft::new(format!("{n}"), format!("fail:{n}"))));
    client.produce(&stage.input, &drafts)?;
    entry.is_told(&daemon)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    entry.carry_out(daemon.folder(), |line| match line {
        ["mv", _, file @ "misbehave.wasm"] => {
            let better = fs::read(paths::guest("passthrough")?)?;
            component::replace(&daemon.folder().join(file), &better)
        }
        other => bail!("what is {other:?}?"),
    })?;
    let outputs = client.read_at_least(&stage.output, drafts.len(), LIMIT)?;
    Copies::of(&drafts, &outputs).exactly_once_in_any_order()?;
    entry.is_told_no_more_than_that(&daemon)
}

#[test]
fn a_handler_that_lags() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "lags", 1)?);
    let entry = Entry::read("A handler falls behind", &[])?;
    let one_by_one = "limits = { instances = 1 }";
    let mut daemon = stage.daemon("waits", one_by_one)?.start()?;
    daemon.wait_ready(LIMIT)?;
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

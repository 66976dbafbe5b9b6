//! A component and a configuration that can't be used, put in place while the daemon runs.

use std::fs;

use anyhow::{Result, bail};
use pelton_harness::{Stage, TestCluster, TestDaemon, component, orders, paths};

use crate::{guide::Entry, nothing_is_lost};

/// A daemon that works, for which something is spoilt, told, and mended by the last word of a command of the guide.
fn spoilt(
    name: &str,
    (title, meant): (&str, &[(&str, &str)]),
    spoil: impl FnOnce(&TestDaemon) -> Result<()>,
    mend: impl Fn(&TestDaemon, &[&str]) -> Result<()>,
) -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, name, 2)?);
    let mut entry = Entry::read(title, &stage, meant)?;
    let daemon = stage.daemon("passthrough", "")?.start()?;
    entry.is_to_come(&daemon)?;
    let drafts = orders(300);
    client.produce(&stage.input, &drafts[..100])?;
    spoil(&daemon)?;
    client.produce(&stage.input, &drafts[100..200])?;
    entry.is_told(&daemon)?;
    // What ran before goes on.
    nothing_is_lost(&client, &stage, &drafts[..200])?;
    entry.carry_out(daemon.folder(), |line| mend(&daemon, line))?;
    entry.is_over(&daemon)?;
    client.produce(&stage.input, &drafts[200..])?;
    nothing_is_lost(&client, &stage, &drafts)?;
    entry.is_told_no_more_than_that(&daemon)
}

#[test]
fn a_component_that_is_bad() -> Result<()> {
    let meant = [("COMPONENT", "passthrough.wasm")];
    let file = |daemon: &TestDaemon| daemon.folder().join("passthrough.wasm");
    spoilt(
        "badfile",
        ("A component is refused", &meant),
        |daemon| component::replace(&file(daemon), b"#!/bin/sh\n"),
        |daemon, line| match line {
            ["mv", _, "passthrough.wasm"] => {
                let good = component::variant(&fs::read(paths::guest("passthrough")?)?, 1);
                component::replace(&file(daemon), &good)
            }
            other => bail!("what is {other:?}?"),
        },
    )
}

#[test]
fn a_configuration_that_is_bad() -> Result<()> {
    let rewrite = |daemon: &TestDaemon, from: &str, to: &str| {
        let file = daemon.folder().join("pelton.toml");
        let text = fs::read_to_string(&file)?.replace(from, to);
        component::replace(&file, text.as_bytes())
    };
    let (good, bad) = ("\ncommit-interval", "\ncomit-interval");
    spoilt(
        "badtable",
        ("A configuration is refused", &[]),
        |daemon| rewrite(daemon, good, bad),
        |daemon, line| match line {
            ["editor", _] => rewrite(daemon, bad, good),
            other => bail!("what is {other:?}?"),
        },
    )
}

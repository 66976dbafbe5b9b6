//! Brokers that are down, and topics that aren't there.

use anyhow::{Result, bail};
use pelton_harness::{Stage, TestCluster, Version, orders};

use crate::{guide::Entry, nothing_is_lost};

#[test]
fn brokers_that_are_down() -> Result<()> {
    let cluster = TestCluster::start(Version::wanted())?;
    let (client, stage) = (cluster.client()?, Stage::new(&cluster, "outage", 2)?);
    let brokers = [("BROKERS", cluster.bootstrap())];
    let mut entry = Entry::read("No broker can be reached", &stage, &brokers)?;
    let daemon = stage.daemon("passthrough", "")?.start()?;
    entry.is_to_come(&daemon)?;
    let drafts = orders(400);
    client.produce(&stage.input, &drafts[..200])?;
    cluster.kill();
    entry.is_told(&daemon)?;
    entry.carry_out(daemon.folder(), |line| match line {
        ["systemctl", "start", "kafka"] => cluster.restart(),
        other => bail!("what is {other:?}?"),
    })?;
    entry.is_over(&daemon)?;
    client.produce(&stage.input, &drafts[200..])?;
    nothing_is_lost(&client, &stage, &drafts)?;
    entry.is_told_no_more_than_that(&daemon)
}

#[test]
fn an_output_topic_that_is_missing() -> Result<()> {
    missing("nowhere", "A topic to write is missing", |stage| {
        [&stage.output, &stage.input]
    })
}

#[test]
fn an_input_topic_that_is_missing() -> Result<()> {
    missing("nothing", "A topic to read is missing", |stage| {
        [&stage.input, &stage.output]
    })
}

/// A daemon finds the first of these topics missing, and works once it is made.
fn missing(name: &str, title: &str, topics: fn(&Stage) -> [&str; 2]) -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::named(cluster.bootstrap(), name));
    let [topic, there] = topics(&stage);
    cluster.create_topic_named(there, 2, &[])?;
    cluster.create_topic_named(&stage.dead_letter, 1, &[])?;
    let meant = [("TOPIC", topic), ("BROKERS", cluster.bootstrap())];
    let entry = Entry::read(title, &stage, &meant)?;
    let daemon = stage.daemon("passthrough", "")?.start()?;
    entry.begins_with(&daemon)?;
    entry.is_told(&daemon)?;
    entry.carry_out(daemon.folder(), |line| match line {
        [tool @ "kafka-topics.sh", arguments @ ..] => cluster.tool(tool, arguments),
        other => bail!("what is {other:?}?"),
    })?;
    entry.is_over(&daemon)?;
    let drafts = orders(100);
    client.produce(&stage.input, &drafts)?;
    nothing_is_lost(&client, &stage, &drafts)?;
    entry.is_told_no_more_than_that(&daemon)
}

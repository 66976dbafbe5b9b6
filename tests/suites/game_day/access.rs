//! What a broker with TLS, passwords and access rules refuses.

use std::fs;

use anyhow::{Result, bail, ensure};
use pelton_harness::{Stage, TestCluster, orders};

use crate::{guide::Entry, nothing_is_lost};

#[test]
fn a_password_that_is_wrong() -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "stranger", 1)?);
    let entry = Entry::read("The brokers refuse the password", &stage, &[])?;
    let drafts = orders(100);
    client.produce(&stage.input, &drafts)?;
    let wrong = "not-the-password";
    let daemon = secured.daemon(&[&stage], wrong, &secured.authority)?;
    let daemon = daemon.start()?;
    entry.begins_with(&daemon)?;
    entry.is_told(&daemon)?;
    entry.carry_out(daemon.folder(), |line| match line {
        ["editor", _] => Ok(fs::write(
            daemon.folder().join("password"),
            secured.password,
        )?),
        other => bail!("what is {other:?}?"),
    })?;
    entry.is_over(&daemon)?;
    nothing_is_lost(&client, &stage, &drafts)?;
    for password in [wrong, secured.password] {
        ensure!(
            daemon.log_count(password) == 0,
            "a password stands in the log"
        );
    }
    entry.is_told_no_more_than_that(&daemon)
}

#[test]
fn an_acl_that_is_missing() -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "closed", 1)?);
    let meant = [
        ("BROKERS", cluster.bootstrap()),
        ("TOPIC", &*stage.input),
        ("USER", secured.user),
    ];
    let entry = Entry::read("An ACL is missing", &stage, &meant)?;
    let drafts = orders(100);
    client.produce(&stage.input, &drafts)?;
    cluster.close(&stage.input)?;
    let daemon = secured.daemon(&[&stage], secured.password, &secured.authority)?;
    let daemon = daemon.start()?;
    entry.begins_with(&daemon)?;
    entry.is_told(&daemon)?;
    entry.carry_out(daemon.folder(), |line| match line {
        [tool @ "kafka-acls.sh", arguments @ ..] => cluster.tool(tool, arguments),
        other => bail!("what is {other:?}?"),
    })?;
    entry.is_over(&daemon)?;
    nothing_is_lost(&client, &stage, &drafts)?;
    entry.is_told_no_more_than_that(&daemon)
}

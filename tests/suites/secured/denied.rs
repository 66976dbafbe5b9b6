//! What access rules deny, from the start or from one moment to the next.

use anyhow::{Result, ensure};
use pelton_harness::{Copies, Stage, TestCluster, TestDaemon, load::flows_while, orders};

use super::{LIMIT, daemon, reason, said_once, shown_without, works};

/// Whether this handler, and no other, is said to be denied something.
fn is_denied(daemon: &TestDaemon, stage: &Stage) -> Result<()> {
    let about = r#"about="authorization""#;
    let handler = format!("handler=\"{}\"", stage.handler);
    ensure!(daemon.metric("pelton_handler_trouble", &[about, &handler])? == 1.0);
    Ok(())
}

#[test]
fn a_topic_that_is_denied_under_load_holds_up_its_own_handler_alone_and_loses_nothing() -> Result<()>
{
    let (cluster, secured) = TestCluster::shared_secured();
    let (fine, revoked) = (
        Stage::new(cluster, "goes-on", 2)?,
        Stage::new(cluster, "revoked", 2)?,
    );
    cluster.close(&revoked.input)?;
    cluster.allow(secured.user, &revoked.input)?;
    let client = cluster.client()?;
    let mut daemon = daemon(&[&fine, &revoked], secured.password, &secured.authority)?;
    daemon.wait_ready(LIMIT)?;
    let drafts = orders(40_000);
    let (sent, ()) = flows_while(&client, &revoked.input, (&drafts, 100), || {
        revoked.wait_for_outputs(&client, 200)?;
        cluster.deny(secured.user, &revoked.input)?;
        println!("{}", reason(&daemon, &revoked, &["not allowed (", "ACL"])?);
        is_denied(&daemon, &revoked)?;
        works(&fine, 0)?;
        cluster.allow(secured.user, &revoked.input)?;
        daemon.wait_ready(LIMIT)?;
        let so_far = client.ends(&revoked.output)?.iter().sum::<i64>();
        revoked.wait_for_outputs(&client, so_far as usize + 200)
    })?;
    client.wait_for_all_committed(&revoked.group, &revoked.input, LIMIT)?;
    Copies::of(&drafts[..sent], &client.read_all(&revoked.output)?).at_least_once()?;
    said_once(&daemon, "not allowed (", secured.password)?;
    works(&fine, 200)?;
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
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
    is_denied(&daemon, &reads)?;
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
    shown_without(&daemon, secured.password)?;
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

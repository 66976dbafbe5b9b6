//! A daemon that stands still while another of its group lives.

use anyhow::{Result, bail};
use pelton_harness::{Signal, Stage, TestCluster, orders, stage::MISSED_SOON};

use crate::{
    LIMIT,
    guide::{Entry, shell},
    nothing_is_lost,
};

#[test]
fn a_peer_that_was_stopped() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "peers", 4)?);
    let mut stopped = stage.daemon("passthrough", MISSED_SOON)?.start()?;
    let other = stage.daemon("passthrough", MISSED_SOON)?.start()?;
    client.wait_for_shares(&stage.group, &[2, 2], LIMIT)?;
    let id = stopped.id().to_string();
    let mut entry = Entry::read("A daemon does not answer", &stage, &[("PID", &id)])?;
    entry.is_to_come_by(&stopped, &other)?;
    let drafts = orders(600);
    client.produce(&stage.input, &drafts[..200])?;
    stopped.signal(Signal::Stop)?;
    client.produce(&stage.input, &drafts[200..400])?;
    entry.is_told_by(&stopped, &other)?;
    // The other one does its work.
    nothing_is_lost(&client, &stage, &drafts[..400])?;
    entry.carry_out(stopped.folder(), |line| match line {
        ["kill", ..] => shell(stopped.folder(), line),
        other => bail!("what is {other:?}?"),
    })?;
    client.wait_for_shares(&stage.group, &[2, 2], LIMIT)?;
    entry.is_over(&stopped)?;
    client.produce(&stage.input, &drafts[400..])?;
    nothing_is_lost(&client, &stage, &drafts)?;
    entry.is_told_no_more_than_that_by(&stopped, &other)
}

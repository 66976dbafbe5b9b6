//! Redrives that are asked of the daemon.

use anyhow::{Result, ensure};
use pelton_harness::{Draft, Stage, TestCluster, http, wait};

use crate::{
    LIMIT,
    dead_letters::{repaired, retry},
};

const MARK: (&str, &str) = ("x-pelton", "1");

#[test]
fn one_redrive_writes_at_a_time_also_where_nobody_waits_for_it_any_more() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "atonce", 1)?);
    // The first writes for longer than whoever asked for it waits.
    let count = 20;
    let drafts: Vec<_> = (0..count)
        .map(|n| Draft::new(format!("k{n}"), "where"))
        .collect();
    let daemon = repaired(&client, &stage, &drafts)?;
    let path = format!("/v1/handlers/{}/redrive?execute=true", stage.handler);
    let post = |path: &str| http::request(daemon.admin(), "POST", path, &[MARK]);
    let slow = post(&format!("{path}&rate=1"));
    ensure!(slow.is_err(), "it has ended already: {slow:?}");
    let second = post(&path)?;
    ensure!(
        second.status == 409 && second.body.contains("under way"),
        "{second:?}"
    );
    // The first goes on, and the next finds all of it done.
    let all = format!("\"already\":{count}");
    wait::until_true("the first redrive to end", LIMIT, || {
        Ok(post(&path).is_ok_and(|answer| answer.status == 200 && answer.body.contains(&all)))
    })?;
    ensure!(client.read_all(&retry(&stage))?.len() == count);
    Ok(())
}

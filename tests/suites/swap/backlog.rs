//! Swaps while each partition has more messages than the handler can do: it works as fast as it can all the time.

use std::time::Instant;

use anyhow::{Result, ensure};
use pelton_harness::{Copies, TestCluster, load::stands_while};

use crate::{
    LIMIT,
    gaps::Flow,
    many::{PARTITIONS, some_hard, stage_with_times, swap_all},
    not_rebalanced_since,
    probation::TWO_ATTEMPTS,
};

/// More messages than there is time for, and how many wait in each partition at the least.
const MOST: usize = 800_000;
const DEEP: i64 = 8_000;

/// So many swaps, of which a tenth are to a revision that is rolled back, of a handler with these further lines.
fn under_full_load(name: &str, more: &str, swaps: u32) -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, stage_with_times(cluster, name)?);
    let options = stage.daemon("passthrough", &format!("{TWO_ATTEMPTS}\n{more}"))?;
    let file = options.folder().join("passthrough.wasm");
    let daemon = options.start()?;
    client.wait_for_shares(&stage.group, &[4], LIMIT)?;
    let generation = cluster.generation(&stage.group);
    let (drafts, start) = (some_hard(MOST), Instant::now());
    let (sent, stretches) = stands_while(&client, &stage, (&drafts, DEEP), || {
        swap_all(&file, &daemon, swaps)
    })?;
    let took = start.elapsed();
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    Copies::of(&drafts[..sent], &outputs).exactly_once()?;
    ensure!(
        client.read_all(&stage.dead_letter)?.is_empty(),
        "a message was given up"
    );
    let rolled_back = daemon.metric("pelton_rollbacks_total", &[])?;
    assert_eq!(
        rolled_back,
        f64::from(swaps / 10),
        "bad revisions rolled back"
    );
    let flow = Flow::new(&client.read_all(&stage.input)?, &outputs, PARTITIONS);
    let least = flow.least_waiting(&stretches);
    ensure!(
        least > 0,
        "a partition had nothing to do in one of the swaps"
    );
    let gaps = flow.longest_gaps(&stretches);
    println!(
        "{name}: {swaps} swaps in {took:?} amid {sent} messages, of which {least} or more waited in each partition; \
         the longest gap of each partition in each: {gaps}"
    );
    not_rebalanced_since(generation, cluster, &stage)
}

#[test]
fn swaps_amid_a_backlog_lose_repeat_and_reorder_nothing() -> Result<()> {
    under_full_load("backlog", "", 30)
}

#[test]
fn so_do_swaps_amid_a_backlog_of_transactions() -> Result<()> {
    under_full_load("backlog-once", "guarantee = \"exactly-once\"", 20)
}

//! Swaps while each partition has more messages than the handler can do: it works as fast as it can all the time.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use anyhow::{Result, ensure};
use pelton_harness::{Copies, TestCluster, load::stands_while};

use crate::{
    LIMIT,
    gaps::Flow,
    many::{PARTITIONS, now, some_hard, stage_with_times, swap_all},
    not_rebalanced_since,
    probation::TWO_ATTEMPTS,
};

/// More messages than there is time for, and how many wait in each partition at the least.
const MOST: usize = 150_000;
const DEEP: i64 = 2_000;
/// Outputs before the first swap.
const BEFORE: usize = 10_000;
/// Each of these takes all of the machine.
static ALONE: Mutex<()> = Mutex::new(());

/// A time cut into stretches as long as these are in the mean: what gaps there are anyway.
fn alike(time: Range<i64>, stretches: &[Range<i64>]) -> Vec<Range<i64>> {
    let all: i64 = stretches
        .iter()
        .map(|stretch| stretch.end - stretch.start)
        .sum();
    let mean = (all / stretches.len() as i64).clamp(1, time.end - time.start);
    let begins = (0..).map(|n| time.start + n * mean);
    let whole = begins.take_while(|begin| begin + mean <= time.end);
    whole.map(|begin| begin..begin + mean).collect()
}

/// So many swaps, of which a tenth are to a revision that is rolled back, of a handler with these further lines.
fn under_full_load(name: &str, more: &str, swaps: u32) -> Result<()> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, stage_with_times(cluster, name)?);
    let options = stage.daemon("passthrough", &format!("{TWO_ATTEMPTS}\n{more}"))?;
    let file = options.folder().join("passthrough.wasm");
    let daemon = options.start()?;
    client.wait_for_shares(&stage.group, &[4], LIMIT)?;
    let generation = cluster.generation(&stage.group);
    let (drafts, start) = (some_hard(MOST), Instant::now());
    let (sent, (undisturbed, stretches)) = stands_while(&client, &stage, (&drafts, DEEP), || {
        let begun = now()?;
        stage.wait_for_outputs(&client, BEFORE)?;
        Ok((begun..now()?, swap_all(&file, &daemon, swaps)?))
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
    let before = flow.longest_gaps(&alike(undisturbed, &stretches));
    println!(
        "{name}: {swaps} swaps in {took:?} amid {sent} messages, of which {least} or more waited in each partition; \
         the longest gap of each partition in each: {gaps}; in as long without a swap: {before}"
    );
    not_rebalanced_since(generation, cluster, &stage)
}

#[test]
fn swaps_amid_a_backlog_lose_repeat_and_reorder_nothing() -> Result<()> {
    under_full_load("backlog", "", 10)
}

#[test]
fn so_do_swaps_amid_a_backlog_of_transactions() -> Result<()> {
    under_full_load("backlog-once", "guarantee = \"exactly-once\"", 10)
}

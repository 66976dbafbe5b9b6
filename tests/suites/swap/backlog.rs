//! Swaps while messages wait in every partition: the handler is never idle.

use std::time::Instant;

use anyhow::{Result, ensure};
use pelton_harness::TestCluster;

use crate::swapped::{Swapped, some_hard, stage_with_times};

/// All of them wait when the handler begins.
const MESSAGES: usize = 60_000;
const SWAPS: u32 = 10;

/// As fast as it is, the handler begins no more than this until what it has begun is acknowledged, or committed with
/// its transaction: the swaps are over before the backlog is.
fn bounded(in_flight: u32, more: &str) -> String {
    format!("in-flight = {in_flight}\nbatch = {{ messages = 20 }}\n{more}")
}

/// The reader of what came out is one of what is committed.
fn amid_a_backlog(name: &str, more: &str) -> Result<()> {
    let stage = stage_with_times(name)?;
    let drafts = some_hard(MESSAGES);
    TestCluster::shared()
        .client()?
        .produce(&stage.input, &drafts)?;
    let mut handler = Swapped::start(&stage, more)?;
    let start = Instant::now();
    let stretches = handler.swap(SWAPS)?;
    let took = start.elapsed();
    let flow = handler.all_came_out(&drafts)?;
    let least = flow.least_waiting(&stretches);
    ensure!(
        least > 0,
        "a partition had nothing to do in one of the swaps"
    );
    let gaps = flow.longest_gaps(&stretches);
    println!(
        "{name}: {SWAPS} swaps in {took:?} amid {MESSAGES} messages, {:?} in all; {least} or more waited in each \
         partition; the longest gap of each partition in each: {gaps}",
        start.elapsed()
    );
    Ok(())
}

#[test]
fn swaps_amid_a_backlog_lose_repeat_and_reorder_nothing() -> Result<()> {
    let lingering = "producer-properties = { \"linger.ms\" = 20 }";
    amid_a_backlog("backlog", &bounded(50, lingering))
}

#[test]
fn so_do_swaps_amid_a_backlog_of_transactions() -> Result<()> {
    let once = "guarantee = \"exactly-once\"";
    amid_a_backlog("backlog-once", &bounded(400, once))
}

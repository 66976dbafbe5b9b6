//! Swaps while messages wait in every partition: the handler is never idle.

use std::time::Instant;

use anyhow::{Result, ensure};
use pelton_harness::{TestCluster, load::flows_while};

use crate::swapped::{Swapped, some_hard, stage_with_times};

/// So many wait when the handler begins, and in each half second come so many more: half as many again as it can do at
/// its best.
const AHEAD: usize = 3_000;
const STEP: usize = 750;
const MOST: usize = 100_000;
const SWAPS: u32 = 10;

/// Begins no more in each partition until what was begun is acknowledged: about 250 a second, however fast the machine
/// is.
const BOUNDED: &str = r#"
in-flight = 5
batch = { messages = 3 }
producer-properties = { "linger.ms" = 20 }
"#;

/// What came out is read as committed.
fn amid_a_backlog(name: &str, more: &str) -> Result<()> {
    let client = TestCluster::shared().client()?;
    let (stage, drafts) = (stage_with_times(name)?, some_hard(MOST));
    client.produce(&stage.input, &drafts[..AHEAD])?;
    let (mut handler, start) = (Swapped::start(&stage, more)?, Instant::now());
    let further = (&drafts[AHEAD..], STEP);
    let (sent, stretches) = flows_while(&client, &stage.input, further, || handler.swap(SWAPS))?;
    let (sent, took) = (AHEAD + sent, start.elapsed());
    let flow = handler.all_came_out(&drafts[..sent])?;
    let least = flow.least_waiting(&stretches.swapping);
    ensure!(
        least > 0,
        "a partition had nothing to do in one of the swaps"
    );
    let gaps = flow.longest_gaps(&stretches.swapping);
    let without = flow.longest_gaps(&stretches.resting);
    println!(
        "{name}: {SWAPS} swaps in {took:?} amid {sent} messages, of which {least} or more waited in each partition; \
         the longest gap of each partition in each: {gaps}; in as long without a swap: {without}"
    );
    Ok(())
}

#[test]
fn swaps_amid_a_backlog_lose_repeat_and_reorder_nothing() -> Result<()> {
    amid_a_backlog("backlog", BOUNDED)
}

#[test]
fn so_do_swaps_amid_a_backlog_of_transactions() -> Result<()> {
    let once = format!("guarantee = \"exactly-once\"\n{BOUNDED}");
    amid_a_backlog("backlog-once", &once)
}

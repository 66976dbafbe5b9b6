//! Two hundred swaps under load, good and bad revisions and files that are none.

use std::time::Instant;

use anyhow::Result;
use pelton_harness::{TestCluster, load::flows_while};

use crate::swapped::{Swapped, some_hard, stage_with_times};

/// Messages flow while the swaps go on, in steps of half a second; more than there is time for.
const MOST: usize = 1_000_000;
const STEP: usize = 1_000;
const SWAPS: u32 = 200;

#[test]
fn two_hundred_swaps_good_and_bad_lose_repeat_and_reorder_nothing_without_a_rebalance() -> Result<()>
{
    let (client, stage) = (
        TestCluster::shared().client()?,
        stage_with_times("swapped")?,
    );
    let mut handler = Swapped::start(&stage, "")?;
    let (drafts, start) = (some_hard(MOST), Instant::now());
    let (sent, stretches) = flows_while(&client, &stage.input, (&drafts, STEP), || {
        handler.swap(SWAPS)
    })?;
    let took = start.elapsed();
    let flow = handler.all_came_out(&drafts[..sent])?;
    let gaps = flow.longest_gaps(&stretches.swapping);
    let without = flow.longest_gaps(&stretches.resting);
    println!(
        "{SWAPS} swaps in {took:?} amid {sent} messages; the longest gap of each partition in each: {gaps}; \
         in as long without a swap: {without}"
    );
    Ok(())
}

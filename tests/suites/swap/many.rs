//! Two hundred swaps under load, good and bad revisions and files that are none.

use std::{
    fs,
    ops::Range,
    path::Path,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, ensure};
use pelton_harness::{
    Copies, Draft, Stage, TestCluster, TestDaemon, component, load::flows_while, orders, paths,
    wait,
};

use crate::{LIMIT, gaps::Flow, not_rebalanced_since, probation::TWO_ATTEMPTS};

/// Messages flow while the swaps go on, in steps of half a second; more than there is time for.
const MOST: usize = 1_000_000;
const STEP: usize = 1_000;
/// Every so many messages there is one that the bad revision fails with.
const HARD: usize = 50;
const PARTITIONS: i32 = 4;
const SWAPS: u32 = 200;

/// What is put into the file's place.
enum Put {
    /// It loads, passes its trial, and forwards.
    Good(Vec<u8>),
    /// So does this, but it fails with some messages: it is rolled back.
    Bad(Vec<u8>),
    /// It doesn't get that far.
    Refused(Vec<u8>),
}

/// Of ten in a row one is bad, and two are refused.
fn puts(swaps: u32) -> Result<impl Iterator<Item = Put>> {
    let read = |guest: &str| anyhow::Ok(fs::read(paths::guest(guest)?)?);
    let (good, bad) = (read("passthrough")?, read("misbehave")?);
    let fails = read("setup_fails")?;
    Ok((1..=swaps).map(move |swap| match swap % 10 {
        3 => Put::Refused(component::variant(&good, swap)[..good.len() / 2].to_vec()),
        6 => Put::Bad(component::variant(&bad, swap)),
        9 => Put::Refused(component::variant(&fails, swap)),
        _ => Put::Good(component::variant(&good, swap)),
    }))
}

/// Each value is another, and some begin with what makes the bad revision fail.
fn some_hard(count: usize) -> Vec<Draft> {
    let mut drafts = orders(count);
    for (n, draft) in drafts.iter_mut().enumerate().step_by(HARD) {
        draft.value = Some(format!("fail\n{n}").into_bytes());
    }
    drafts
}

/// What `pelton_swaps_total` and `pelton_refused_revisions_total` are to reach.
#[derive(Default)]
struct Counts {
    swapped: f64,
    refused: f64,
}

impl Counts {
    fn add(&mut self, put: &Put) {
        match put {
            Put::Good(_) => self.swapped += 1.0,
            // In, and back.
            Put::Bad(_) => self.swapped += 2.0,
            Put::Refused(_) => self.refused += 1.0,
        }
    }

    fn are_reached(&self, daemon: &TestDaemon) -> Result<bool> {
        let swapped = daemon.metric("pelton_swaps_total", &[])?;
        let refused = daemon.metric("pelton_refused_revisions_total", &[])?;
        Ok(swapped >= self.swapped && refused >= self.refused)
    }
}

/// Puts so many after each other into place; the stretches of time in which each was taken or refused.
fn swap_all(file: &Path, daemon: &TestDaemon, swaps: u32) -> Result<Vec<Range<i64>>> {
    let mut counts = Counts::default();
    let swap = |(number, put)| {
        let begins = now()?;
        let (Put::Good(bytes) | Put::Bad(bytes) | Put::Refused(bytes)) = &put;
        component::replace(file, bytes)?;
        counts.add(&put);
        wait::until_true(&format!("swap {number}"), LIMIT, || {
            counts.are_reached(daemon)
        })?;
        Ok(begins..now()?)
    };
    puts(swaps)?.enumerate().map(swap).collect()
}

fn now() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_millis())?)
}

/// Topics on which the broker's clock says when something was written, in milliseconds.
fn stage_with_times(cluster: &TestCluster, name: &str) -> Result<Stage> {
    let stage = Stage::named(cluster.bootstrap(), name);
    let topics = [
        (&stage.input, PARTITIONS),
        (&stage.output, PARTITIONS),
        (&stage.dead_letter, 1),
    ];
    for (topic, partitions) in topics {
        let settings = [("message.timestamp.type", "LogAppendTime")];
        cluster.create_topic_named(topic, partitions, &settings)?;
    }
    Ok(stage)
}

#[test]
fn two_hundred_swaps_good_and_bad_lose_repeat_and_reorder_nothing_without_a_rebalance() -> Result<()>
{
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, stage_with_times(cluster, "swapped")?);
    let options = stage.daemon("passthrough", TWO_ATTEMPTS)?;
    let file = options.folder().join("passthrough.wasm");
    let daemon = options.start()?;
    client.wait_for_shares(&stage.group, &[4], LIMIT)?;
    let generation = cluster.generation(&stage.group);
    let (drafts, start) = (some_hard(MOST), Instant::now());
    let (sent, stretches) = flows_while(&client, &stage.input, (&drafts, STEP), || {
        swap_all(&file, &daemon, SWAPS)
    })?;
    let took = start.elapsed();
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    Copies::of(&drafts[..sent], &outputs).exactly_once()?;
    let given_up = client.read_all(&stage.dead_letter)?;
    ensure!(given_up.is_empty(), "a message was given up");
    let rolled_back = daemon.metric("pelton_rollbacks_total", &[])?;
    assert_eq!(
        rolled_back,
        f64::from(SWAPS / 10),
        "bad revisions rolled back"
    );
    let flow = Flow::new(&client.read_all(&stage.input)?, &outputs, PARTITIONS);
    let gaps = flow.longest_gaps(&stretches);
    println!(
        "{SWAPS} swaps in {took:?} amid {sent} messages; the longest gap of each partition in each: {gaps}"
    );
    not_rebalanced_since(generation, cluster, &stage)
}

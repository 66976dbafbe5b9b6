//! Order by key, and no order: what waits side by side, what stays in order, and what a crash repeats of what
//! was finished out of order.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Copies, Draft, Message, Stage, TestCluster, metadata, paths, stage::MISSED_SOON, wait,
};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(90);
const MESSAGES: u64 = 10_000;
const KEYS: u64 = 1_000;

/// Messages that wait 0 to 5 ms each, of a thousand keys. Returns how long all of them wait together.
fn waiting() -> (Vec<Draft>, Duration) {
    let wait = |n: u64| (n * 7919) % 6;
    let drafts = (0..MESSAGES)
        .map(|n| {
            Draft::new(
                format!("user-{}", n % KEYS),
                format!("wait:{} {n}", wait(n)),
            )
        })
        .collect();
    (drafts, Duration::from_millis((0..MESSAGES).map(wait).sum()))
}

/// The values of each key, in the order in which they stand in their partition.
fn by_key(messages: &[Message]) -> HashMap<Vec<u8>, Vec<String>> {
    let mut keys: HashMap<Vec<u8>, Vec<String>> = HashMap::new();
    for message in messages {
        let key = message.key.clone().unwrap_or_default();
        keys.entry(key).or_default().push(message.value_text());
    }
    keys
}

/// The most calls of one partition that were under way at once, by what its daemon recorded.
fn most_calls_at_once(recordings: &Path) -> Result<usize> {
    let mut most = 0;
    for file in fs::read_dir(recordings)? {
        let text = fs::read_to_string(file?.path())?;
        let mut now = 0_usize;
        for line in text.lines().skip(1) {
            let Ok(step) = serde_json::from_str::<Value>(line) else {
                break;
            };
            if step["event"].get("Called").is_some() {
                now = now.saturating_sub(1);
            }
            let commands = step["commands"].as_array().context("a step's commands")?;
            now += commands
                .iter()
                .filter(|command| command.get("Call").is_some())
                .count();
            most = most.max(now);
        }
    }
    Ok(most)
}

#[test]
fn handlers_that_wait_overlap_and_each_key_stays_in_order() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "overlap", 4)?);
    let (drafts, serial) = waiting();
    client.produce(&stage.input, &drafts)?;
    let mut daemon = stage.daemon("waits", r#"order = "key""#)?.start()?;
    daemon.wait_for_log("partitions assigned", LIMIT)?;
    let begun = Instant::now();
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let took = begun.elapsed();
    let share = 100.0 * took.as_secs_f64() / serial.as_secs_f64();
    println!("{MESSAGES} messages that wait {serial:?} together took {took:?}: {share:.0} %");
    let (inputs, outputs) = (
        client.read_all(&stage.input)?,
        client.read_all(&stage.output)?,
    );
    ensure!(outputs.len() == drafts.len(), "{} outputs", outputs.len());
    ensure!(
        by_key(&inputs) == by_key(&outputs),
        "a key's outputs are not in the order of its inputs"
    );
    // How long it takes is the machine's; how many are called at once is not.
    let most = most_calls_at_once(&paths::recordings(daemon.folder(), 1))?;
    ensure!(
        most >= 16,
        "at most {most} messages of a partition waited side by side"
    );
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn a_retrying_key_holds_up_no_other_and_a_crash_repeats_only_what_was_unfinished() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "held-up", 1)?);
    let mut drafts = vec![
        Draft::new("slow", "fail-until:4 first"),
        Draft::new("slow", "second"),
    ];
    drafts.extend((0..500).map(|n| Draft::new(format!("user-{n}"), format!("n {n}"))));
    client.produce(&stage.input, &drafts)?;
    let more = format!(
        "order = \"key\"\nretry = {{ attempts = 5, backoff = \"3s\", jitter-percent = 0 }}\n{MISSED_SOON}"
    );
    let mut daemon = stage.daemon("waits", &more)?.start()?;
    wait::until_true("the other keys", LIMIT, || {
        Ok(client.ends(&stage.output)? == [500])
    })?;
    let probe = client.probe(&stage.group)?;
    daemon.wait_for_log("attempt failed", LIMIT)?;
    // The offset can't move; what is finished beyond it stands in the metadata.
    wait::until_true("the commit of all that is finished", LIMIT, || {
        let committed = probe.committed(&stage.input, 1, LIMIT)?;
        let only = committed.first().context("one partition")?;
        let all = |text: &String| std::iter::once(2..502).eq(metadata::finished(text, 0));
        Ok(only.next == Some(0) && only.metadata.as_ref().is_some_and(all))
    })?;
    daemon.kill();
    daemon.restart()?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    Copies::of(&drafts, &outputs).exactly_once_in_any_order()?;
    let slow: Vec<String> = outputs
        .iter()
        .filter(|output| output.key.as_deref() == Some(b"slow"))
        .map(Message::value_text)
        .collect();
    ensure!(slow == ["fail-until:4 first", "second"], "{slow:?}");
    // Three failed attempts in both lives together, not three in each.
    let failed = daemon.log_count("attempt failed");
    ensure!(failed == 3, "{failed} attempts failed, and 3 had to");
    Ok(())
}

#[test]
fn without_order_nothing_waits_for_a_retry_and_nothing_is_lost() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "unordered", 2)?);
    let drafts: Vec<_> = (0..400)
        .map(|n| match n % 100 {
            0 => Draft::new("user-1", format!("fail-until:3 {n}")),
            _ => Draft::new("user-1", format!("wait:{} {n}", n % 5)),
        })
        .collect();
    client.produce(&stage.input, &drafts)?;
    let more = "order = \"none\"\nretry = { attempts = 5, backoff = \"2s\", jitter-percent = 0 }";
    let mut daemon = stage.daemon("waits", more)?.start()?;
    wait::until_true("all that doesn't fail", LIMIT, || {
        Ok(client.ends(&stage.output)?.iter().sum::<i64>() >= 396)
    })?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once_in_any_order()?;
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

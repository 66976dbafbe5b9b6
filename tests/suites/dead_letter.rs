//! A message that can't be dead-lettered is not done: nothing past it is committed, it is said aloud,
//! and once the topic is there or open the work goes on by itself.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use pelton_harness::{Draft, Stage, TestCluster, wait};

const LIMIT: Duration = Duration::from_secs(60);

fn drafts() -> [Draft; 3] {
    [
        Draft::new("k", "first"),
        Draft::new("k", "reject:never"),
        Draft::new("k", "last"),
    ]
}

#[test]
fn a_missing_dead_letter_topic_is_asked_for_before_any_message_is_taken() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (
        cluster.client()?,
        Stage::without_dead_letter_topic(cluster, "missing", 1)?,
    );
    let mut daemon = stage.daemon("misbehave", "")?.start()?;
    client.produce(&stage.input, &drafts())?;
    daemon.wait_for_log(
        &format!("topic {} does not exist", stage.dead_letter),
        LIMIT,
    )?;
    daemon.wait_unready(&stage.dead_letter, LIMIT)?;
    assert_eq!(client.committed(&stage.group, &stage.input)?, [None]);
    cluster.create_topic_named(&stage.dead_letter, 1, &[])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    assert_eq!(client.read_all(&stage.dead_letter)?.len(), 1);
    daemon.wait_ready(LIMIT)
}

#[test]
fn a_dead_letter_topic_that_can_not_be_written_holds_the_partition_until_it_can() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "closed", 1)?);
    cluster.forbid_writing(&stage.dead_letter)?;
    let often = r#"retry = { max-backoff = "1s" }"#;
    let mut daemon = stage.daemon("misbehave", often)?.start()?;
    client.produce(&stage.input, &drafts())?;
    daemon.wait_for_log("dead-lettering message", LIMIT)?;
    daemon.wait_unready(&format!("{}/0 waits at offset 1", stage.input), LIMIT)?;
    // It was tried again, and refused again.
    daemon.wait_for_log_times("an output was refused for good", 3, LIMIT)?;
    let committed = client.committed(&stage.group, &stage.input)?;
    ensure!(
        committed == [Some(1)],
        "committed {committed:?}, past the message that can't be dead-lettered"
    );
    cluster.allow_all(&stage.dead_letter)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let letters = client.read_all(&stage.dead_letter)?;
    assert_eq!(
        letters
            .iter()
            .map(|letter| letter.value_text())
            .collect::<Vec<_>>(),
        ["reject:never"]
    );
    assert_eq!(client.read_all(&stage.output)?.len(), 2);
    daemon.wait_ready(LIMIT)
}

#[test]
fn a_partition_that_stops_as_configured_commits_nothing_past_the_message() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "stops", 2)?);
    let mut daemon = stage
        .daemon("misbehave", "dead-letter = { on-exhausted = \"stop\" }")?
        .start()?;
    let on = |partition: i32| drafts().map(|draft| draft.partition(partition));
    client.produce(&stage.input, &on(0))?;
    client.produce(&stage.input, &[Draft::new("k", "other").partition(1)])?;
    daemon.wait_for_log("stopped at offset 1", LIMIT)?;
    wait::until_true("the other partition to go on", LIMIT, || {
        Ok(client.committed(&stage.group, &stage.input)? == [Some(1), Some(1)])
    })?;
    thread::sleep(Duration::from_secs(1));
    assert_eq!(
        client.committed(&stage.group, &stage.input)?,
        [Some(1), Some(1)]
    );
    Ok(())
}

//! A new revision that fails where the one before doesn't is rolled back; what fails by both is poison.

use std::fs;

use anyhow::{Result, ensure};
use pelton_harness::{Copies, Draft, Stage, TestCluster, TestDaemon, component, orders, paths};

use crate::{LIMIT, not_rebalanced_since};

/// Few attempts, soon over.
pub const TWO_ATTEMPTS: &str =
    r#"retry = { attempts = 2, backoff = "20ms", max-backoff = "20ms" }"#;

/// A daemon whose handler forwards, then one component that fails where a message says so is swapped in.
pub fn with_a_bad_revision(stage: &Stage, good: &str, more: &str) -> Result<TestDaemon> {
    let options = stage.daemon(good, &format!("{TWO_ATTEMPTS}\n{more}"))?;
    let file = options.folder().join(format!("{good}.wasm"));
    let mut daemon = options.start()?;
    daemon.wait_for_log("revision runs", LIMIT)?;
    let bad = fs::read(paths::guest("misbehave")?)?;
    component::replace(&file, &component::variant(&bad, 1))?;
    daemon.wait_for_log("revision is on probation", LIMIT)?;
    Ok(daemon)
}

#[test]
fn a_bad_revision_is_rolled_back_and_what_it_could_not_handle_is_handled_by_the_one_before()
-> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "rolled-back", 1)?);
    let mut daemon = with_a_bad_revision(&stage, "passthrough", "")?;
    client.wait_for_shares(&stage.group, &[1], LIMIT)?;
    let generation = cluster.generation(&stage.group);
    let mut drafts = orders(40);
    // Each fails by the new revision in another way, and passes by the old one.
    for (position, command) in [(5, "fail"), (15, "trap"), (25, "fail:again")] {
        let value = format!("{command}\n{position}");
        drafts[position] = Draft::new("bad", value);
    }
    client.produce(&stage.input, &drafts)?;
    daemon.wait_for_log("revision rolled back", LIMIT)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()?;
    ensure!(
        client.read_all(&stage.dead_letter)?.is_empty(),
        "a message was given up"
    );
    for (metric, count) in [
        ("pelton_votes_total", 3.0),
        ("pelton_fallback_messages_total", 3.0),
        ("pelton_rollbacks_total", 1.0),
        ("pelton_probation", 0.0),
    ] {
        assert_eq!(daemon.metric(metric, &[])?, count, "{metric}");
    }
    not_rebalanced_since(generation, cluster, &stage)
}

#[test]
fn poison_is_given_up_and_rolls_nothing_back() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "poisoned", 1)?);
    let mut daemon = with_a_bad_revision(&stage, "misbehave", r#"probation = { votes = 1 }"#)?;
    let mut drafts = orders(20);
    drafts[5] = Draft::new("bad", "fail:by both");
    drafts[10] = Draft::new("bad", "reject:at once");
    client.produce(&stage.input, &drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let letters = client.read_all(&stage.dead_letter)?;
    let attempts: Vec<_> = letters
        .iter()
        .map(|letter| letter.header("pelton-dlq-attempts"))
        .collect();
    // Two by the new revision and one by the old one; what is rejected is not tried again.
    assert_eq!(attempts, [Some("3".to_owned()), Some("1".to_owned())]);
    assert_eq!(
        (
            daemon.metric("pelton_votes_total", &[])?,
            daemon.log_count("rolled back")
        ),
        (0.0, 0)
    );
    ensure!(daemon.is_running(), "the daemon has ended");
    Ok(())
}

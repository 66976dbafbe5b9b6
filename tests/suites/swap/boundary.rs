//! A swap takes effect at the next message, not at the end of the batch.

use std::fs;

use anyhow::{Result, ensure};
use pelton_harness::{Copies, Draft, Stage, TestCluster, component, paths};

use crate::LIMIT;

#[test]
fn what_a_slow_batch_has_not_begun_is_the_new_revisions() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "boundary", 1)?);
    let more = "limits = { time-per-message = \"20s\" }\nprobation = { enabled = false }";
    let options = stage.daemon("misbehave", more)?;
    let file = options.folder().join("misbehave.wasm");
    let mut daemon = options.start()?;
    daemon.wait_ready(LIMIT)?;
    // One batch: by the time of the swap its first message is under way.
    let drafts = [
        Draft::new("k", "slow:8000"),
        Draft::new("k", "reject:by whom"),
        Draft::new("k", "last"),
    ];
    stage.begin(&client, &daemon, &drafts)?;
    let bytes = fs::read(paths::guest("misbehave")?)?;
    component::replace(&file, &component::variant(&bytes, 1))?;
    daemon.wait_for_log("revision swapped in", LIMIT)?;
    ensure!(
        client.ends(&stage.output)? == [0],
        "the first message is over before the swap"
    );
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let swapped = daemon.log_lines("revision swapped in");
    let letters = client.read_all(&stage.dead_letter)?;
    let by = letters[0].header("pelton-dlq-revision").unwrap_or_default();
    ensure!(
        letters.len() == 1 && swapped[0].contains(&format!("revision={by:.12}")),
        "given up by {by}; {swapped:?}"
    );
    let [first, _, last] = drafts;
    Copies::of(&[first, last], &client.read_all(&stage.output)?).exactly_once()
}

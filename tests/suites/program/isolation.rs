//! `isolation`: what is left of a message for the next one of its handler.

use anyhow::Result;
use pelton_harness::{Draft, Stage, TestCluster};

use crate::{LIMIT, values};

const MESSAGES: usize = 50;

/// What a handler of this isolation answers that counts the messages of its instance.
fn counts(name: &str, isolation: &str) -> Result<Vec<String>> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, name, 1)?);
    let daemon = stage.daemon("remembers", &format!("isolation = \"{isolation}\""))?;
    let daemon = daemon.start()?;
    client.produce(&stage.input, &vec![Draft::new("k", "count"); MESSAGES])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    drop(daemon);
    Ok(values(&client.read_all(&stage.output)?))
}

#[test]
fn with_isolation_by_message_nothing_is_left_for_the_next_one() -> Result<()> {
    assert_eq!(counts("isolated", "message")?, vec!["1"; MESSAGES]);
    // The control: an instance that is kept goes on counting.
    let kept: Vec<String> = (1..=MESSAGES).map(|n| n.to_string()).collect();
    assert_eq!(counts("kept", "instance")?, kept);
    Ok(())
}

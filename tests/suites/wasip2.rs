//! A handler that is built for wasm32-wasip2 and uses the standard library as any program does: it loads without a
//! grant, finds nothing of the machine, and what it prints goes to the handler's log.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pelton_harness::{Draft, Stage, TestCluster};

const LIMIT: Duration = Duration::from_secs(60);

/// What it answers where there is nothing to find.
const NOTHING: &str = "arguments 0\ninput 0\nvariables 0\ninput: there\na variable: refused\na folder: refused\n\
    the working folder: refused\na file: refused\na new file: refused\na connection: refused\na listener: refused\n\
    a socket: refused\na name: refused\nthe year is 2026 or later: true\ntime goes forward: true";

#[test]
fn the_standard_library_finds_nothing_and_its_output_is_logged() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "standard", 1)?);
    let mut daemon = stage
        .daemon("standard_wasip2", "")?
        .environment("RUST_LOG", "info,pelton::guest=trace")
        .start()?;
    client.produce(&stage.input, &[Draft::new("k", "one message")])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    let output = outputs.first().context("nothing came out")?;
    assert_eq!(output.value_text(), NOTHING);
    for (level, stream) in [("INFO", "output"), ("WARN", "error")] {
        let text = format!("standard {stream} about one message");
        daemon.wait_for_log(&text, LIMIT)?;
        let log = daemon.tail(200);
        let line = log.lines().find(|line| line.contains(&text));
        let line = line.context("the line is gone")?;
        let place = format!(
            "handler=\"{}\" topic=\"{}\" partition=0 offset=0",
            stage.handler, stage.input
        );
        ensure!(line.contains(level) && line.contains(&place), "{line}");
    }
    daemon.wait_ready(LIMIT)
}

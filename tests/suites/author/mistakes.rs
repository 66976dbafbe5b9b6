//! `pelton dev` while its author makes mistakes, on brokers that others use too.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use pelton_harness::{Client, DaemonOptions, Draft, Stage, TestCluster, TestDaemon};

use super::dev::{LIMIT, dev, edit, out, project};

/// Nobody has to wait long for the end of a message that traps.
const TWO_ATTEMPTS: &str = r#"retry = { attempts = 2, backoff = "20ms", max-backoff = "20ms" }
source = "wrong""#;

/// The number of the source's line with this text.
fn line_of(project: &Path, text: &str) -> Result<usize> {
    let source = fs::read_to_string(project.join("src/lib.rs"))?;
    let line = source.lines().position(|line| line.contains(text));
    Ok(line.with_context(|| format!("no {text:?} in the source"))? + 1)
}

/// Sends this value, and waits until it is shown as it came in and what came of it as it goes out.
fn passes(
    dev: &mut TestDaemon,
    client: &Client,
    stage: &Stage,
    value: &str,
    expected: &str,
) -> Result<()> {
    client.produce(&stage.input, &[Draft::new("user-123", value)])?;
    let offset = client.ends(&stage.input)?[0] - 1;
    let came = format!("/0@{offset} key=\"user-123\" value=\"{value}\"");
    dev.wait_for_log(&came, LIMIT)?;
    dev.wait_for_log(&out(&stage.output, expected), LIMIT)
}

#[test]
fn a_source_that_does_not_compile_or_traps_is_told_with_its_line_and_what_ran_goes_on() -> Result<()>
{
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "wrong", 1)?);
    let options = DaemonOptions::new("dev-wrong")?;
    let project = project(options.folder(), "wrong")?;
    // The brokers of the command line go before those of the configuration.
    let config = stage.config("wrong/wrong", TWO_ATTEMPTS);
    let config = config.replace(cluster.bootstrap(), "localhost:1");
    let arguments = ["--bootstrap-servers", cluster.bootstrap()];
    let mut dev = dev(options.config(&config)?, &arguments)?;
    passes(&mut dev, &client, &stage, "First", "FIRST")?;

    edit(&project, "text.to_no_case()")?;
    dev.wait_for_log("component not built, what runs goes on", LIMIT)?;
    let place = format!("src/lib.rs:{}:", line_of(&project, "to_no_case")?);
    ensure!(dev.log_count(&place) > 0, "the line isn't told");
    let shown = dev.log_lines(".value(text.to_no_case())");
    ensure!(!shown.is_empty(), "the source isn't shown");
    passes(&mut dev, &client, &stage, "Second", "SECOND")?;

    edit(&project, "[text][text.len()]")?;
    dev.wait_for_log("revision swapped in", LIMIT)?;
    // The revision on probation uses up its attempts, and the one before handles the message.
    passes(&mut dev, &client, &stage, "Third", "THIRD")?;
    let place = format!("/src/lib.rs:{}:", line_of(&project, "[text][text.len()]")?);
    let told = dev.log_lines("attempt failed");
    ensure!(
        told.iter().all(|line| {
            let trap = line.split("its last words").next().unwrap_or_default();
            line.contains("kind=trap") && trap.contains(", in handle (") && trap.contains(&place)
        }) && !told.is_empty(),
        "without {place}: {told:?}"
    );

    edit(&project, "text.to_lowercase()")?;
    dev.wait_for_log_times("revision swapped in", 2, LIMIT)?;
    passes(&mut dev, &client, &stage, "Fourth", "fourth")?;
    assert_eq!(dev.log_count("out handler="), 4);
    assert_eq!(client.read_all(&stage.output)?.len(), 4);
    assert_eq!(dev.stop(LIMIT)?, 0);
    Ok(())
}

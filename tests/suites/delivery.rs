//! Nothing is lost and little repeated: a daemon is killed or stopped in the middle of twenty thousand messages.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use pelton_harness::{Draft, Message, Stage, TestCluster, load::MESSAGES, stage::MISSED_SOON};

const LIMIT: Duration = Duration::from_secs(60);
/// What a stop says that leaves nothing behind.
const CLEANLY: &str = "stopped: everything begun is finished and committed";

#[test]
fn kill_9_in_the_middle_loses_nothing_and_repeats_only_what_was_not_committed() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "killed", 4)?);
    let mut daemon = stage.daemon("passthrough", MISSED_SOON)?.start()?;
    // What was committed at each kill, partition by partition.
    let mut committed: Vec<Vec<Option<i64>>> = Vec::new();
    let (placed, copies) = stage.under_load(&client, &mut daemon, &[3_000, 9_000], |daemon| {
        daemon.kill();
        committed.push(client.committed(&stage.group, &stage.input)?);
        daemon.restart()
    })?;
    copies.at_least_once()?;
    for position in copies.repeated() {
        let (partition, offset) = placed[position];
        let open = committed
            .iter()
            .filter(|next| next[partition as usize].unwrap_or(0) <= offset)
            .count();
        ensure!(
            copies.counts[position] <= 1 + open,
            "message {position} was committed, and came out again"
        );
    }
    // How many were in flight depends on the machine; that commits kept coming under load does not.
    println!(
        "2 kills repeated {} of {MESSAGES} messages",
        copies.repeated().len()
    );
    let kept = committed
        .last()
        .map_or(0, |next| next.iter().flatten().sum::<i64>());
    ensure!(kept > 0, "nothing was committed before the last kill");
    Ok(())
}

#[test]
fn sigterm_in_the_middle_loses_nothing_and_repeats_nothing() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "stopped", 4)?);
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    let (_, copies) =
        stage.under_load(&client, &mut daemon, &[3_000, 8_000, 13_000], |daemon| {
            let code = daemon.stop(LIMIT)?;
            ensure!(
                code == 0,
                "a stop whose drain completes ends with 0, not {code}"
            );
            daemon.restart()
        })?;
    assert_eq!(daemon.log_count(CLEANLY), 3);
    assert_eq!(daemon.log_count("the drain ran into its deadline"), 0);
    copies.exactly_once()
}

#[test]
fn a_broker_that_dies_and_comes_back_costs_nothing() -> Result<()> {
    let cluster = TestCluster::start(pelton_harness::Version::wanted())?;
    let (client, stage) = (cluster.client()?, Stage::new(&cluster, "outage", 4)?);
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    let (_, copies) = stage.under_load(&client, &mut daemon, &[5_000], |daemon| {
        cluster.kill();
        thread::sleep(Duration::from_secs(2));
        ensure!(daemon.is_running(), "a daemon without its broker waits");
        cluster.restart()
    })?;
    ensure!(
        daemon.is_running(),
        "the daemon outlives its broker's absence"
    );
    copies.at_least_once()
}

#[test]
fn a_stop_waits_for_what_is_under_way_and_repeats_none_of_it() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "slow", 1)?);
    let mut daemon = stage.daemon("misbehave", "")?.start()?;
    stage.begin(&client, &daemon, &[Draft::new("k", "slow:4000")])?;
    assert_eq!(
        client.ends(&stage.output)?,
        [0],
        "the message is still under way"
    );
    assert_eq!(
        daemon.stop(LIMIT)?,
        0,
        "a stop whose drain completes ends with 0"
    );
    assert_eq!(client.ends(&stage.output)?, [1]);
    assert_eq!(client.committed(&stage.group, &stage.input)?, [Some(1)]);
    Ok(())
}

#[test]
fn a_stop_whose_drain_runs_out_of_time_says_what_may_be_repeated() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "slower", 1)?);
    let config = stage
        .config("misbehave", "limits = { time-per-message = \"20s\" }")
        .replace("drain-timeout = \"5s\"", "drain-timeout = \"500ms\"");
    let mut daemon = stage.daemon("misbehave", "")?.config(&config)?.start()?;
    let drafts = [Draft::new("k", "slow:8000"), Draft::new("k", "next")];
    stage.begin(&client, &daemon, &drafts)?;
    assert_eq!(
        daemon.stop(LIMIT)?,
        1,
        "a stop that leaves something unfinished is no success"
    );
    ensure!(
        daemon.log_count("repeated") > 0,
        "nothing is said of what may be repeated"
    );
    assert_eq!(client.committed(&stage.group, &stage.input)?, [Some(0)]);
    daemon.restart()?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let values: Vec<String> = client
        .read_all(&stage.output)?
        .iter()
        .map(Message::value_text)
        .collect();
    assert_eq!(values, ["slow:8000", "next"]);
    Ok(())
}

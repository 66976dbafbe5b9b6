//! A partition that has messages and does not move is reported: once in the log, and for as long as it lasts by
//! `/readyz` and the metrics, with where it stands. And so is the end of it.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use pelton_harness::{Draft, Stage, TestCluster, TestDaemon, Version, wait};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer},
};

const LIMIT: Duration = Duration::from_secs(90);
const BEGAN: &str = "the partition does not move";
const OVER: &str = "the partition moves again";

/// A daemon that calls a second a stall.
fn impatient(stage: &Stage, guest: &str, more: &str) -> Result<TestDaemon> {
    let more = format!("stall-after = \"1s\"\nlimits = {{ time-per-message = \"120s\" }}\n{more}");
    let mut daemon = stage.daemon(guest, &more)?.start()?;
    daemon.wait_ready(LIMIT)?;
    Ok(daemon)
}

/// How many partitions stand there.
fn stalled(daemon: &TestDaemon, stage: &str) -> Result<f64> {
    let label = format!("stage=\"{stage}\"");
    daemon.metric("pelton_stalled_partitions", &[&label])
}

/// Waits until log, `/readyz` and metrics say that a partition stands there.
fn wait_until_stalled(daemon: &mut TestDaemon, stage: &str, words: &str) -> Result<()> {
    daemon.wait_for_log(BEGAN, LIMIT)?;
    daemon.wait_unready(words, LIMIT)?;
    wait::until_true(&format!("a partition that is {stage}"), LIMIT, || {
        Ok(stalled(daemon, stage)? == 1.0)
    })
}

/// Waits until nothing stands still any more, which must be said as often as it was begun.
fn wait_until_over(daemon: &mut TestDaemon, stages: &[&str]) -> Result<()> {
    daemon.wait_for_log(OVER, LIMIT)?;
    daemon.wait_ready(LIMIT)?;
    for stage in stages {
        wait::until_true(&format!("no partition that is {stage}"), LIMIT, || {
            Ok(stalled(daemon, stage)? == 0.0)
        })?;
    }
    Ok(())
}

/// Once for one stall, whatever it went through.
fn said_once(daemon: &TestDaemon) -> Result<()> {
    let said = (daemon.log_count(BEGAN), daemon.log_count(OVER));
    ensure!(
        said == (1, 1),
        "said {said:?} times that it began and is over"
    );
    Ok(())
}

#[test]
fn a_handler_that_is_slow_is_reported_as_calling() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "calling", 1)?);
    let mut daemon = impatient(&stage, "misbehave", "")?;
    client.produce(&stage.input, &[Draft::new("k", "slow:20000")])?;
    wait_until_stalled(
        &mut daemon,
        "calling",
        "the handler is at offset 0, attempt 1",
    )?;
    wait_until_over(&mut daemon, &["calling"])?;
    said_once(&daemon)
}

#[test]
fn a_message_that_waits_for_its_next_attempt_is_reported_as_retrying() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "retrying", 1)?);
    let later = r#"retry = { backoff = "20s", max-backoff = "20s" }"#;
    let mut daemon = impatient(&stage, "misbehave", later)?;
    client.produce(&stage.input, &[Draft::new("k", "fail-until:2")])?;
    wait_until_stalled(&mut daemon, "retrying", "offset 0 has failed 1 times")?;
    wait_until_over(&mut daemon, &["retrying", "calling"])?;
    said_once(&daemon)
}

#[test]
fn a_dead_letter_that_is_refused_is_reported_as_dead_lettering() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "lettering", 1)?);
    cluster.forbid_writing(&stage.dead_letter)?;
    let mut daemon = impatient(&stage, "misbehave", r#"retry = { max-backoff = "1s" }"#)?;
    client.produce(&stage.input, &[Draft::new("k", "reject:never")])?;
    wait_until_stalled(&mut daemon, "dead-lettering", "its dead letter is refused")?;
    cluster.allow_all(&stage.dead_letter)?;
    wait_until_over(&mut daemon, &["dead-lettering"])?;
    said_once(&daemon)
}

#[test]
fn outputs_that_no_broker_acknowledges_are_reported_as_producing() -> Result<()> {
    let cluster = TestCluster::start(Version::wanted())?;
    let (client, stage) = (cluster.client()?, Stage::new(&cluster, "producing", 1)?);
    let mut daemon = impatient(&stage, "misbehave", "")?;
    client.produce(&stage.input, &[Draft::new("k", "slow:20000")])?;
    wait_until_stalled(&mut daemon, "calling", "the handler is at offset 0")?;
    cluster.kill();
    wait_until_stalled(&mut daemon, "producing", "the outputs of offset 0")?;
    ensure!(
        daemon.log_count(BEGAN) == 1,
        "it is the same stall at another place"
    );
    cluster.restart()?;
    wait_until_over(&mut daemon, &["producing", "calling"])
}

#[test]
fn an_open_transaction_is_reported_as_fetching_and_its_marker_is_not() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "fetching", 1)?;
    let mut daemon = impatient(&stage, "passthrough", "")?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap())
        .set("transactional.id", &stage.handler)
        .create()?;
    producer.init_transactions(LIMIT)?;
    producer.begin_transaction()?;
    let record = BaseRecord::to(&stage.input).key("k").payload("v");
    producer.send(record).map_err(|(error, _)| error)?;
    producer.flush(LIMIT)?;
    wait_until_stalled(&mut daemon, "fetching", "look at its leader")?;
    producer.commit_transaction(LIMIT)?;
    wait_until_over(&mut daemon, &["fetching"])?;
    // The marker that ended the transaction takes an offset too, and nothing is to be done about that.
    thread::sleep(Duration::from_secs(4));
    daemon.wait_ready(Duration::ZERO)?;
    said_once(&daemon)
}

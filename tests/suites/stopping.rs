//! How a daemon ends, and how one that was thought dead comes back: whoever waits for it is told the truth,
//! by the exit code, the log and systemd's socket, and nothing is lost.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Client, Copies, DaemonOptions, Draft, Halted, Signal, Stage, Systemd, TestCluster, TestDaemon,
    command, orders, stage::MISSED_SOON, wait,
};

const LIMIT: Duration = Duration::from_secs(60);
const DEADLINE: &str = "the drain ran into its deadline";

/// A daemon that may compute for a minute on each message, and that drains for so long.
fn patient(stage: &Stage, drain: &str) -> Result<DaemonOptions> {
    let text = stage
        .config("misbehave", r#"limits = { time-per-message = "60s" }"#)
        .replace(
            r#"drain-timeout = "5s""#,
            &format!("drain-timeout = {drain:?}"),
        );
    stage.daemon("misbehave", "")?.config(&text)
}

/// Gives the daemon a message that takes this long, and waits until it is at work on it.
fn occupy(client: &Client, stage: &Stage, daemon: &TestDaemon, millis: u32) -> Result<()> {
    client.produce(&stage.input, &[Draft::new("k", "before")])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let slow = Draft::new("k", format!("slow:{millis}"));
    stage.begin(client, daemon, &[slow])
}

/// How it ended.
fn code(daemon: &mut TestDaemon) -> Result<i32> {
    daemon
        .wait_exit(LIMIT)?
        .code()
        .context("the daemon was ended by a signal")
}

#[test]
fn an_interrupt_from_the_keyboard_finishes_and_commits_all_that_was_begun() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "interrupted", 1)?);
    let slow: Vec<_> = (0..500)
        .map(|n| Draft::new(format!("key-{n}"), "slow:10"))
        .collect();
    client.produce(&stage.input, &slow)?;
    let mut daemon = stage.daemon("misbehave", "")?.start()?;
    stage.wait_for_outputs(&client, 20)?;
    daemon.signal(Signal::Int)?;
    assert_eq!(code(&mut daemon)?, 0);
    daemon.wait_for_log("stopped: everything begun is finished and committed", LIMIT)?;
    let outputs = client.read_all(&stage.output)?.len();
    assert_eq!(
        client.committed(&stage.group, &stage.input)?,
        [Some(outputs as i64)],
        "what came out is what is committed"
    );
    ensure!(
        outputs < slow.len(),
        "it was over before it was interrupted"
    );
    Ok(())
}

#[test]
fn a_second_signal_during_a_long_drain_ends_at_once() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "impatient", 1)?);
    let mut daemon = patient(&stage, "20s")?.start()?;
    occupy(&client, &stage, &daemon, 20_000)?;
    daemon.signal(Signal::Term)?;
    daemon.wait_for_log("told to stop; a second signal ends at once", LIMIT)?;
    daemon.signal(Signal::Int)?;
    assert_eq!(code(&mut daemon)?, 1);
    ensure!(
        daemon.log_count("told to end at once") == 1,
        "it doesn't say why"
    );
    assert_eq!(daemon.log_count(DEADLINE), 0, "it drained to the end");
    assert_eq!(
        client.committed(&stage.group, &stage.input)?,
        [Some(1)],
        "what was under way is not committed"
    );
    Ok(())
}

#[test]
fn a_drain_that_takes_too_long_is_cut_short_said_so_and_made_up_for() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "overdue", 1)?);
    let mut daemon = patient(&stage, "1s")?.start()?;
    occupy(&client, &stage, &daemon, 12_000)?;
    client.produce(&stage.input, &[Draft::new("k", "after")])?;
    assert_eq!(daemon.stop(LIMIT)?, 1);
    ensure!(
        daemon.log_count(DEADLINE) == 1,
        "it doesn't say that the drain ended early"
    );
    let told = daemon
        .tail(40)
        .lines()
        .any(|line| line.contains("begun but not finished") && line.ends_with("messages=1"));
    ensure!(told, "it doesn't say how many messages are unfinished");
    assert_eq!(client.committed(&stage.group, &stage.input)?, [Some(1)]);
    daemon.restart()?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    let values: Vec<_> = outputs.iter().map(|output| output.value_text()).collect();
    assert_eq!(values, ["before", "slow:12000", "after"]);
    Ok(())
}

#[test]
fn systemd_is_told_when_it_is_ready_and_when_it_stops() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "notified", 1)?;
    let systemd = Systemd::listens()?;
    let mut daemon = stage
        .daemon("passthrough", "")?
        .environment("NOTIFY_SOCKET", systemd.address()?)
        .start()?;
    assert_eq!(systemd.next(LIMIT)?, "READY=1");
    daemon.wait_ready(LIMIT)?;
    assert_eq!(daemon.stop(LIMIT)?, 0);
    assert_eq!(systemd.next(LIMIT)?, "STOPPING=1");
    Ok(())
}

#[test]
fn systemd_hears_that_the_daemon_lives_also_while_it_drains() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "beats", 1)?);
    let systemd = Systemd::listens()?;
    let mut daemon = patient(&stage, "24s")?
        .environment("NOTIFY_SOCKET", systemd.address()?)
        .environment("WATCHDOG_USEC", "200000")
        .start()?;
    systemd.hear("WATCHDOG=1", LIMIT)?;
    // Until the daemon is seen to drain, on a slow machine too.
    occupy(&client, &stage, &daemon, 15_000)?;
    daemon.signal(Signal::Term)?;
    systemd.hear("STOPPING=1", LIMIT)?;
    systemd.hear("WATCHDOG=1", LIMIT)?;
    ensure!(daemon.is_running(), "it drains");
    assert_eq!(code(&mut daemon)?, 0);
    Ok(())
}

/// Waits until it tells something else of how it lives, which it does each second while something hangs.
fn wait_for_another_look(daemon: &TestDaemon) -> Result<()> {
    let told = daemon.get("/livez")?;
    wait::until_true("another look at what hangs", LIMIT, || {
        Ok(daemon.get("/livez")? != told)
    })
}

#[test]
fn threads_that_hang_are_named_and_the_watchdog_hears_nothing_until_they_move() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "hung", 1)?);
    let systemd = Systemd::listens()?;
    let config = stage.config("passthrough", "") + "[daemon]\nworker-threads = 1\n";
    let mut daemon = stage
        .daemon("passthrough", "")?
        .config(&config)?
        .environment("NOTIFY_SOCKET", systemd.address()?)
        .environment("WATCHDOG_USEC", "200000")
        .start()?;
    let drafts = orders(1_000);
    client.produce(&stage.input, &drafts[..500])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let threads = ["pelton-consumer", "pelton-producer", "pelton-guest"];
    let halted = Halted::threads(daemon.id(), &threads)?;
    client.produce(&stage.input, &drafts[500..])?;
    wait::until_true("all three to be told of", LIMIT, || {
        let told = daemon.get("/livez")?;
        Ok(told.status == 503 && threads.iter().all(|thread| told.body.contains(thread)))
    })?;
    assert_eq!(daemon.metric("pelton_live", &[])?, 0.0);
    let (code, _, words) = command::pelton(daemon.folder(), &["health", "--live"])?;
    ensure!(
        code == 1 && words.contains(&stage.handler),
        "{code}: {words}"
    );
    // What was on its way has come by then.
    wait_for_another_look(&daemon)?;
    systemd.said();
    wait_for_another_look(&daemon)?;
    assert_eq!(systemd.said(), [""; 0], "it is not told that they live");
    drop(halted);
    wait::until_true("the daemon to live again", LIMIT, || {
        Ok(daemon.get("/livez")?.status == 200)
    })?;
    systemd.hear("WATCHDOG=1", LIMIT)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()?;
    let counts = ["has not moved for 30 s", "moves again"].map(|words| daemon.log_count(words));
    assert_eq!(
        counts,
        [3, 3],
        "each is told once, and once that it is over"
    );
    assert_eq!(daemon.stop(LIMIT)?, 0);
    Ok(())
}

#[test]
fn a_systemd_that_hangs_holds_up_nothing() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "unheard", 1)?);
    let systemd = Systemd::hangs()?;
    let mut daemon = stage
        .daemon("passthrough", "")?
        .environment("NOTIFY_SOCKET", systemd.address()?)
        .environment("WATCHDOG_USEC", "10000")
        .start()?;
    daemon.wait_for_log("does not listen", LIMIT)?;
    client.produce(&stage.input, &orders(100))?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    daemon.wait_ready(LIMIT)?;
    assert_eq!(daemon.stop(LIMIT)?, 0);
    Ok(())
}

#[test]
fn a_daemon_that_was_frozen_and_replaced_goes_on_as_a_member_and_nothing_is_lost() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "frozen", 4)?);
    let mut frozen = stage.daemon("passthrough", MISSED_SOON)?.start()?;
    let other = stage.daemon("passthrough", MISSED_SOON)?.start()?;
    client.wait_for_shares(&stage.group, &[2, 2], LIMIT)?;
    let drafts = orders(9_000);
    std::thread::scope(|scope| -> Result<()> {
        let load = scope
            .spawn(|| client.produce_over(&stage.input, &drafts[..6_000], Duration::from_secs(6)));
        stage.wait_for_outputs(&client, 1_000)?;
        frozen.signal(Signal::Stop)?;
        client.wait_for_shares(&stage.group, &[4], LIMIT)?;
        frozen.signal(Signal::Cont)?;
        frozen.wait_for_log("partitions lost", LIMIT)?;
        client.wait_for_shares(&stage.group, &[2, 2], LIMIT)?;
        let sent = load
            .join()
            .map_err(|_| anyhow::anyhow!("the load's thread panicked"))?;
        sent.map(drop)
    })?;
    let handled = |daemon: &TestDaemon| daemon.metric("pelton_handled_messages_total", &[]);
    let before = handled(&frozen)?;
    client.produce(&stage.input, &drafts[6_000..])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let copies = Copies::of(&drafts, &client.read_all(&stage.output)?);
    copies.at_least_once()?;
    println!("{} messages were repeated", copies.repeated().len());
    ensure!(
        handled(&frozen)? > before,
        "the one that was frozen handles nothing any more"
    );
    wait::until_true("no lag to be left", LIMIT, || {
        let lag = |daemon: &TestDaemon| daemon.metric("pelton_lag_messages", &[]);
        Ok(lag(&frozen)? + lag(&other)? == 0.0)
    })?;
    // What it lost then is no blemish of a stop that leaves nothing behind.
    assert_eq!(frozen.stop(LIMIT)?, 0);
    Ok(())
}

//! `guarantee = "exactly-once"`: whoever reads with `read_committed` sees each message's outputs once, whatever
//! happens to the daemon.

use std::time::Duration;

use anyhow::{Result, ensure};
use pelton_harness::{
    Copies, Draft, Stage, TestCluster, orders,
    proxy::{Api, Fault, Release, Rule},
    stage::MISSED_SOON,
};

const LIMIT: Duration = Duration::from_secs(90);
const EXACTLY_ONCE: &str = r#"guarantee = "exactly-once""#;

/// Two hundred messages, of which some are commands to the misbehaving guest; and those that aren't.
fn drafts(commands: &[(usize, String)]) -> (Vec<Draft>, Vec<Draft>) {
    let plain = |n: usize| Draft::new(format!("k{}", n % 7), format!("plain {n}"));
    let good: Vec<Draft> = (0..200)
        .filter(|n| commands.iter().all(|(position, _)| position != n))
        .map(plain)
        .collect();
    let mut all: Vec<Draft> = (0..200).map(plain).collect();
    for (position, command) in commands {
        all[*position] = Draft::new("k1", command.as_str());
    }
    (all, good)
}

#[test]
fn a_calm_run_shows_each_output_once_and_in_order() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "calm", 4)?);
    let mut daemon = stage.daemon("passthrough", EXACTLY_ONCE)?.start()?;
    let drafts = orders(5_000);
    client.produce(&stage.input, &drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()?;
    let code = daemon.stop(LIMIT)?;
    ensure!(code == 0, "the stop ended with {code}");
    daemon.finish()
}

#[test]
fn kill_9_in_the_middle_repeats_nothing() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "once-killed", 4)?);
    let more = format!("{EXACTLY_ONCE}\n{MISSED_SOON}");
    let mut daemon = stage.daemon("passthrough", &more)?.start()?;
    let (_, copies) = stage.under_load(&client, &mut daemon, &[3_000, 9_000], |daemon| {
        daemon.kill();
        daemon.restart()
    })?;
    copies.exactly_once()
}

#[test]
fn sigterm_in_the_middle_repeats_nothing_and_ends_with_0() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "once-stopped", 4)?);
    let mut daemon = stage.daemon("passthrough", EXACTLY_ONCE)?.start()?;
    let shares = [3_000, 8_000, 13_000];
    let (_, copies) = stage.under_load(&client, &mut daemon, &shares, |daemon| {
        let code = daemon.stop(LIMIT)?;
        ensure!(code == 0, "the stop ended with {code}");
        daemon.restart()
    })?;
    assert_eq!(daemon.log_count("the drain ran into its deadline"), 0);
    copies.exactly_once()
}

/// Rules 24 and 33: a message whose output can't be written is dead-lettered, and the others go on.
#[test]
fn a_too_large_output_is_dead_lettered_and_the_others_go_on() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let stage = Stage::named(cluster.bootstrap(), "once-large");
    cluster.create_topic_named(&stage.input, 2, &[])?;
    cluster.create_topic_named(&stage.dead_letter, 1, &[])?;
    // What librdkafka takes and the topic doesn't comes back by delivery report.
    cluster.create_topic_named(&stage.output, 2, &[("max.message.bytes", "20000")])?;
    let mut daemon = stage.daemon("misbehave", EXACTLY_ONCE)?.start()?;
    let bad = [(50, "huge-output:50000"), (120, "huge-output:3000000")];
    let (drafts, good) = drafts(&bad.map(|(position, command)| (position, command.to_owned())));
    client.produce(&stage.input, &drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    let letters = client.read_all(&stage.dead_letter)?;
    Copies::of(&good, &outputs).exactly_once()?;
    ensure!(letters.len() == 2, "{} dead letters", letters.len());
    let code = daemon.stop(LIMIT)?;
    ensure!(code == 0, "the stop ended with {code}");
    daemon.finish()
}

#[test]
fn an_output_to_a_denied_topic_is_dead_lettered_and_the_others_go_on() -> Result<()> {
    let cluster = TestCluster::start(pelton_harness::Version::wanted())?;
    let client = cluster.client()?;
    let stage = Stage::new(&cluster, "once-denied", 2)?;
    let denied = cluster.create_topic("once-denied-topic", 1, &[])?;
    cluster.forbid_writing(&denied)?;
    let config = stage.config("misbehave", EXACTLY_ONCE).replace(
        &format!("outputs = [\"{}\"]", stage.output),
        &format!("outputs = [\"{}\", \"{denied}\"]", stage.output),
    );
    let mut daemon = pelton_harness::DaemonOptions::new(&stage.handler)?
        .component("misbehave")?
        .config(&config)?
        .start()?;
    let (drafts, good) =
        drafts(&[20, 90, 91].map(|position| (position, format!("topic:{denied}"))));
    client.produce(&stage.input, &drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(&good, &client.read_all(&stage.output)?).exactly_once()?;
    let letters = client.read_all(&stage.dead_letter)?;
    ensure!(letters.len() == 3, "{} dead letters", letters.len());
    let code = daemon.stop(LIMIT)?;
    ensure!(code == 0, "the stop ended with {code}");
    daemon.finish()
}

/// What was handled before there is a transaction is called again with the first one. Its outputs may take all of the
/// memory for calls until then.
#[test]
fn what_fills_the_memory_before_the_first_transaction_is_let_go_with_it() -> Result<()> {
    let (cluster, proxy) = TestCluster::start_proxied(pelton_harness::Version::wanted())?;
    let client = cluster.client()?;
    let stage = Stage::named(&proxy.bootstrap(), "once-late");
    for topic in [&stage.input, &stage.output, &stage.dead_letter] {
        cluster.create_topic_named(topic, 4, &[])?;
    }
    let large = |n: usize| Draft::new(format!("k{n}"), format!("{n} {}", "x".repeat(50_000)));
    let drafts: Vec<Draft> = (0..200).map(large).collect();
    client.produce(&stage.input, &drafts)?;
    let late = Fault::Delay(Duration::from_secs(5));
    proxy.inject(Rule::new(Api::InitProducerId, late));
    let config = format!(
        "[daemon]\nmemory = \"32 MiB\"\n{}",
        stage.config("passthrough", EXACTLY_ONCE)
    );
    let daemon = stage.daemon("passthrough", EXACTLY_ONCE)?.config(&config)?;
    let mut daemon = daemon.start()?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    ensure!(
        daemon.metric("pelton_handled_messages_total", &[])? > 200.0,
        "nothing was handled before there was a transaction, so this shows nothing"
    );
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()?;
    let code = daemon.stop(LIMIT)?;
    ensure!(code == 0, "the stop ended with {code}");
    daemon.finish()
}

/// Two transactions, the first of whose offsets are withheld until the second has sent its own; then kill -9. How
/// often each message is seen in the end.
fn torn_offsets(name: &str, defended: bool) -> Result<Copies> {
    let (cluster, proxy) = TestCluster::start_proxied(pelton_harness::Version::wanted())?;
    let client = cluster.client()?;
    let stage = Stage::named(&proxy.bootstrap(), name);
    cluster.create_topic_named(&stage.input, 1, &[])?;
    cluster.create_topic_named(&stage.output, 1, &[])?;
    cluster.create_topic_named(&stage.dead_letter, 1, &[])?;
    let more = format!("{EXACTLY_ONCE}\n{MISSED_SOON}");
    let mut daemon = stage.daemon("passthrough", &more)?;
    if !defended {
        // What it would do then is for no recording.
        daemon = daemon
            .environment("PELTON_TEST_UNDEFENDED", "1")
            .unrecorded();
    }
    let mut daemon = daemon.start()?;
    daemon.wait_ready(LIMIT)?;
    // The first answer is that of the repetition, the second that of the next transaction.
    let late = Release::AfterAnswered {
        api: Api::TxnOffsetCommit,
        count: 2,
    };
    proxy.inject(Rule::new(Api::TxnOffsetCommit, Fault::Hold(late)));
    let drafts = orders(40);
    let (first, second) = drafts.split_at(20);
    client.produce(&stage.input, first)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    client.produce(&stage.input, second)?;
    proxy.wait_for_late(1, LIMIT)?;
    stage.wait_for_outputs(&client, 42)?;
    daemon.kill();
    daemon.restart()?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let code = daemon.stop(LIMIT)?;
    ensure!(code == 0, "the stop ended with {code}");
    daemon.finish()?;
    Ok(Copies::of(&drafts, &client.read_all(&stage.output)?))
}

/// Rule 35.
#[test]
fn offsets_that_arrive_in_a_later_transaction_are_fenced() -> Result<()> {
    torn_offsets("once-torn", true)?.exactly_once()
}

/// That the test above can fail: what it withholds does its harm where nobody minds.
#[test]
fn without_the_defence_late_offsets_take_the_group_back() -> Result<()> {
    let copies = torn_offsets("undefended", false)?;
    ensure!(
        copies.repeated().len() == 20,
        "{} were repeated, and the second twenty should have been",
        copies.repeated().len()
    );
    Ok(())
}

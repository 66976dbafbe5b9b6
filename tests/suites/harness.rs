//! The ground the other suites stand on: the broker starts, restarts and dies with its test, and every client
//! reads what every other one wrote.

#[path = "harness/proxy.rs"]
mod proxy;

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Result, ensure};
use pelton_harness::{
    Client, Draft, Message, TestCluster, Version,
    cluster::unique,
    foreign::{Partitioner, kafkajs_consume, kafkajs_produce, kcat_consume, kcat_produce},
    paths, wait,
};

const LIMIT: Duration = Duration::from_secs(30);

fn drafts() -> Vec<Draft> {
    let keyed = |n: usize| Draft::new(format!("user-{n}"), format!("{{\"n\":{n}}}"));
    let mut drafts: Vec<Draft> = (0..40)
        .map(|n| keyed(n).header("source", "test").header("source", "again"))
        .collect();
    let mut tombstone = Draft::tombstone("user-7");
    tombstone.headers = drafts[0].headers.clone();
    drafts.push(tombstone);
    drafts
}

/// What must be the same whoever reads: partition, key, value, headers, in order for each partition.
fn comparable(messages: Vec<Message>) -> Vec<Message> {
    let mut messages = messages;
    messages.sort_by_key(|message| (message.partition, message.offset));
    messages
}

/// The first two facts about a message: what it is, not where it landed.
fn content(messages: &[Message]) -> Vec<(String, String)> {
    let mut content: Vec<_> = messages
        .iter()
        .map(|one| (one.key_text(), one.value_text()))
        .collect();
    content.sort();
    content
}

fn expected(drafts: &[Draft]) -> Vec<(String, String)> {
    let message = |draft: &Draft| Message {
        key: draft.key.clone(),
        value: draft.value.clone(),
        ..Message::default()
    };
    content(&drafts.iter().map(message).collect::<Vec<_>>())
}

#[test]
fn every_client_reads_what_every_other_one_wrote() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, drafts) = (cluster.client()?, drafts());
    let writers = ["librdkafka", "kafkajs", "kcat"];
    for writer in writers {
        let topic = cluster.create_topic(writer, 4, &[])?;
        match writer {
            "kafkajs" => {
                kafkajs_produce(cluster.bootstrap(), &topic, &drafts, Partitioner::Default)?
            }
            "kcat" => kcat_produce(cluster.bootstrap(), &topic, &drafts)?,
            _ => drop(client.produce(&topic, &drafts)?),
        }
        let own = comparable(client.read_at_least(&topic, drafts.len(), LIMIT)?);
        assert_eq!(content(&own), expected(&drafts), "written by {writer}");
        assert!(
            own.iter()
                .all(|message| message.headers == drafts[0].headers),
            "headers written by {writer}: {own:?}"
        );
        let kafkajs = comparable(kafkajs_consume(
            cluster.bootstrap(),
            &topic,
            drafts.len(),
            LIMIT,
        )?);
        assert_eq!(kafkajs, own, "KafkaJS reads what {writer} wrote");
        let kcat = comparable(kcat_consume(cluster.bootstrap(), &topic, LIMIT)?);
        assert_eq!(kcat, own, "kcat reads what {writer} wrote");
    }
    Ok(())
}

#[test]
fn keys_land_where_kafkajs_puts_them() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let drafts: Vec<Draft> = (0..200)
        .map(|n| Draft::new(format!("order-{n}"), "x"))
        .collect();
    let (ours, theirs) = (
        cluster.create_topic("ours", 7, &[])?,
        cluster.create_topic("theirs", 7, &[])?,
    );
    client.produce(&ours, &drafts)?;
    kafkajs_produce(cluster.bootstrap(), &theirs, &drafts, Partitioner::Default)?;
    let placed = |topic: &str| -> Result<Vec<(String, i32)>> {
        let messages = client.read_at_least(topic, drafts.len(), LIMIT)?;
        let mut placed: Vec<_> = messages
            .iter()
            .map(|one| (one.key_text(), one.partition))
            .collect();
        placed.sort();
        Ok(placed)
    };
    assert_eq!(placed(&ours)?, placed(&theirs)?);
    Ok(())
}

#[test]
fn null_headers_and_timestamps_survive_the_way_to_every_reader() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, topic) = (cluster.client()?, cluster.create_topic("nulls", 1, &[])?);
    let draft = Draft::new("k", "")
        .null_header("nothing")
        .header("empty", "")
        .timestamp(1_700_000_000_123);
    let placed = client.produce(&topic, std::slice::from_ref(&draft))?;
    assert_eq!(placed, [(0, 0)]);
    let own = client.read_at_least(&topic, 1, LIMIT)?;
    assert_eq!(
        (&own[0].headers, &own[0].value, own[0].timestamp),
        (&draft.headers, &draft.value, draft.timestamp)
    );
    assert_eq!(kafkajs_consume(cluster.bootstrap(), &topic, 1, LIMIT)?, own);
    assert_eq!(kcat_consume(cluster.bootstrap(), &topic, LIMIT)?, own);
    Ok(())
}

#[test]
fn a_broker_that_was_killed_comes_back_with_its_data() -> Result<()> {
    let cluster = TestCluster::start(Version::V4)?;
    let (client, topic) = (cluster.client()?, cluster.create_topic("kept", 2, &[])?);
    client.produce(&topic, &drafts())?;
    cluster.kill();
    ensure!(!client.is_up(), "a killed broker can't answer");
    cluster.restart()?;
    assert_eq!(content(&client.read_all(&topic)?), expected(&drafts()));
    Ok(())
}

/// Forbids writing to one topic and allows it again.
fn forbid_and_allow(cluster: &TestCluster) -> Result<()> {
    let (client, draft) = (cluster.client()?, [Draft::new("k", "v")]);
    let (closed, open) = (
        cluster.create_topic("closed", 1, &[])?,
        cluster.create_topic("open", 1, &[])?,
    );
    cluster.forbid_writing(&closed)?;
    let refused = |client: &Client| match client.produce(&closed, &draft) {
        Ok(_) => Ok(None),
        Err(error) => Ok(Some(format!("{error:#}"))),
    };
    let error = wait::until("the broker to refuse", LIMIT, || refused(&client))?;
    ensure!(error.contains("TopicAuthorizationFailed"), "{error}");
    client.produce(&open, &draft)?;
    client.read_all(&closed)?;
    cluster.allow_all(&closed)?;
    wait::until_true("the broker to accept", LIMIT, || {
        Ok(refused(&client)?.is_none())
    })
}

#[test]
fn a_topic_is_closed_for_writing_and_opened_again() -> Result<()> {
    forbid_and_allow(TestCluster::shared())
}

#[test]
fn kafka_3_9_starts_and_keeps_messages() -> Result<()> {
    let cluster = TestCluster::start(Version::V3_9)?;
    forbid_and_allow(&cluster)?;
    let (client, topic) = (
        cluster.client()?,
        cluster.create_topic_named("old", 2, &[]).map(|()| "old")?,
    );
    kafkajs_produce(cluster.bootstrap(), topic, &drafts(), Partitioner::Legacy)?;
    assert_eq!(
        content(&client.read_at_least(topic, drafts().len(), LIMIT)?),
        expected(&drafts())
    );
    Ok(())
}

#[test]
fn a_group_is_described_without_joining_it() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, topic) = (
        cluster.client()?,
        cluster.create_topic("described", 2, &[])?,
    );
    client.produce(&topic, &drafts())?;
    let group = unique("group");
    assert_eq!(cluster.generation(&group), None);
    // A kcat that runs until it is told to stop: one member, which has both partitions.
    let mut member = Command::new("kcat")
        .args([
            "-b",
            cluster.bootstrap(),
            "-X",
            "auto.offset.reset=earliest",
            "-G",
            &group,
            &topic,
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let described = client.wait_for_shares(&group, &[2], LIMIT);
    let generation = cluster.generation(&group);
    let committed = client.wait_for_all_committed(&group, &topic, LIMIT);
    member.kill()?;
    member.wait()?;
    assert_eq!(
        described?.members[0].partitions,
        [(topic.clone(), 0), (topic, 1)]
    );
    assert_eq!(generation, Some(1));
    committed
}

#[test]
fn nothing_is_left_behind_when_a_test_process_is_killed() -> Result<()> {
    const VICTIM: &str = "PELTON_HARNESS_VICTIM";
    if let Some(file) = std::env::var_os(VICTIM) {
        // This is the process that will be killed: it starts a broker and waits for its end.
        let cluster = TestCluster::start(Version::V4)?;
        std::fs::write(file, cluster.bootstrap())?;
        std::thread::sleep(LIMIT);
        return Ok(());
    }
    let file = paths::fresh_folder("victim")?.join("address");
    let mut victim = Command::new(std::env::current_exe()?)
        .args([
            "--exact",
            "nothing_is_left_behind_when_a_test_process_is_killed",
        ])
        .env(VICTIM, &file)
        .stdout(Stdio::null())
        .spawn()?;
    let address = wait::until("the victim's broker", LIMIT, || {
        Ok(std::fs::read_to_string(&file)
            .ok()
            .filter(|address| !address.is_empty()))
    });
    victim.kill()?;
    victim.wait()?;
    let address = address?;
    wait::until_true("the broker to be gone", LIMIT, || {
        Ok(std::net::TcpStream::connect(&address).is_err())
    })
}

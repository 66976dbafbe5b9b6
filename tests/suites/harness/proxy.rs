//! The proxy before a real broker: transparent until told otherwise, and able to show what plain librdkafka's
//! transactions promise and what they don't.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Proxy, TestCluster, Version,
    cluster::unique,
    proxy::{Api, Fault, Kind, Release, Rule, Storm},
    wait,
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};

use super::LIMIT;

type Transactional = ThreadedProducer<DefaultProducerContext>;

/// A producer through the proxy with a transactional id of its own, ready to begin.
fn transactional(proxy: &Proxy) -> Result<Transactional> {
    let id = unique("proxied");
    let producer: Transactional = ClientConfig::new()
        .set("bootstrap.servers", proxy.bootstrap())
        .set("client.id", &id)
        .set("transactional.id", &id)
        .set("linger.ms", "0")
        // A client that has often been cut off comes back quickly nevertheless.
        .set("reconnect.backoff.max.ms", "100")
        .create()?;
    producer.init_transactions(LIMIT)?;
    Ok(producer)
}

/// Writes one message within the transaction and waits for its answer. Should that be an error, the commit fails.
fn write(producer: &Transactional, topic: &str, partition: i32, value: &str) -> Result<()> {
    let record: BaseRecord<'_, (), str> = BaseRecord::to(topic).partition(partition);
    producer
        .send(record.payload(value))
        .map_err(|(error, _)| error)?;
    Ok(producer.flush(LIMIT)?)
}

/// What a `read_committed` reader past the proxy sees, in the order of partitions.
fn committed(cluster: &TestCluster, topic: &str, count: usize) -> Result<Vec<String>> {
    let client = cluster.client()?;
    // The answer to a commit comes before the markers that make it visible.
    let mut messages = client.read_at_least(topic, count, LIMIT)?;
    messages.sort_by_key(|message| (message.partition, message.offset));
    Ok(messages.iter().map(|one| one.value_text()).collect())
}

#[test]
fn a_proxy_passes_everything_on_and_counts_it_also_after_the_brokers_death() -> Result<()> {
    let (cluster, proxy) = TestCluster::start_proxied(Version::wanted())?;
    let topic = cluster.create_topic("untouched", 2, &[])?;
    let producer = transactional(&proxy)?;
    for (n, end) in ["one", "two", "three"].into_iter().enumerate() {
        producer.begin_transaction()?;
        write(&producer, &topic, 0, end)?;
        write(&producer, &topic, 1, end)?;
        match n {
            1 => producer.abort_transaction(LIMIT)?,
            _ => producer.commit_transaction(LIMIT)?,
        }
    }
    assert_eq!(
        committed(&cluster, &topic, 4)?,
        ["one", "three", "one", "three"]
    );
    // A busy broker may have some of them repeated.
    let kinds = [Api::AddPartitionsToTxn, Api::Produce, Api::EndTxn];
    for (api, least) in kinds.into_iter().zip([6, 6, 3]) {
        let (seen, answered) = (proxy.seen(api), proxy.answered(api));
        ensure!(seen >= least && answered == seen, "{}", proxy.report());
    }
    assert_eq!((proxy.injections(), proxy.holding()), (0, 0));

    cluster.kill();
    ensure!(!proxy.client()?.is_up(), "nobody is behind the proxy");
    cluster.restart()?;
    producer.begin_transaction()?;
    write(&producer, &topic, 0, "four")?;
    producer.commit_transaction(LIMIT)?;
    assert_eq!(committed(&cluster, &topic, 5)?.len(), 5);
    Ok(())
}

#[test]
fn a_commit_whose_answer_is_lost_is_repeated_and_shows_once() -> Result<()> {
    let (cluster, proxy) = TestCluster::start_proxied(Version::wanted())?;
    let topic = cluster.create_topic("once", 1, &[])?;
    let producer = transactional(&proxy)?;
    let faults = [Fault::CutAfter, Fault::Drop, Fault::Delay(LIMIT / 30)];
    for (n, fault) in faults.into_iter().enumerate() {
        proxy.inject(Rule::new(Api::EndTxn, fault).client("proxied"));
        producer.begin_transaction()?;
        write(&producer, &topic, 0, &n.to_string())?;
        producer.commit_transaction(LIMIT)?;
        assert_eq!(proxy.injected(Api::EndTxn, fault.kind()), 1);
    }
    assert_eq!(committed(&cluster, &topic, 3)?, ["0", "1", "2"]);
    // Two of the three commits were sent again, and only the dropped one never reached the broker. There may be
    // more: the broker doesn't take a commit while it still carries out the same one.
    let (seen, answered) = (proxy.seen(Api::EndTxn), proxy.answered(Api::EndTxn));
    ensure!(seen >= 5 && answered == seen - 1, "{}", proxy.report());
    Ok(())
}

/// The anomaly for which KIP-890 gave each transaction an epoch of its own. librdkafka 2.12 doesn't have that:
/// what ended one transaction and was under way twice ends the next one too, and the broker finds it in order.
/// The producer isn't told, and its next partition opens a transaction that it takes for the same.
#[test]
fn a_late_end_tears_the_transaction_it_meets() -> Result<()> {
    let (cluster, proxy) = TestCluster::start_proxied(Version::wanted())?;
    let (api, count) = (Api::Produce, 1);
    let hold = Fault::Hold(Release::AfterAnswered { api, count });
    for (n, commits) in [true, false].into_iter().enumerate() {
        let topic = cluster.create_topic("torn", 2, &[])?;
        let producer = transactional(&proxy)?;
        let end = |commit: bool| match commit {
            true => producer.commit_transaction(LIMIT),
            false => producer.abort_transaction(LIMIT),
        };
        proxy.inject(Rule::new(Api::EndTxn, hold));
        producer.begin_transaction()?;
        write(&producer, &topic, 0, "first")?;
        end(commits)?;
        assert_eq!(proxy.holding(), 1, "{}", proxy.report());

        producer.begin_transaction()?;
        write(&producer, &topic, 0, "torn off")?;
        let late = proxy.wait_for_late(n + 1, LIMIT)?;
        assert_eq!(late[n].error, Some(0), "{}", proxy.report());
        write(&producer, &topic, 1, "the rest")?;
        end(!commits)?;

        let seen = match commits {
            // This one was aborted, and is in part there.
            true => vec!["first", "torn off"],
            // This one was committed, and is in part lost.
            false => vec!["the rest"],
        };
        assert_eq!(committed(&cluster, &topic, seen.len())?, seen);
    }
    Ok(())
}

/// Offsets of a group that are committed within the transaction.
fn send_offset(
    producer: &Transactional,
    group: &BaseConsumer,
    topic: &str,
    next: i64,
) -> Result<()> {
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, 0, Offset::Offset(next))?;
    let metadata = group.group_metadata();
    let metadata = metadata.context("a consumer has a group")?;
    Ok(producer.send_offsets_to_transaction(&offsets, &metadata, LIMIT)?)
}

/// The same for offsets: a straggler of the transaction before is taken for the later one's own.
#[test]
fn a_late_offset_commit_takes_the_group_back() -> Result<()> {
    let (cluster, proxy) = TestCluster::start_proxied(Version::wanted())?;
    let topic = cluster.create_topic("offsets", 1, &[])?;
    let producer = transactional(&proxy)?;
    let group_id = unique("group");
    let group: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap())
        .set("group.id", &group_id)
        .create()?;
    let (api, count) = (Api::TxnOffsetCommit, 2);
    let hold = Fault::Hold(Release::AfterAnswered { api, count });
    proxy.inject(Rule::new(api, hold));
    for next in [5, 9] {
        producer.begin_transaction()?;
        write(&producer, &topic, 0, &next.to_string())?;
        send_offset(&producer, &group, &topic, next)?;
        producer.commit_transaction(LIMIT)?;
    }
    ensure!(proxy.wait_for_late(1, LIMIT)?[0].answered);
    // Not the 5 of the first transaction: the broker says nothing while the second is being carried out.
    wait::until_true("the group to be taken back", LIMIT, || {
        Ok(cluster.client()?.committed(&group_id, &topic)? == [Some(5)])
    })
}

/// A storm of all that a client can repeat. Stragglers are left out: what they do is shown above.
#[test]
fn transactions_in_a_storm_show_once_or_not_at_all() -> Result<()> {
    let (cluster, proxy) = TestCluster::start_proxied(Version::wanted())?;
    let topic = cluster.create_topic("storm", 2, &[])?;
    let mut storm = Storm::new(1);
    storm.kinds = vec![Kind::Delay, Kind::Drop, Kind::CutAfter];
    storm.longest = Duration::from_millis(100);
    storm.per_mille.values_mut().for_each(|rate| *rate = 150);
    proxy.storm(storm);
    let producer = transactional(&proxy)?;
    let mut expected = Vec::new();
    for n in 0..25 {
        producer.begin_transaction()?;
        let value = n.to_string();
        let done = (0..2)
            .try_for_each(|partition| write(&producer, &topic, partition, &value))
            .and_then(|()| Ok(producer.commit_transaction(LIMIT)?));
        match done {
            Ok(()) => expected.push(value),
            Err(_) => producer
                .abort_transaction(LIMIT)
                .with_context(|| proxy.report())?,
        }
    }
    let faults = proxy.injections();
    ensure!(faults >= 10 && expected.len() >= 20, "{}", proxy.report());
    proxy.calm();
    for value in ["calm", "again"] {
        producer.begin_transaction()?;
        write(&producer, &topic, 0, value)?;
        write(&producer, &topic, 1, value)?;
        producer.commit_transaction(LIMIT)?;
        expected.push(value.to_owned());
    }
    assert_eq!(proxy.injections(), faults, "it is calm");
    let expected = [expected.clone(), expected].concat();
    let seen = committed(&cluster, &topic, expected.len())?;
    assert_eq!(seen, expected, "{}", proxy.report());
    Ok(())
}

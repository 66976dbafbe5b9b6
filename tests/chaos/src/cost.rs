//! What exactly-once costs beside at-least-once, on the same work in the same run: CPU seconds, messages a second,
//! and how long a message is on its way at a tenth of that.
//!
//! Invariant: it prints and judges nothing: machines are shared, and what holds of these figures is their ratio.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use pelton_harness::{DaemonOptions, TestCluster, TestDaemon, Version, stage, usage, wait};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseProducer, BaseRecord, Producer},
};

use crate::{
    options::Options,
    progress::{Progress, now},
    subject::{GUEST, INPUT},
    writer::Writer,
};

/// Each guarantee so often, in turn.
const ROUNDS: usize = 3;
const GUARANTEES: [&str; 2] = ["at-least-once", "exactly-once"];
/// How long messages are sent to see how long they are on their way.
const SENDING: Duration = Duration::from_secs(20);
const LIMIT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(50);

/// One run over everything that was written.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// CPU seconds for a million messages.
    cpu: f64,
    /// Messages a second.
    rate: f64,
    /// Transactions a second.
    transactions: f64,
}

/// Measures and prints.
pub fn run(options: &Options) -> Result<()> {
    let cluster = TestCluster::start(Version::V4)?;
    cluster.create_topic_named(INPUT, options.partitions, &[])?;
    let progress = Progress::new(options.partitions as usize);
    println!("writing {} messages", options.messages);
    let writer = Writer::start(cluster.bootstrap(), Some(options.messages), progress)?;
    writer.pace(Duration::from_secs(10), 0);
    writer.finish()?;
    let mut costs = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for (guarantee, costs) in GUARANTEES.iter().zip(&mut costs) {
            let cost = work(&cluster, options, guarantee, round)?;
            println!(
                "round {round}, {guarantee}: {:.1} CPU-s a million, {:.0} messages/s, {:.0} transactions/s",
                cost.cpu, cost.rate, cost.transactions
            );
            costs.push(cost);
        }
    }
    let [least, exactly] = costs;
    let (least, exactly) = (median(&least), median(&exactly));
    println!(
        "medians: exactly-once takes {:.2} times the CPU, and reaches {:.0} % of the rate",
        exactly.cpu / least.cpu,
        100.0 * exactly.rate / least.rate
    );
    let rate = least.rate.min(exactly.rate) / 10.0;
    for guarantee in GUARANTEES {
        let [half, most, longest] = latency(&cluster, options, guarantee, rate)?;
        println!(
            "{guarantee} at {rate:.0} messages/s: p50 {half} ms, p99 {most} ms, longest {longest} ms from sending to a read_committed reader"
        );
    }
    let held_up = held_up(&cluster, options)?;
    println!(
        "kill -9 in a transaction: read_committed readers are held up for {:.1} s (time-out 10 s, the coordinator looks once a second)",
        held_up.as_secs_f64()
    );
    Ok(())
}

/// How long after kill -9 in the middle of a transaction what stands behind it can't be read.
fn held_up(cluster: &TestCluster, options: &Options) -> Result<Duration> {
    let name = "held-up";
    let mut daemon = daemon(cluster, options, "exactly-once", INPUT, name)?;
    let (client, output) = (cluster.client()?, format!("{name}-out"));
    let probe = client.probe(name)?;
    let is_open = || probe.is_open(&output, options.partitions, LIMIT);
    for _ in 0..50 {
        wait::until_true("a transaction to be open", LIMIT, is_open)?;
        daemon.kill();
        let killed = Instant::now();
        if is_open()? {
            probe.wait_until_closed(&output, options.partitions, LIMIT)?;
            let held_up = killed.elapsed();
            return daemon.finish().map(|()| held_up);
        }
        daemon.restart()?;
    }
    anyhow::bail!("no kill met an open transaction")
}

fn median(costs: &[Cost]) -> Cost {
    let middle = |mut figures: Vec<f64>| {
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(0.0)
    };
    Cost {
        cpu: middle(costs.iter().map(|cost| cost.cpu).collect()),
        rate: middle(costs.iter().map(|cost| cost.rate).collect()),
        transactions: middle(costs.iter().map(|cost| cost.transactions).collect()),
    }
}

/// A daemon that reads `input` and forwards to a topic of its own.
fn daemon(
    cluster: &TestCluster,
    options: &Options,
    guarantee: &str,
    input: &str,
    name: &str,
) -> Result<TestDaemon> {
    cluster.create_topic_named(&format!("{name}-out"), options.partitions, &[])?;
    cluster.create_topic_named(&format!("{name}.dead-letter"), 1, &[])?;
    let output = format!("{name}-out");
    let topics = [input, output.as_str()];
    let config = stage::measured(cluster.bootstrap(), name, GUEST, topics, guarantee);
    DaemonOptions::new(name)?
        .component(GUEST)?
        .config(&config)?
        .unrecorded()
        .start()
}

/// From a tenth of the messages to the last one, so that the start is left out.
fn work(cluster: &TestCluster, options: &Options, guarantee: &str, round: usize) -> Result<Cost> {
    let name = format!("cost-{guarantee}-{round}");
    let daemon = daemon(cluster, options, guarantee, INPUT, &name)?;
    let probe = cluster.client()?.probe(&name)?;
    let committed = || -> Result<i64> {
        let committed = probe.committed(INPUT, options.partitions, LIMIT)?;
        Ok(committed.iter().filter_map(|one| one.next).sum())
    };
    let reach = |least: i64| -> Result<(i64, f64, Instant)> {
        let start = Instant::now();
        loop {
            let done = committed()?;
            if done >= least {
                return Ok((done, usage::cpu_seconds(daemon.id())?, Instant::now()));
            }
            ensure!(start.elapsed() < LIMIT, "{done} of {least} are committed");
            thread::sleep(POLL);
        }
    };
    let (first, cpu, began) = reach(options.messages as i64 / 10)?;
    let transactions = daemon.metric("pelton_transactions_total", &[])?;
    let (last, cpu_at_end, ended) = reach(options.messages as i64)?;
    let count = (last - first) as f64;
    let seconds = (ended - began).as_secs_f64();
    let transactions = daemon.metric("pelton_transactions_total", &[])? - transactions;
    end(daemon, &name)?;
    Ok(Cost {
        cpu: (cpu_at_end - cpu) * 1e6 / count,
        rate: count / seconds,
        transactions: transactions / seconds,
    })
}

/// Stops it; its log is nobody's business where it ends well.
fn end(mut daemon: TestDaemon, name: &str) -> Result<()> {
    ensure!(daemon.stop(LIMIT)? == 0, "{name} did not end with 0");
    daemon.finish()
}

/// The median, the 99th percentile and the longest time from when a message was to be sent until it was read.
fn latency(
    cluster: &TestCluster,
    options: &Options,
    guarantee: &str,
    rate: f64,
) -> Result<[i64; 3]> {
    let name = format!("latency-{guarantee}");
    let input = format!("{name}-in");
    cluster.create_topic_named(&input, options.partitions, &[])?;
    let mut daemon = daemon(cluster, options, guarantee, &input, &name)?;
    daemon.wait_ready(LIMIT)?;
    let count = (rate * SENDING.as_secs_f64()) as usize;
    let consumer = reader(cluster, options, &format!("{name}-out"))?;
    let mut taken = thread::scope(|scope| -> Result<Vec<i64>> {
        let sending = scope.spawn(|| send(cluster, &input, count, rate));
        let mut taken = Vec::with_capacity(count);
        let started = Instant::now();
        while taken.len() < count && started.elapsed() < LIMIT {
            if let Some(Ok(message)) = consumer.poll(POLL) {
                // The handler's output has its message's timestamp.
                taken.push(now() - message.timestamp().to_millis().unwrap_or(0));
            }
        }
        let sent = sending.join();
        sent.map_err(|_| anyhow::anyhow!("the sender's thread panicked"))??;
        Ok(taken)
    })?;
    ensure!(taken.len() == count, "{} of {count} came", taken.len());
    end(daemon, &name)?;
    taken.sort_unstable();
    let at = |share: usize| taken.get((count - 1) * share / 100).copied().unwrap_or(0);
    Ok([at(50), at(99), at(100)])
}

fn reader(cluster: &TestCluster, options: &Options, topic: &str) -> Result<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap())
        .set("group.id", "cost-reader")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..options.partitions {
        list.add_partition_offset(topic, partition, Offset::Offset(0))?;
    }
    consumer.assign(&list)?;
    Ok(consumer)
}

/// Sends at a fixed rate, whatever becomes of the messages; each bears the time when it was to be sent. What is due
/// is sent together, once in a millisecond: a wake-up for each message would fall behind. Without keys what is sent
/// together goes into one partition: with them the brokers would be busy with requests of a message or two.
fn send(cluster: &TestCluster, topic: &str, count: usize, rate: f64) -> Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap())
        .set("linger.ms", "5")
        .create()?;
    let (start, began) = (Instant::now(), now());
    let mut sent = 0;
    while sent < count {
        let due = (start.elapsed().as_secs_f64() * rate) as usize;
        for n in sent..due.min(count) {
            let value = format!("{n} {:090}", 0);
            let record = BaseRecord::<(), _>::to(topic)
                .payload(&value)
                .timestamp(began + (n as f64 / rate * 1e3) as i64);
            producer.send(record).map_err(|(error, _)| error)?;
        }
        sent = due;
        producer.poll(Duration::from_millis(1));
    }
    wait::until_true("what was sent to be acknowledged", LIMIT, || {
        producer.poll(POLL);
        Ok(producer.in_flight_count() == 0)
    })
}

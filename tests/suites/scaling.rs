//! One group over more and more daemons: Kafka's own groups share the partitions out, and a member that
//! is killed is replaced by one that had nothing to do.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use pelton_harness::{
    Copies, Stage, TestCluster, TestDaemon, http, orders, stage::MISSED_SOON, wait,
};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn four_partitions_spread_over_one_two_four_and_five_daemons() -> Result<()> {
    let cluster = TestCluster::shared();
    let mut stage = Stage::new(cluster, "order-processing", 4)?;
    stage.group = "order-processing-service".to_owned();
    let probed = Probed::default();
    thread::scope(|scope| {
        let probing = scope.spawn(|| probed.throughout());
        let scaled = scale(cluster, &stage, &probed);
        probed.over.store(true, Ordering::Relaxed);
        let probing = probing.join();
        // They run until nobody asks them any more.
        drop(scaled?);
        probing.map_err(|_| anyhow!("who probed has panicked"))?
    })
}

fn scale(cluster: &TestCluster, stage: &Stage, probed: &Probed) -> Result<Vec<TestDaemon>> {
    let client = cluster.client()?;
    let start = || -> Result<TestDaemon> {
        let daemon = stage.daemon("passthrough", MISSED_SOON)?.start()?;
        probed.begin(&daemon)?;
        Ok(daemon)
    };
    let drafts = orders(2_000);
    let mut sent = 0;
    let mut send = |count: usize| -> Result<()> {
        client.produce(&stage.input, &drafts[sent..sent + count])?;
        sent += count;
        client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)
    };
    let shares = |wanted: &[usize]| client.wait_for_shares(&stage.group, wanted, LIMIT);

    let mut daemons = vec![start()?];
    shares(&[4])?;
    send(400)?;
    daemons.push(start()?);
    shares(&[2, 2])?;
    send(400)?;
    daemons.push(start()?);
    daemons.push(start()?);
    shares(&[1, 1, 1, 1])?;
    send(400)?;
    daemons.push(start()?);
    shares(&[1, 1, 1, 1, 0])?;
    send(400)?;

    let working = daemons
        .iter_mut()
        .find(|daemon| fetched(daemon) > 0)
        .context("nobody fetches anything")?;
    probed.end(working);
    working.kill();
    // The one that idled has taken over: each of the four that are left has one.
    shares(&[1, 1, 1, 1])?;
    send(400)?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).at_least_once()?;
    Ok(daemons)
}

/// Daemons that are asked all the time whether they live, which no rebalance may fail.
#[derive(Default)]
struct Probed {
    /// Their admin addresses. Held while they are asked, so that one which is taken out is not asked any more.
    admins: Mutex<Vec<String>>,
    answers: AtomicUsize,
    over: AtomicBool,
}

impl Probed {
    fn begin(&self, daemon: &TestDaemon) -> Result<()> {
        wait::until_true("the daemon to answer", LIMIT, || {
            Ok(daemon.get("/livez").is_ok())
        })?;
        let admins = self.admins.lock();
        admins
            .unwrap_or_else(PoisonError::into_inner)
            .push(daemon.admin().to_owned());
        Ok(())
    }

    fn end(&self, daemon: &TestDaemon) {
        let mut admins = self.admins.lock().unwrap_or_else(PoisonError::into_inner);
        admins.retain(|admin| admin != daemon.admin());
    }

    /// Asks them until it is over.
    fn throughout(&self) -> Result<()> {
        wait::until_true("the end", 10 * LIMIT, || {
            for admin in &*self.admins.lock().unwrap_or_else(PoisonError::into_inner) {
                let answer = http::get(admin, "/livez")?;
                ensure!(answer.status == 200, "{admin}: {}", answer.body);
                self.answers.fetch_add(1, Ordering::Relaxed);
            }
            Ok(self.over.load(Ordering::Relaxed))
        })?;
        ensure!(self.answers.load(Ordering::Relaxed) > 0, "nobody was asked");
        Ok(())
    }
}

/// How many partitions' worth of work a daemon has: those it reports a committed offset of.
fn fetched(daemon: &TestDaemon) -> usize {
    let metrics = daemon
        .get("/metrics")
        .map(|response| response.body)
        .unwrap_or_default();
    metrics
        .lines()
        .filter(|line| line.starts_with("pelton_committed_offset{"))
        .count()
}

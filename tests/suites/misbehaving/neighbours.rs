//! What a handler keeps of its rate beside one that loops for ever and one that eats memory.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use pelton_harness::{
    Client, Copies, DaemonOptions, Draft, Stage, TestCluster, TestDaemon, component, orders, paths,
};

const LIMIT: Duration = Duration::from_secs(90);
/// A rate is taken over this.
const WINDOW: Duration = Duration::from_secs(1);
/// How often it is taken alone and beside the two. Odd, for the median.
const PAIRS: usize = 7;
/// So many messages wait when a rate begins to be taken: more than are handled meanwhile.
const AHEAD: usize = 4_000;
/// The share of its rate that it keeps at the least.
const KEPT: f64 = 0.3;
/// What the handler does with each message: two milliseconds of computing.
const WORK: &str = "slow:2\n";

/// The misbehaving take up their message again at once when they were stopped, without an end.
fn misbehaves(mode: &str) -> String {
    format!(
        "retry = {{ attempts = 1000000, backoff = \"1ms\", max-backoff = \"1ms\" }}\n\
         limits = {{ time-per-message = \"100ms\", memory = \"64 MiB\" }}\nsettings = {{ mode = \"{mode}\" }}\n"
    )
}

/// The three handlers of one daemon.
struct Three {
    client: Client,
    daemon: TestDaemon,
    good: Stage,
    bad: [Stage; 2],
    drafts: Vec<Draft>,
}

impl Three {
    fn start() -> Result<Self> {
        let cluster = TestCluster::shared();
        let good = Stage::new(cluster, "works", 4)?;
        let bad = [
            Stage::new(cluster, "loops", 1)?,
            Stage::new(cluster, "eats", 1)?,
        ];
        let text = format!(
            "{}{}{}",
            good.config("misbehave", ""),
            bad[0].handler_config("bad", &misbehaves("loop")),
            bad[1].handler_config("bad", &misbehaves("memory")),
        );
        let daemon = DaemonOptions::new("three")?
            .component("misbehave")?
            .component_as("passthrough", "bad.wasm")?
            .config(&text)?
            .start()?;
        Ok(Self {
            client: cluster.client()?,
            daemon,
            good,
            bad,
            drafts: Vec::new(),
        })
    }

    fn handled(&self) -> Result<usize> {
        let handled = "pelton_handled_messages_total";
        Ok(self.daemon.metric(handled, &[&label(&self.good)])? as usize)
    }

    /// How many attempts of a handler failed. Before the first one nothing is told of them.
    fn failures(&self, stage: &Stage) -> Result<f64> {
        let failures = "pelton_failures_total";
        self.daemon.metric_or_zero(failures, &[&label(stage)])
    }

    /// Messages that the good one handles in a second, of many that wait.
    fn rate(&mut self) -> Result<f64> {
        let all = self.handled()? + AHEAD;
        let work = |draft: &Draft| Draft {
            value: (draft.value.as_ref()).map(|value| [WORK.as_bytes(), value].concat()),
            ..draft.clone()
        };
        let more = orders(all).split_off(self.drafts.len().min(all));
        let more: Vec<Draft> = more.iter().map(work).collect();
        self.client.produce(&self.good.input, &more)?;
        self.drafts.extend(more);
        let (begun, before) = (Instant::now(), self.handled()?);
        thread::sleep(WINDOW);
        let handled = self.handled()?;
        let took = begun.elapsed();
        ensure!(handled < self.drafts.len(), "there was too little to do");
        Ok((handled - before) as f64 / took.as_secs_f64())
    }

    /// Puts another component into the place of the misbehaving.
    fn both_become(&mut self, guest: &str) -> Result<()> {
        let swapped = self.daemon.log_count("revision swapped in");
        let file = self.daemon.folder().join("bad.wasm");
        component::replace(&file, &fs::read(paths::guest(guest)?)?)?;
        self.daemon
            .wait_for_log_times("revision swapped in", swapped + 2, LIMIT)
    }

    /// Takes the rate while both misbehave, and makes sure that they have.
    fn rate_beside_both(&mut self) -> Result<f64> {
        self.both_become("misbehave")?;
        let before = self.misdeeds()?;
        for stage in &self.bad {
            self.client.produce(&stage.input, &orders(1))?;
        }
        thread::sleep(WINDOW / 4);
        let rate = self.rate()?;
        let after = self.misdeeds()?;
        let more = before.iter().zip(&after).all(|(one, other)| one < other);
        ensure!(more, "they didn't misbehave: {before:?} {after:?}");
        self.both_become("passthrough")?;
        for stage in &self.bad {
            self.client
                .wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
        }
        Ok(rate)
    }

    fn misdeeds(&self) -> Result<Vec<f64>> {
        self.bad.iter().map(|stage| self.failures(stage)).collect()
    }
}

fn label(stage: &Stage) -> String {
    format!("handler=\"{}\"", stage.handler)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[test]
fn beside_one_that_loops_and_one_that_eats_memory_a_handler_goes_on_and_loses_nothing() -> Result<()>
{
    let mut three = Three::start()?;
    for stage in &three.bad {
        three.client.wait_for_shares(&stage.group, &[1], LIMIT)?;
    }
    let group = three.good.group.clone();
    three.client.wait_for_shares(&group, &[4], LIMIT)?;
    three.rate()?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        alone.push(three.rate()?);
        beside.push(three.rate_beside_both()?);
    }
    println!("messages a second, alone: {alone:.0?}");
    println!("messages a second, beside both: {beside:.0?}");
    let (alone, beside) = (median(alone), median(beside));
    println!("medians {alone:.0} and {beside:.0}: {:.2}", beside / alone);
    // Four shares of six are 0.66. What else the machine does meanwhile is taken from both.
    ensure!(
        beside >= KEPT * alone,
        "{beside:.0} messages a second beside both, and {alone:.0} alone"
    );
    let good = &three.good;
    three
        .client
        .wait_for_all_committed(&good.group, &good.input, LIMIT)?;
    Copies::of(&three.drafts, &three.client.read_all(&good.output)?).exactly_once()?;
    let failures = three.failures(good)?;
    ensure!(failures == 0.0, "{failures} of its attempts failed");
    Ok(())
}

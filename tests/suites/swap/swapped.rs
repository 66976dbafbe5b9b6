//! A handler whose component is replaced while it works: by good and bad revisions, and by files that are none.

use std::{
    fs,
    ops::Range,
    path::PathBuf,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, ensure};
use pelton_harness::{
    Client, Copies, Draft, Stage, TestCluster, TestDaemon, component, orders, paths, wait,
};

use crate::{LIMIT, gaps::Flow, not_rebalanced_since, probation::TWO_ATTEMPTS};

/// Every so many messages there is one that the bad revision fails with.
const HARD: usize = 50;
const PARTITIONS: i32 = 4;
const AFTERMATH: Duration = Duration::from_millis(100);
const SWAPS_BEFORE_A_REST: usize = 4;

/// A handler that forwards, alone in its group.
pub struct Swapped {
    client: Client,
    stage: Stage,
    daemon: TestDaemon,
    file: PathBuf,
    generation: Option<u32>,
    swaps: u32,
}

impl Swapped {
    /// Starts it with these further lines of its table, and waits until it has its partitions.
    pub fn start(stage: &Stage, more: &str) -> Result<Self> {
        let cluster = TestCluster::shared();
        let client = cluster.client()?;
        let options = stage.daemon("passthrough", &format!("{TWO_ATTEMPTS}\n{more}"))?;
        let file = options.folder().join("passthrough.wasm");
        let daemon = options.start()?;
        client.wait_for_shares(&stage.group, &[4], LIMIT)?;
        Ok(Self {
            generation: cluster.generation(&stage.group),
            client,
            stage: stage.clone(),
            daemon,
            file,
            swaps: 0,
        })
    }

    /// Puts so many after each other into place. After every fourth nothing is put there for as long as it took.
    pub fn swap(&mut self, swaps: u32) -> Result<Stretches> {
        self.swaps = swaps;
        let mut counts = Counts::default();
        let mut stretches = Stretches::default();
        for (number, put) in puts(swaps)?.enumerate() {
            let begin = Instant::now();
            let swapping = stretch(|| {
                let (Put::Good(bytes) | Put::Bad(bytes) | Put::Refused(bytes)) = &put;
                component::replace(&self.file, bytes)?;
                counts.add(&put);
                wait::until_true(&format!("swap {number}"), LIMIT, || {
                    counts.are_reached(&self.daemon)
                })?;
                // What it held up comes out after it was counted.
                thread::sleep(AFTERMATH);
                Ok(())
            })?;
            stretches.swapping.push(swapping);
            if number % SWAPS_BEFORE_A_REST != 0 {
                continue;
            }
            let took = begin.elapsed();
            let resting = stretch(|| {
                wait::until_true("the same time again", LIMIT, || {
                    counts.are_reached(&self.daemon)?;
                    Ok(begin.elapsed() >= 2 * took)
                })
            })?;
            stretches.resting.push(resting);
        }
        Ok(stretches)
    }

    /// Waits until all that was sent is committed. Each must have come out once and in order, every bad revision was
    /// rolled back, and the group never noticed.
    pub fn all_came_out(&self, sent: &[Draft]) -> Result<Flow> {
        let (client, stage) = (&self.client, &self.stage);
        client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
        let outputs = client.read_all(&stage.output)?;
        Copies::of(sent, &outputs).exactly_once()?;
        let given_up = client.read_all(&stage.dead_letter)?;
        ensure!(given_up.is_empty(), "a message was given up");
        let rolled_back = self.daemon.metric("pelton_rollbacks_total", &[])?;
        let bad = f64::from(self.swaps / 10);
        assert_eq!(rolled_back, bad, "bad revisions rolled back");
        not_rebalanced_since(self.generation, TestCluster::shared(), stage)?;
        let inputs = client.read_all(&stage.input)?;
        Ok(Flow::new(&inputs, &outputs, PARTITIONS))
    }
}

/// Stretches of time, in milliseconds since 1970.
#[derive(Default)]
pub struct Stretches {
    /// In which one was taken or refused.
    pub swapping: Vec<Range<i64>>,
    /// Those after some of them, in which nothing was put into the file's place.
    pub resting: Vec<Range<i64>>,
}

/// What is put into the file's place.
enum Put {
    /// It loads, passes its trial, and forwards.
    Good(Vec<u8>),
    /// So does this, but it fails with some messages: it is rolled back.
    Bad(Vec<u8>),
    /// It doesn't get that far.
    Refused(Vec<u8>),
}

/// Of ten in a row one is bad, and two are refused.
fn puts(swaps: u32) -> Result<impl Iterator<Item = Put>> {
    let read = |guest: &str| anyhow::Ok(fs::read(paths::guest(guest)?)?);
    let (good, bad) = (read("passthrough")?, read("misbehave")?);
    let fails = read("setup_fails")?;
    Ok((1..=swaps).map(move |swap| match swap % 10 {
        3 => Put::Refused(component::variant(&good, swap)[..good.len() / 2].to_vec()),
        6 => Put::Bad(component::variant(&bad, swap)),
        9 => Put::Refused(component::variant(&fails, swap)),
        _ => Put::Good(component::variant(&good, swap)),
    }))
}

/// Each value is another, and some begin with what makes the bad revision fail.
pub fn some_hard(count: usize) -> Vec<Draft> {
    let mut drafts = orders(count);
    for (n, draft) in drafts.iter_mut().enumerate().step_by(HARD) {
        draft.value = Some(format!("fail\n{n}").into_bytes());
    }
    drafts
}

/// What `pelton_swaps_total` and `pelton_refused_revisions_total` are to reach.
#[derive(Default)]
struct Counts {
    swapped: f64,
    refused: f64,
}

impl Counts {
    fn add(&mut self, put: &Put) {
        match put {
            Put::Good(_) => self.swapped += 1.0,
            // In, and back.
            Put::Bad(_) => self.swapped += 2.0,
            Put::Refused(_) => self.refused += 1.0,
        }
    }

    fn are_reached(&self, daemon: &TestDaemon) -> Result<bool> {
        let swapped = daemon.metric("pelton_swaps_total", &[])?;
        let refused = daemon.metric("pelton_refused_revisions_total", &[])?;
        Ok(swapped >= self.swapped && refused >= self.refused)
    }
}

fn stretch(happens: impl FnOnce() -> Result<()>) -> Result<Range<i64>> {
    let begins = now()?;
    happens()?;
    Ok(begins..now()?)
}

fn now() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_millis())?)
}

/// Topics on which the broker's clock says when something was written, in milliseconds.
pub fn stage_with_times(name: &str) -> Result<Stage> {
    let cluster = TestCluster::shared();
    let stage = Stage::named(cluster.bootstrap(), name);
    let topics = [
        (&stage.input, PARTITIONS),
        (&stage.output, PARTITIONS),
        (&stage.dead_letter, 1),
    ];
    for (topic, partitions) in topics {
        let settings = [("message.timestamp.type", "LogAppendTime")];
        cluster.create_topic_named(topic, partitions, &settings)?;
    }
    Ok(stage)
}

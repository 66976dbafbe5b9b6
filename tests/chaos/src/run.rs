//! A run from a fresh broker to the verdict.
//!
//! Invariant: whatever goes wrong on the way, the history up to there is judged, so that a stall is a verdict too.

use std::{
    collections::VecDeque,
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use pelton_harness::{
    Client, Proxy, TestCluster, TestDaemon, Version, paths,
    proxy::{Api, Kind, Storm},
    wait,
};

use crate::{
    bound::Settings,
    check::{self, Ordered},
    history::{History, Incident},
    options::{Options, Order, Subject},
    progress::Progress,
    reader::Reader,
    report::{self, Verdict},
    sampler::Sampler,
    schedule::{self, Amounts, Step},
    subject::{self, DEAD_LETTER, GUEST, INPUT, OUTPUT},
    visible,
    watch::{Asker, Watch},
    writer::{KEYS, Writer},
};

/// What the daemons run with: the defaults of `pelton.toml`.
pub const SETTINGS: Settings = Settings {
    in_flight: 4_096,
    commit_interval: 1_000,
};

/// Messages a second where there is no end of them.
const ENDLESS: u64 = 500;
/// How long the last step takes to be over: messages have to flow until then.
const LAST: Duration = Duration::from_secs(10);
/// How long the group may take to commit everything at the end.
const CATCH_UP: Duration = Duration::from_secs(180);
/// How long the first assignment may take.
const START: Duration = Duration::from_secs(60);

/// A run under way.
pub struct Run<'a> {
    pub options: &'a Options,
    pub cluster: &'a TestCluster,
    /// What stands between the daemons and the broker, where something does.
    pub proxy: Option<&'a Proxy>,
    pub asker: Asker,
    pub progress: Arc<Progress>,
    writer: Option<Writer>,
    /// The daemons that are killed and come back.
    pub daemons: Vec<TestDaemon>,
    /// Members that joined later.
    pub further: VecDeque<(String, TestDaemon)>,
    pub joined: usize,
    /// The component as built, and how often it was replaced.
    pub component: Vec<u8>,
    pub swaps: u32,
    pub incidents: Vec<Incident>,
    /// Unclean incidents that are not over.
    pub open: Vec<usize>,
    /// What is wrong besides what the checker finds.
    pub faults: Vec<String>,
    /// Daemons that have ended for good, whose recordings are still to be replayed.
    retired: Vec<TestDaemon>,
}

/// Runs what was asked for. Everything but the verdict's line is printed.
///
/// # Errors
/// When the run itself can't be made: no broker, no daemon, a writer that can't write.
pub fn run(options: &Options) -> Result<Verdict> {
    let seed = options
        .seed
        .unwrap_or_else(|| crate::progress::now() as u64);
    let (cluster, proxy) = if options.exactly_once {
        let (cluster, proxy) = TestCluster::start_proxied(Version::V4)?;
        (cluster, Some(proxy))
    } else {
        (TestCluster::start(Version::V4)?, None)
    };
    subject::create_topics(&cluster, options.partitions)?;
    let client = cluster.client()?;
    let progress = Progress::new(options.partitions as usize);
    let printer = progress.print();
    let done = conduct(
        options,
        seed,
        (&cluster, proxy.as_ref()),
        &client,
        Arc::clone(&progress),
    );
    progress.end();
    // It only prints.
    let _ = printer.join();
    done
}

fn conduct(
    options: &Options,
    seed: u64,
    (cluster, proxy): (&TestCluster, Option<&Proxy>),
    client: &Client,
    progress: Arc<Progress>,
) -> Result<Verdict> {
    let total = options.minutes.is_none().then_some(options.messages);
    let watch = Watch::start(client, options.partitions, Arc::clone(&progress))?;
    let reader = Reader::start(
        cluster.bootstrap(),
        options.partitions,
        options.exactly_once,
        Arc::clone(&progress),
    )?;
    let mut run = Run {
        options,
        cluster,
        proxy,
        asker: Asker::new(client, options.partitions)?,
        writer: None,
        daemons: Vec::new(),
        further: VecDeque::new(),
        joined: 0,
        component: fs::read(paths::guest(GUEST)?)?,
        swaps: 0,
        incidents: Vec::new(),
        open: Vec::new(),
        faults: Vec::new(),
        retired: Vec::new(),
        progress: Arc::clone(&progress),
    };
    run.start_daemons()?;
    if let Some(proxy) = proxy {
        proxy.storm(storm(options, seed));
    }
    run.writer = Some(Writer::start(
        cluster.bootstrap(),
        total,
        Arc::clone(&progress),
    )?);
    let sampler = run.through_schedule(seed);
    let (inputs, ends) = run.catch_up()?;
    let lasting = sampler.as_ref().map(Sampler::lasting);
    let stopped = run.stop_all();
    run.faults
        .extend(stopped.err().map(|error| format!("{error:#}")));
    progress.say("reading the output topic to its end");
    let outputs = match options.exactly_once {
        true => reader.compare(visible::all(cluster, client, &mut run.faults)?)?,
        false => reader.finish(run.asker.ends(OUTPUT)?)?,
    };
    let last = run.asker.snapshot()?;
    let letters = client.read_all(DEAD_LETTER)?.len();
    if letters > 0 {
        run.faults.push(format!("{letters} dead letters"));
    }
    progress.say("checking");
    run.close(&last.ends);
    run.replay();
    progress.end();
    let history = History {
        inputs,
        outputs,
        incidents: run.incidents,
        looks: watch.finish()?,
        committed: last.committed.iter().map(|one| one.next).collect(),
        ends,
    };
    if let Some(sampler) = sampler {
        sampler.finish()?;
    }
    let ordered = match options.order {
        Order::Partition => Ordered::Partition,
        Order::Key => Ordered::Key(KEYS),
    };
    let findings = check::check(&history, ordered, SETTINGS);
    if let Some(lasting) = lasting {
        run.faults.extend(report::soak(&lasting));
    }
    report::table(&history, &findings);
    if let Some(proxy) = proxy {
        println!("{}", proxy.report());
    }
    let read = |number: &AtomicUsize| number.load(Ordering::Relaxed);
    let steps = (read(&progress.done), read(&progress.planned));
    let seen = run.faults;
    Ok(report::verdict(
        options, seed, steps, &history, &findings, seen,
    ))
}

/// What the proxy does to the requests of which a transaction consists. Nothing is swallowed without a word: that
/// costs a time-out of a minute each. Producers are never made late: that fences whoever came after.
fn storm(options: &Options, seed: u64) -> Storm {
    let apis = [
        Api::Produce,
        Api::AddPartitionsToTxn,
        Api::AddOffsetsToTxn,
        Api::EndTxn,
        Api::TxnOffsetCommit,
    ];
    Storm {
        per_mille: apis.into_iter().map(|api| (api, options.storm)).collect(),
        kinds: match options.subject {
            // What it is not defended against.
            Subject::Undefended => vec![Kind::Hold],
            _ => vec![Kind::Delay, Kind::Drop, Kind::CutAfter, Kind::Hold],
        },
        limit: usize::MAX,
        ..Storm::new(seed)
    }
}

impl Run<'_> {
    /// Where the daemons find the broker.
    pub fn bootstrap(&self) -> String {
        match self.proxy {
            Some(proxy) => proxy.bootstrap(),
            None => self.cluster.bootstrap().to_owned(),
        }
    }

    /// Starts the daemons, and waits until they are ready.
    fn start_daemons(&mut self) -> Result<()> {
        self.progress.say("starting the daemons");
        for position in 0..self.options.daemons {
            let name = format!("daemon-{position}");
            let daemon = subject::start(&self.bootstrap(), self.options, &name)?;
            self.daemons.push(daemon);
        }
        if self.options.subject.is_pelton() {
            for daemon in &mut self.daemons {
                daemon.wait_ready(START)?;
            }
        }
        Ok(())
    }

    /// Does what the schedule says. What stops it is a fault and not the end of the run.
    fn through_schedule(&mut self, seed: u64) -> Option<Sampler> {
        let mut sampler = None;
        let done = self
            .settle_first()
            .and_then(|()| match self.options.minutes {
                Some(minutes) => {
                    sampler = Some(self.sampler());
                    let time = Duration::from_secs(60 * minutes);
                    self.follow(schedule::soak(self.options.daemons, seed), time)
                }
                None => {
                    let steps = self.plan(seed);
                    let time = self
                        .options
                        .seconds
                        .map_or(Duration::MAX, Duration::from_secs);
                    self.follow(steps.into_iter(), time)
                }
            });
        let settled = done.and_then(|()| self.settle());
        self.faults
            .extend(settled.err().map(|error| format!("{error:#}")));
        sampler
    }

    /// Waits for the first commits, with a few messages.
    fn settle_first(&mut self) -> Result<()> {
        self.progress.say("waiting for the first commits");
        self.pace(Duration::from_secs(60));
        self.settle()
    }

    fn plan(&self, seed: u64) -> Vec<Step> {
        let options = self.options;
        let steps = if options.rolling {
            schedule::rolling(options.daemons, 2)
        } else if let Some(away) = options.outage {
            schedule::outage(away)
        } else if !options.subject.is_pelton() {
            schedule::kills(options.kills, options.daemons, seed)
        } else {
            let amounts = Amounts {
                kills: options.kills,
                torn: options.exactly_once && options.storm > 0,
                swaps: options.swaps,
                daemons: options.daemons,
            };
            schedule::plan(amounts, seed)
        };
        self.progress.planned.store(steps.len(), Ordering::Relaxed);
        steps
    }

    /// Does step after step, until there are no more or the time is up. The writer is paced by what is left.
    fn follow(&mut self, steps: impl Iterator<Item = Step> + Clone, time: Duration) -> Result<()> {
        let start = Instant::now();
        let mut steps = steps;
        loop {
            let over = time.saturating_sub(start.elapsed());
            if over.is_zero() {
                return Ok(());
            }
            let left = match self.options.minutes {
                Some(_) => over,
                None => steps
                    .clone()
                    .map(|step| step.lasts())
                    .sum::<Duration>()
                    .min(over.saturating_add(LAST)),
            };
            self.pace(left);
            let Some(step) = steps.next() else {
                return Ok(());
            };
            self.act(step)?;
            self.progress.done.fetch_add(1, Ordering::Relaxed);
            let pause = step.pause.min(time.saturating_sub(start.elapsed()));
            thread::sleep(pause);
        }
    }

    fn pace(&self, time: Duration) {
        if let Some(writer) = &self.writer {
            writer.pace(time, ENDLESS);
        }
    }

    pub fn writer_is_done(&self) -> bool {
        self.writer.as_ref().is_none_or(Writer::is_done)
    }

    /// Says what is waited for beside what was done; returns the latter.
    pub fn progress_line(&self, waiting: &str) -> String {
        let last = self.incidents.last();
        let name = last
            .map_or("the start", |incident| &incident.name)
            .to_owned();
        self.progress.say(format!("{name}; waiting {waiting}"));
        name
    }

    fn sampler(&self) -> Sampler {
        let named = self.daemons.iter().enumerate();
        let processes = named
            .map(|(position, daemon)| (format!("daemon {position}"), daemon.id()))
            .collect();
        Sampler::start(processes, Arc::clone(&self.progress))
    }

    /// Ends the writing and waits until all of it is committed. Returns where everything was written.
    fn catch_up(&mut self) -> Result<(Vec<crate::history::Place>, Vec<i64>)> {
        self.progress.say("writing the rest");
        let writer = self.writer.take().context("there is a writer")?;
        let inputs = writer.finish()?;
        let ends = self.asker.ends(INPUT)?;
        let mut counted = vec![0; ends.len()];
        for place in &inputs {
            counted[place.partition] += 1;
        }
        anyhow::ensure!(
            counted == ends,
            "the input topic holds {ends:?} messages, but the writer was told of {counted:?}"
        );
        self.progress.say("waiting until everything is committed");
        if let Some(proxy) = self.proxy {
            proxy.calm();
            proxy.release_held();
        }
        let committed = wait::until_true("all to be committed", CATCH_UP, || {
            Ok(self.progress.lag() == 0)
        });
        self.faults
            .extend(committed.err().map(|error| format!("{error:#}")));
        Ok((inputs, ends))
    }

    /// What is still open at the end is over now.
    fn close(&mut self, ends: &[i64]) {
        for position in self.open.drain(..) {
            let incident = &mut self.incidents[position];
            if incident.closed.is_empty() {
                incident.closed = ends.to_vec();
            }
        }
    }

    /// Puts a daemon that has ended aside.
    pub fn retire(&mut self, daemon: TestDaemon) {
        self.retired.push(daemon);
    }

    /// Replays what was recorded.
    fn replay(&mut self) {
        for daemon in self.retired.drain(..) {
            if let Err(error) = daemon.finish() {
                self.faults.push(format!("{error:#}"));
            }
        }
    }
}

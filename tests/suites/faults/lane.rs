//! A lane: three brokers that fail on demand, a daemon that works against them, and the check of what came out.
//!
//! Invariant: what is checked is read from the brokers and from outside the daemon, by a client that shares no
//! code with it; and a case passes only if its faults were met by requests.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use pelton_harness::{
    Client, Copies, DaemonOptions, Draft, FaultyCluster, Stage, TestDaemon,
    faulty::{Api, Code},
    wait,
};

use crate::case::{ALL, Case, Ends, Fault, GROUP, INPUT, OUTPUT, Topic};

const PARTITIONS: i32 = 4;
/// Messages of one case, and the time over which they are written.
const BATCH: usize = 300;
const LOAD: Duration = Duration::from_millis(900);
/// How long until a case has stalled.
const LIMIT: Duration = Duration::from_secs(30);

/// See the module.
pub struct Lane {
    pub cluster: FaultyCluster,
    pub client: Client,
    pub stage: Stage,
    pub daemon: TestDaemon,
    /// Everything that was ever written, for the check of what came out.
    pub written: Vec<Draft>,
}

/// What the daemon had said and dead-lettered before a case.
struct Before {
    anew: usize,
    lost: usize,
    said: usize,
    letters: i64,
    /// Outputs and dead letters together.
    outputs: i64,
}

/// A lane whose daemon is yet to be started.
pub struct Prepared {
    pub cluster: FaultyCluster,
    pub client: Client,
    pub stage: Stage,
    options: DaemonOptions,
}

impl Prepared {
    /// Brokers, topics and a configuration for these cases. `protocol` is the group's.
    pub fn new(name: &str, protocol: &str, cases: &[Case]) -> Result<Self> {
        let cluster = FaultyCluster::start()?;
        let stage = Stage::named(&cluster.bootstrap()?, name);
        cluster.create_topic(&stage.input, PARTITIONS, INPUT)?;
        cluster.create_topic(&stage.output, PARTITIONS, OUTPUT)?;
        cluster.create_topic(&stage.dead_letter, 1, OUTPUT)?;
        cluster.coordinate(&stage.group, GROUP)?;
        // Where produces fail, one at a time: a broker that knows the producer refuses what follows a batch that it
        // didn't take, because its sequence number is out of order, but the mock takes it, and librdkafka concludes
        // that it has both.
        let fails = |fault: &Fault| matches!(fault, Fault::Answers(_, Api::Produce, _));
        let in_flight = match cases.iter().flat_map(|case| case.faults).any(fails) {
            true => 1,
            false => 5,
        };
        // The mock lets a rebalance take a second less than the session time-out, so that is short; and
        // metadata that is fetched every second meets a fault of a second. A connection on which the mock has
        // stopped to answer, which happens when it is starved, is given up after eight seconds.
        let more = format!(
            r#"group-protocol = "{protocol}"
consumer-properties = {{ "session.timeout.ms" = 3000, "heartbeat.interval.ms" = 300, "topic.metadata.refresh.interval.ms" = 1000, "socket.timeout.ms" = 8000 }}
producer-properties = {{ "socket.timeout.ms" = 8000, "max.in.flight" = {in_flight}, "topic.metadata.refresh.interval.ms" = 1000, "topic.metadata.propagation.max.ms" = 1000 }}
retry = {{ max-backoff = "1s" }}"#
        );
        let config = stage
            .config("passthrough", &more)
            .replace("drain-timeout = \"5s\"", "drain-timeout = \"2s\"");
        Ok(Self {
            options: stage.daemon("passthrough", "")?.config(&config)?,
            client: cluster.client()?,
            cluster,
            stage,
        })
    }

    /// Starts the daemon and waits until it has its partitions.
    pub fn start(self) -> Result<Lane> {
        let mut daemon = self.options.start()?;
        daemon.wait_for_log("partitions assigned", LIMIT)?;
        Ok(Lane {
            cluster: self.cluster,
            client: self.client,
            stage: self.stage,
            daemon,
            written: Vec::new(),
        })
    }
}

impl Lane {
    /// A lane for these cases, whose daemon has its partitions. `protocol` is the group's.
    pub fn start(name: &str, protocol: &str, cases: &[Case]) -> Result<Self> {
        Prepared::new(name, protocol, cases)?.start()
    }

    /// Lets a case happen while messages flow, and checks how it ends.
    pub fn run(&mut self, case: &Case) -> Result<()> {
        let before = self.before(case)?;
        self.wait_until_steady(case)?;
        self.cluster.forget_requests()?;
        let drafts = batch(case.name);
        self.written.extend(drafts.clone());
        if matches!(case.faults, [Fault::Restarts, ..]) {
            let code = self.daemon.stop(LIMIT)?;
            ensure!(code == 0, "the daemon stops with {code}");
            self.client.produce(&self.stage.input, &drafts)?;
            self.happen(case.faults)?;
            self.daemon.restart()?;
        } else {
            let flow = |fault: &Fault| matches!(fault, Fault::Flow);
            let from = case.faults.iter().position(flow).unwrap_or(0);
            let (before, amid) = case.faults.split_at(from);
            self.happen(before)?;
            thread::scope(|scope| {
                let load =
                    scope.spawn(|| self.client.produce_over(&self.stage.input, &drafts, LOAD));
                let happened = self.happen(amid);
                let loaded = load.join().map_err(|_| anyhow!("the load's thread died"))?;
                happened.and(loaded)
            })?;
        }
        self.wait_until_met(case, LIMIT)?;
        self.wait_until_out(before.outputs + BATCH as i64)?;
        self.cluster.round_trip(ALL, Duration::ZERO)?;
        self.settle(LIMIT)?;
        self.daemon.wait_ready(LIMIT)?;
        self.check_ending(case, &before)
    }

    /// Waits until the member has joined what it was joining, where the case lets a rebalance begin: a client that
    /// hears of one while it joins does not join again, and the mock says it once only.
    fn wait_until_steady(&self, case: &Case) -> Result<()> {
        let beats = |fault: &Fault| matches!(fault, Fault::Answers(_, Api::Heartbeat, _));
        if !case.faults.iter().any(beats) {
            return Ok(());
        }
        let beat: i16 = Api::Heartbeat.into();
        let joins: [i16; 2] = [Api::JoinGroup.into(), Api::SyncGroup.into()];
        self.cluster.forget_requests()?;
        wait::until_true("the member to be steady", LIMIT, || {
            let requests: Vec<i16> = self.cluster.requests()?;
            let since = requests.rsplit(|kind| joins.contains(kind)).next();
            let beats = since
                .unwrap_or_default()
                .iter()
                .filter(|kind| **kind == beat);
            Ok(beats.count() >= 3)
        })
    }

    fn before(&self, case: &Case) -> Result<Before> {
        Ok(Before {
            anew: self.daemon.log_count(ANEW),
            lost: self.daemon.log_count(LOST),
            said: match case.ends {
                Ends::Saying(text) => self.daemon.log_count(text),
                Ends::Well | Ends::Anew | Ends::InDeadLetters => 0,
            },
            letters: self.letters()?,
            outputs: self.outputs()?,
        })
    }

    fn letters(&self) -> Result<i64> {
        Ok(self.client.ends(&self.stage.dead_letter)?.iter().sum())
    }

    fn outputs(&self) -> Result<i64> {
        let ends = self.client.ends(&self.stage.output)?;
        Ok(ends.iter().sum::<i64>() + self.letters()?)
    }

    /// Waits until as many outputs and dead letters stand in their topics. That is quickly asked for; what they
    /// are is checked when the brokers are quick again.
    fn wait_until_out(&self, count: i64) -> Result<()> {
        let mut out = 0;
        wait::until_true("stall: outputs to come out", LIMIT, || {
            out = self.outputs()?;
            Ok(out >= count)
        })
        .with_context(|| format!("{out} of {count} came out"))
    }

    /// Does these things to the brokers.
    pub fn happen(&self, faults: &[Fault]) -> Result<()> {
        for fault in faults {
            self.befall(*fault)
                .with_context(|| format!("{fault:?} can't be had"))?;
        }
        Ok(())
    }

    fn befall(&self, fault: Fault) -> Result<()> {
        let cluster = &self.cluster;
        match fault {
            Fault::Answers(broker, api, codes) => {
                let mut codes = codes.iter();
                codes.try_for_each(|code| cluster.answer(broker, api, *code, Duration::ZERO))
            }
            Fault::AnswersAnywhere(api, codes) => {
                let mut codes = codes.iter();
                codes.try_for_each(|code| cluster.answer_anywhere(api, *code))
            }
            Fault::Late(broker, api, times) => {
                let mut times = times.iter().map(|millis| Duration::from_millis(*millis));
                times.try_for_each(|later| cluster.answer(broker, api, Code::NoError, later))
            }
            Fault::RoundTrip(broker, millis) => {
                cluster.round_trip(broker, Duration::from_millis(millis))
            }
            Fault::Down(broker, millis) => {
                cluster.down(broker)?;
                thread::sleep(Duration::from_millis(millis));
                cluster.up(broker)
            }
            Fault::Coordinator(broker) => cluster.coordinate(&self.stage.group, broker),
            Fault::Leader(topic, broker) => cluster.lead(self.name(topic), PARTITIONS, broker),
            Fault::Denied(topic, code) => cluster.deny_topic(self.name(topic), code),
            Fault::Restarts | Fault::Flow => Ok(()),
            Fault::Pause(millis) => {
                thread::sleep(Duration::from_millis(millis));
                Ok(())
            }
        }
    }

    fn name(&self, topic: Topic) -> &str {
        match topic {
            Topic::Input => &self.stage.input,
            Topic::Output => &self.stage.output,
        }
    }

    /// Waits until every answer that was laid out has been given. A fault that nobody met shows nothing.
    ///
    /// The test's own client asks nothing meanwhile: it would meet the faults that stand anywhere.
    pub fn wait_until_met(&self, case: &Case, limit: Duration) -> Result<()> {
        for fault in case.faults {
            match *fault {
                Fault::Answers(broker, api, _) | Fault::Late(broker, api, _) => {
                    wait::until_true(&format!("{fault:?} to be met"), limit, || {
                        Ok(self.cluster.unsaid(broker, api)? == 0)
                    })?;
                }
                Fault::AnswersAnywhere(api, codes) => {
                    wait::until_true(&format!("{fault:?} to be met"), limit, || {
                        Ok(self.cluster.count(api)? >= codes.len())
                    })?;
                }
                Fault::RoundTrip(..)
                | Fault::Down(..)
                | Fault::Coordinator(_)
                | Fault::Leader(..)
                | Fault::Denied(..)
                | Fault::Restarts
                | Fault::Flow
                | Fault::Pause(_) => {}
            }
        }
        Ok(())
    }

    /// The check: everything that was ever written comes out, in order, and is committed, and the daemon runs.
    ///
    /// # Errors
    /// Saying whether something is lost, stands still, or has exited.
    pub fn settle(&mut self, limit: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            ensure!(
                self.daemon.is_running(),
                "exit: the daemon has ended by itself"
            );
            let copies = self.copies()?;
            let ends = self.client.ends(&self.stage.input)?;
            let committed: Vec<i64> = self
                .client
                .committed(&self.stage.group, &self.stage.input)?
                .into_iter()
                .map(|next| next.unwrap_or(0))
                .collect();
            let missing = copies.missing().len();
            if missing == 0 && committed == ends {
                return copies.at_least_once();
            }
            if start.elapsed() > limit {
                if committed == ends {
                    bail!("loss: {missing} messages are committed and never came out");
                }
                bail!(
                    "stall: {missing} messages are still to come, and {committed:?} of {ends:?} committed, after {limit:?}"
                );
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// What came out of all that was ever written.
    fn copies(&self) -> Result<Copies> {
        let mut outputs = self.client.read_all(&self.stage.output)?;
        let mut copies = Copies::of(&self.written, &outputs);
        if !copies.missing().is_empty() {
            outputs.extend(self.client.read_all(&self.stage.dead_letter)?);
            let disordered = copies.disordered;
            copies = Copies::of(&self.written, &outputs);
            // A dead letter stands in another topic, where it is out of order with nothing.
            copies.disordered = disordered;
        }
        Ok(copies)
    }

    fn check_ending(&self, case: &Case, before: &Before) -> Result<()> {
        let anew = self.daemon.log_count(ANEW) - before.anew;
        let lost = self.daemon.log_count(LOST) - before.lost;
        let letters = self.letters()? - before.letters;
        match case.ends {
            Ends::Well | Ends::Saying(_) => {
                ensure!(
                    anew == 0 || lost > 0,
                    "the handler began anew {anew} times, and no partitions were lost"
                );
                ensure!(letters == 0, "{letters} messages were dead-lettered");
            }
            Ends::Anew => {
                ensure!(anew > 0, "the handler did not begin anew");
                ensure!(letters == 0, "{letters} messages were dead-lettered");
            }
            Ends::InDeadLetters => ensure!(letters > 0, "nothing was dead-lettered"),
        }
        if let Ends::Saying(text) = case.ends {
            ensure!(
                self.daemon.log_count(text) > before.said,
                "the log doesn't say {text:?}"
            );
        }
        Ok(())
    }
}

/// What a handler says when it can't go on with the clients it has.
const ANEW: &str = "leaving the group to begin anew";

/// What it says when the group has gone on without it. It begins anew then too, if outputs are on their way.
const LOST: &str = "partitions lost";

/// The messages of one case. Every value is another.
pub fn batch(case: &str) -> Vec<Draft> {
    (0..BATCH)
        .map(|n| Draft::new(format!("key-{}", n % 97), format!("{case}: {n}")))
        .collect()
}

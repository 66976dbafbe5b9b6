//! The runs: a broker, its input, and each program in turn.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use pelton_harness::{TestCluster, TestDaemon, Version, usage, wait};

use crate::{
    ends::Ends,
    figures::{Cell, Figures, Spread},
    input,
    latency::{self, Latency},
    options::{Plan, Work},
    place::{self, Place},
    produce,
    program::Program,
    table, verify,
};

const LIMIT: Duration = Duration::from_secs(300);
/// How long the last commit may take after the last output.
const COMMITTED: Duration = Duration::from_secs(40);
/// How often it is looked how far a program is.
const STEP: Duration = Duration::from_millis(20);
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Results {
    pub cells: Vec<Cell>,
    pub latencies: Vec<Latency>,
}

/// All that the plan asks for. Tables are printed on the way.
pub fn everything(plan: &Plan) -> Result<Results> {
    let cluster = TestCluster::start_for_load(Version::V4)?;
    let mut results = Results::default();
    for &size in &plan.sizes {
        let input = format!("input-{size}");
        place::create(&cluster, &input, plan.partitions)?;
        println!("writing {} messages of {size} B", plan.messages);
        produce::fill(cluster.bootstrap(), &input, plan.messages, size)?;
        let bench = Bench {
            plan,
            cluster: &cluster,
            input: &input,
            size,
        };
        for &work in &plan.works {
            if plan.latency {
                results.latencies.extend(latency::everything(&bench, work)?);
                continue;
            }
            let cell = bench.cell(work)?;
            table::print(plan, &cell);
            results.cells.push(cell);
        }
        cluster.client()?.delete_topic(&input)?;
    }
    Ok(results)
}

/// What the runs at one size share.
#[derive(Debug)]
pub struct Bench<'a> {
    pub plan: &'a Plan,
    pub cluster: &'a TestCluster,
    input: &'a str,
    pub size: usize,
}

impl Bench<'_> {
    /// What the hand-written loop reaches, in messages a second.
    ///
    /// # Errors
    /// When it fails.
    pub fn maximum(&self, work: Work) -> Result<f64> {
        let mut rates = Vec::new();
        for turn in 0..5 {
            let figures = self.once(Program::measure(), work, &format!("maximum-{turn}"))?;
            rates.push(figures.messages_per_second);
        }
        // The broker has to get warm first.
        Ok(Spread::of(rates.into_iter().skip(2)).median)
    }

    /// One work, round-robin, so that whatever else the machine does strikes all programs alike.
    fn cell(&self, work: Work) -> Result<Cell> {
        let mut cell = Cell::new(work, self.size, &self.plan.programs);
        // A broker that hasn't been busy yet costs everybody several times as much.
        for turn in 0..2 {
            self.once(Program::measure(), work, &format!("warm-up-{turn}"))?;
        }
        for round in 1..=self.plan.rounds {
            for (series, program) in cell.programs.iter_mut().zip(&self.plan.programs) {
                let figures = self.once(program, work, &round.to_string())?;
                println!(
                    "{} {} B, round {round} of {}, {}: {:.2} CPU-s a million, {:.0} messages/s, {:.0} MiB",
                    work.name(),
                    self.size,
                    self.plan.rounds,
                    program.name,
                    figures.cpu_seconds_per_million,
                    figures.messages_per_second,
                    figures.peak_rss_mib
                );
                series.rounds.push(figures);
            }
        }
        Ok(cell)
    }

    /// One run of one program, verified.
    fn once(&self, program: &Program, work: Work, turn: &str) -> Result<Figures> {
        let (name, size) = (program.name, self.size);
        let place = Place {
            cluster: self.cluster,
            input: self.input,
            name: format!("{name}-{}-{size}-{turn}", work.name()),
            partitions: self.plan.partitions,
            work,
        };
        let run = || -> Result<Figures> {
            place.prepare()?;
            let mut daemon = program.start(&place)?;
            let figures = self.watch(&mut daemon, &place);
            let figures = figures.with_context(|| daemon.tail(20))?;
            daemon.finish()?;
            verify::outputs(&place, self.plan.messages, size)?;
            place.clear()?;
            Ok(figures)
        };
        run().with_context(|| format!("{name}, {}, {size} B", work.name()))
    }

    /// From when its group has shared out the partitions, or an output was seen before that, to the last output. A
    /// program's start is nobody's measure here; what it fetches ahead of its first output is.
    fn watch(&self, daemon: &mut TestDaemon, place: &Place<'_>) -> Result<Figures> {
        let ends = Ends::new(place.cluster.bootstrap(), &place.name, place.partitions)?;
        let client = place.cluster.client()?;
        let count = self.plan.messages;
        let kept = (0..count)
            .filter(|number| input::is_kept(place.work, *number))
            .count();
        let mut reach = |least: usize, or_assigned: bool| -> Result<(usize, f64, Instant)> {
            let start = Instant::now();
            loop {
                let done = ends.sum()?;
                let assigned = || -> Result<bool> {
                    let group = client.group(&place.name)?;
                    Ok(group.is_some_and(|group| {
                        group.shares().iter().sum::<usize>() == place.partitions as usize
                    }))
                };
                if done >= least || or_assigned && assigned()? {
                    return Ok((done, usage::cpu_seconds(daemon.id())?, Instant::now()));
                }
                ensure!(
                    daemon.is_running(),
                    "it has ended with {done} of {kept} outputs written"
                );
                ensure!(
                    start.elapsed() < LIMIT,
                    "{done} of {kept} outputs are written"
                );
                thread::sleep(STEP);
            }
        };
        let (first, cpu, began) = reach(1, true)?;
        let (last, cpu_at_end, ended) = reach(kept, false)?;
        ensure!(
            last > first,
            "all outputs came at once: too few messages to measure by"
        );
        let share = (last - first) as f64 / kept as f64;
        let messages = share * count as f64;
        let figures = Figures {
            cpu_seconds_per_million: (cpu_at_end - cpu) * 1e6 / messages,
            messages_per_second: messages / (ended - began).as_secs_f64(),
            peak_rss_mib: usage::memory(daemon.id(), "VmHWM")? as f64 / MEBIBYTE,
        };
        self.wait_committed(place)?;
        Ok(figures)
    }

    /// A program that never commits has a guarantee of its own.
    fn wait_committed(&self, place: &Place<'_>) -> Result<()> {
        let probe = place.cluster.client()?.probe(&place.name)?;
        let expected = i64::try_from(self.plan.messages)?;
        wait::until_true("all offsets to be committed", COMMITTED, || {
            let committed = probe.committed(self.input, place.partitions, LIMIT)?;
            Ok(committed.iter().filter_map(|one| one.next).sum::<i64>() == expected)
        })
    }
}

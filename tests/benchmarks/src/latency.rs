//! How long a message is on its way, from when it was to be sent until it is read, at a fixed rate that waits for nobody.
//!
//! Invariant: the rates are shares of what the hand-written loop reaches in the same run. Above a fifth of that generator,
//! broker and program starve one another on two cores, and no figure means anything.

mod generate;

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use rdkafka::message::Message as _;
use serde::Serialize;

use crate::{
    figures::Spread,
    input,
    options::{Plan, Work},
    place::{self, Place},
    program::Program,
    run::Bench,
    verify::{self, header},
};

/// Shares of the loop's maximum, in percent.
const SHARES: [usize; 2] = [10, 20];
const SENDING: Duration = Duration::from_secs(20);
/// What is sent first tells of the start, not of the way.
const WARM_UP: Duration = Duration::from_secs(4);
const LIMIT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);

/// One run, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Way {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

/// One program at one rate.
#[derive(Debug, Serialize)]
pub struct Latency {
    pub program: &'static str,
    #[serde(skip)]
    about: &'static str,
    pub percent_of_loop: usize,
    pub messages_per_second: f64,
    pub rounds: Vec<Way>,
}

/// At each rate each program in turn. The first size and the first work of the plan are what is sent.
///
/// # Errors
/// When a program fails, or not everything comes out.
pub fn everything(bench: &Bench<'_>, work: Work) -> Result<Vec<Latency>> {
    let maximum = bench.maximum(work)?;
    println!("the hand-written loop reaches {maximum:.0} messages/s");
    let mut all = Vec::new();
    for share in SHARES {
        let rate = maximum * share as f64 / 100.0;
        let of = |program: &&'static Program| Latency {
            program: program.name,
            about: program.about,
            percent_of_loop: share,
            messages_per_second: rate,
            rounds: Vec::new(),
        };
        let mut latencies: Vec<Latency> = bench.plan.programs.iter().map(of).collect();
        for round in 1..=bench.plan.rounds {
            for (latency, program) in latencies.iter_mut().zip(&bench.plan.programs) {
                let name = format!("{}-at-{share}-{round}", program.name);
                let way = once(bench, program, work, rate, &name).with_context(|| name.clone())?;
                println!(
                    "{} at {share} %, round {round}: p50 {:.1}, p99 {:.1}, p99.9 {:.1} ms",
                    program.name, way.p50, way.p99, way.p999
                );
                latency.rounds.push(way);
            }
        }
        print(bench.plan, share, rate, &latencies);
        all.extend(latencies);
    }
    Ok(all)
}

fn once(bench: &Bench<'_>, program: &Program, work: Work, rate: f64, name: &str) -> Result<Way> {
    let input = format!("{name}-in");
    let place = Place {
        cluster: bench.cluster,
        input: &input,
        name: name.to_owned(),
        partitions: bench.plan.partitions,
        work,
    };
    place::create(bench.cluster, &input, place.partitions)?;
    place.prepare()?;
    let daemon = program.start(&place)?;
    let way = measure(&place, bench.size, rate).with_context(|| daemon.tail(20))?;
    daemon.finish()?;
    place.clear()?;
    bench.cluster.client()?.delete_topic(&input)?;
    Ok(way)
}

/// Sends and reads at once.
fn measure(place: &Place<'_>, size: usize, rate: f64) -> Result<Way> {
    let count = ((WARM_UP + SENDING).as_secs_f64() * rate) as usize;
    let kept = (0..count)
        .filter(|number| input::is_kept(place.work, *number))
        .count();
    let reader = verify::reader(place)?;
    let start = Instant::now();
    let (bootstrap, topic) = (place.cluster.bootstrap(), place.input);
    let mut taken = thread::scope(|scope| -> Result<Vec<u64>> {
        let sending = scope.spawn(|| generate::send(bootstrap, topic, (count, size), rate, start));
        let (mut taken, mut come) = (Vec::with_capacity(kept), 0);
        while come < kept && start.elapsed() < WARM_UP + SENDING + LIMIT {
            // The ends of partitions come along, and are nothing here.
            let Some(Ok(message)) = reader.poll(POLL) else {
                continue;
            };
            come += 1;
            let intended =
                header(&message, pelton_bench_work::COPIED_HEADER).and_then(input::number);
            let intended = intended.context("an output without its time")? as u64;
            if u128::from(intended) >= WARM_UP.as_micros() {
                taken.push((start.elapsed().as_micros() as u64).saturating_sub(intended));
            }
            if message.payload().is_none() {
                return Err(anyhow!("an output without a value"));
            }
        }
        let sent = sending.join();
        sent.map_err(|_| anyhow!("the generator panicked"))??;
        ensure!(come == kept, "{come} of {kept} came out");
        Ok(taken)
    })?;
    taken.sort_unstable();
    let at = |share: f64| {
        let position = (taken.len().saturating_sub(1) as f64 * share) as usize;
        taken
            .get(position)
            .map_or(f64::NAN, |micros| *micros as f64 / 1e3)
    };
    Ok(Way {
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
    })
}

fn print(plan: &Plan, share: usize, rate: f64, latencies: &[Latency]) {
    println!(
        "\nmilliseconds from when a message was to be sent until it is read, at {share} % of the loop's maximum ({rate:.0} messages/s), {} rounds: median (minimum to maximum)",
        plan.rounds
    );
    println!(
        "{:<34} {:>26} {:>26} {:>26}",
        "program", "p50", "p99", "p99.9"
    );
    for latency in latencies {
        let column = |figure: fn(&Way) -> f64| {
            let Spread {
                minimum,
                median,
                maximum,
            } = Spread::of(latency.rounds.iter().map(figure));
            format!("{median:.1} ({minimum:.1} to {maximum:.1})")
        };
        let (p50, p99) = (column(|way| way.p50), column(|way| way.p99));
        let p999 = column(|way| way.p999);
        println!("{:<34} {p50:>26} {p99:>26} {p999:>26}", latency.about);
    }
    println!();
}

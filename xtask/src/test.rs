//! `cargo xtask test`: the suites, and a table of what came of them.

use std::{
    fs,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{
    paths, setup,
    shell::Tally,
    suites::{ALONE, IN_LANES, INNER_LOOP, Suite},
};

/// Suites that run beside each other. The most of them wait: for a broker to start, for time to pass, for a limit to be
/// reached.
const LANES: usize = 2;

/// Which suites to run.
#[derive(Args)]
pub struct Options {
    /// Only this suite; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Runs the others all the same where one fails.
    #[arg(long)]
    no_fail_fast: bool,
    /// Names the suites with their budgets and the programs of tests/suites that they run, and runs none.
    #[arg(long)]
    list: bool,
}

/// What came of a suite.
struct Outcome {
    name: &'static str,
    took: Duration,
    tally: Tally,
    result: Result<()>,
}

/// Sets up, runs the chosen suites up to the first that fails, and prints the table.
///
/// # Errors
/// When a suite fails, or `--only` names none.
pub fn run(options: &Options) -> Result<()> {
    if options.list {
        list();
        return Ok(());
    }
    let chosen = choose(&options.only)?;
    let start = Instant::now();
    heading("setup", "what this machine lacks");
    setup::everything()?;
    forget_earlier_runs()?;
    let prepared = start.elapsed();
    for suite in chosen.iter().filter(|_| !options.only.is_empty()) {
        if let Some(lack) = suite.lack() {
            bail!("{}: {lack}", suite.name);
        }
    }
    perform_all(&chosen, !options.no_fail_fast, prepared, start)
}

/// Runs the suites of the inner loop, with what `setup` has left.
///
/// # Errors
/// When one fails.
pub fn check() -> Result<()> {
    let chosen = choose(&INNER_LOOP.map(str::to_owned))?;
    perform_all(&chosen, true, Duration::ZERO, Instant::now())
}

/// Names the suites with their budgets and the programs of tests/suites that they run, and what all of them may take.
fn list() {
    for suite in all() {
        let programs = suite.programs();
        let programs = match programs.is_empty() {
            true => String::new(),
            false => format!(" ({})", programs.join(", ")),
        };
        println!(
            "{:<12} {:>3} min  {}{programs}",
            suite.name, suite.budget, suite.about
        );
    }
    let budgets = |suites: &[Suite]| suites.iter().map(|suite| suite.budget).sum::<u64>();
    let most = budgets(ALONE) + budgets(IN_LANES).div_ceil(LANES as u64);
    println!("{:<12} {most:>3} min", "at most");
}

/// All suites, in the order they begin.
fn all() -> impl Iterator<Item = &'static Suite> {
    ALONE.iter().chain(IN_LANES)
}

/// Runs these suites, up to the first that fails unless that is not wanted, and prints the table.
fn perform_all(
    chosen: &[&'static Suite],
    fail_fast: bool,
    prepared: Duration,
    start: Instant,
) -> Result<()> {
    let is_alone = |suite: &&&Suite| ALONE.iter().any(|alone| alone.name == suite.name);
    let (alone, in_lanes): (Vec<&Suite>, Vec<&Suite>) = chosen.iter().partition(is_alone);
    let mut outcomes = in_turn(&Mutex::new(alone.into_iter()), fail_fast);
    if !fail_fast || outcomes.iter().all(|outcome| outcome.result.is_ok()) {
        outcomes.extend(beside_each_other(in_lanes, fail_fast));
    }
    println!();
    summarise(chosen, &outcomes, prepared, start.elapsed())
}

/// Runs suites in as many lanes as there are. Where one fails the others end what they have begun.
fn beside_each_other(suites: Vec<&'static Suite>, fail_fast: bool) -> Vec<Outcome> {
    let left = Mutex::new(suites.into_iter());
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|_| scope.spawn(|| in_turn(&left, fail_fast)))
            .collect();
        let ended = |lane: thread::ScopedJoinHandle<_>| {
            lane.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        lanes.into_iter().flat_map(ended).collect()
    })
}

/// Runs what is left, one after the other; where one fails nothing is left for anyone, unless that is not wanted.
fn in_turn(left: &Mutex<std::vec::IntoIter<&'static Suite>>, fail_fast: bool) -> Vec<Outcome> {
    let left = || left.lock().unwrap_or_else(PoisonError::into_inner);
    let mut outcomes = Vec::new();
    loop {
        // A statement of its own: the lock is not held while a suite runs.
        let Some(suite) = left().next() else {
            return outcomes;
        };
        heading(suite.name, suite.about);
        if let Some(lack) = suite.lack() {
            println!("== {}: not run: {lack}", suite.name);
            continue;
        }
        let outcome = perform(suite);
        if fail_fast && outcome.result.is_err() {
            left().by_ref().for_each(drop);
        }
        outcomes.push(outcome);
    }
}

/// Removes the logs and recordings of earlier runs, so that those of this one are found.
fn forget_earlier_runs() -> Result<()> {
    for name in ["harness", "recordings"] {
        let folder = paths::target().join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("can't remove {}", folder.display()))?;
        }
    }
    Ok(())
}

/// The suites of these names, in the table's order; all of them when there are no names.
fn choose(names: &[String]) -> Result<Vec<&'static Suite>> {
    for name in names {
        let known = all().any(|suite| suite.name == name);
        (known.then_some(()))
            .with_context(|| format!("no suite {name}; `cargo xtask test --list` names them"))?;
    }
    Ok(all()
        .filter(|suite| names.is_empty() || names.iter().any(|name| name == suite.name))
        .collect())
}

/// Runs one suite. One without tests of its own counts as one test.
fn perform(suite: &Suite) -> Outcome {
    let start = Instant::now();
    let (mut tally, result) = suite.run();
    if result.is_err() && tally.failed == 0 {
        tally.failed = 1;
    }
    if tally == Tally::default() {
        tally.passed = 1;
    }
    let took = start.elapsed();
    let outcome = Outcome {
        name: suite.name,
        took,
        tally,
        result,
    };
    println!(
        "== {}: {} in {} of {} min",
        suite.name,
        outcome.verdict(suite),
        minutes(took),
        suite.budget
    );
    outcome
}

/// Prints the table and the line with the sum.
fn summarise(
    chosen: &[&Suite],
    outcomes: &[Outcome],
    prepared: Duration,
    total: Duration,
) -> Result<()> {
    row(["suite", "minutes", "budget", "passed", "failed", "verdict"]);
    row(["setup", &minutes(prepared), "", "", "", ""]);
    let mut sum = Tally::default();
    for suite in chosen {
        let budget = suite.budget.to_string();
        let Some(outcome) = outcomes.iter().find(|outcome| outcome.name == suite.name) else {
            row([suite.name, "", &budget, "", "", "not run"]);
            continue;
        };
        sum.add(outcome.tally);
        let (passed, failed) = (
            outcome.tally.passed.to_string(),
            outcome.tally.failed.to_string(),
        );
        let took = minutes(outcome.took);
        row([
            suite.name,
            &took,
            &budget,
            &passed,
            &failed,
            outcome.verdict(suite),
        ]);
    }
    row(["all", &minutes(total), "", "", "", ""]);
    println!("\n{} passed, {} failed", sum.passed, sum.failed);
    let failures: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| {
            Some(format!(
                "{}: {:#}",
                outcome.name,
                outcome.result.as_ref().err()?
            ))
        })
        .collect();
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

impl Outcome {
    fn verdict(&self, suite: &Suite) -> &'static str {
        let over = self.took > Duration::from_secs(60 * suite.budget);
        match (&self.result, over) {
            (Err(_), _) => "FAILED",
            (Ok(()), true) => "passed, over budget",
            (Ok(()), false) => "passed",
        }
    }
}

/// A row of the table.
fn row([suite, took, budget, passed, failed, verdict]: [&str; 6]) {
    println!("{suite:<12} {took:>7} {budget:>7}  {passed:>6} {failed:>6}  {verdict}");
}

fn heading(name: &str, about: &str) {
    println!("\n== {name}: {about}");
}

fn minutes(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() / 60.0)
}

//! `cargo xtask test`: the suites one after the other, and a table of what came of them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    setup,
    shell::Tally,
    suites::{SUITES, Suite},
};

/// Which suites to run.
#[derive(Args)]
pub struct Options {
    /// Only this suite; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Names the suites with their budgets, and runs none.
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
        let total: u64 = SUITES.iter().map(|suite| suite.budget).sum();
        for suite in SUITES {
            println!(
                "{:<12} {:>3} min  {}",
                suite.name, suite.budget, suite.about
            );
        }
        println!("{:<12} {total:>3} min", "at most");
        return Ok(());
    }
    let chosen = choose(&options.only)?;
    let start = Instant::now();
    heading("setup", "what this machine lacks");
    setup::everything()?;
    let prepared = start.elapsed();
    let mut outcomes = Vec::new();
    for suite in &chosen {
        heading(suite.name, suite.about);
        let outcome = perform(suite);
        let failed = outcome.result.is_err();
        outcomes.push(outcome);
        if failed {
            break;
        }
    }
    summarise(&chosen, outcomes, prepared, start.elapsed())
}

/// The suites of these names, in the table's order; all of them when there are no names.
fn choose(names: &[String]) -> Result<Vec<&'static Suite>> {
    for name in names {
        let known = SUITES.iter().any(|suite| suite.name == name);
        (known.then_some(()))
            .with_context(|| format!("no suite {name}; `cargo xtask test --list` names them"))?;
    }
    Ok(SUITES
        .iter()
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
    let verdict = if result.is_ok() { "passed" } else { "FAILED" };
    println!(
        "== {}: {verdict} in {:.1} of {} min",
        suite.name,
        minutes(took),
        suite.budget
    );
    Outcome {
        name: suite.name,
        took,
        tally,
        result,
    }
}

/// Prints the table and the line with the sum.
fn summarise(
    chosen: &[&Suite],
    outcomes: Vec<Outcome>,
    prepared: Duration,
    total: Duration,
) -> Result<()> {
    println!(
        "\n{:<12} {:>7} {:>7}  {:>6} {:>6}  verdict",
        "suite", "minutes", "budget", "passed", "failed"
    );
    println!("{:<12} {:>7.1}", "setup", minutes(prepared));
    let mut sum = Tally::default();
    let mut failures = Vec::new();
    for suite in chosen {
        let Some(outcome) = outcomes.iter().find(|outcome| outcome.name == suite.name) else {
            println!(
                "{:<12} {:>7} {:>7}  {:>6} {:>6}  not run",
                suite.name, "", suite.budget, "", ""
            );
            continue;
        };
        sum.add(outcome.tally);
        let Tally { passed, failed } = outcome.tally;
        let verdict = if outcome.result.is_ok() {
            "passed"
        } else {
            "FAILED"
        };
        let took = minutes(outcome.took);
        println!(
            "{:<12} {took:>7.1} {:>7}  {passed:>6} {failed:>6}  {verdict}",
            suite.name, suite.budget
        );
    }
    println!("{:<12} {:>7.1}\n", "all", minutes(total));
    for outcome in outcomes {
        if let Err(error) = outcome.result {
            failures.push(format!("{}: {error:#}", outcome.name));
        }
    }
    println!("{} passed, {} failed", sum.passed, sum.failed);
    if !failures.is_empty() {
        bail!("{}", failures.join("\n"));
    }
    Ok(())
}

fn heading(name: &str, about: &str) {
    println!("\n== {name}: {about}");
}

fn minutes(duration: Duration) -> f64 {
    duration.as_secs_f64() / 60.0
}

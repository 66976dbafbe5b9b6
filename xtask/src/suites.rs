//! The suites: all that CI runs. `suites/table.rs` names them.
//!
//! Invariant: within their budgets they take an hour and a half at the most, on two cores in a checkout where nothing is
//! built yet. A suite that takes longer is told of in the summary; one that takes twice as long is ended.

mod table;

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::{
    guests, mounts, package,
    shell::{self, Tally},
};

pub use table::{ALONE, IN_LANES};

/// One suite.
pub struct Suite {
    /// What `--only` takes.
    pub name: &'static str,
    /// Minutes it should take at most, first builds on two cores included.
    pub budget: u64,
    /// What it shows.
    pub about: &'static str,
    /// How it runs.
    work: Work,
}

/// How a suite runs.
enum Work {
    /// These commands in the repository's root, one after the other; they stop at the first that fails.
    Commands(&'static [&'static str]),
    /// Whole-program suites of tests/suites, against this Kafka.
    Broker(&'static [&'static str], &'static str),
    /// The same, of the guest for which only rustup has the target.
    Wasip2(&'static [&'static str], &'static str),
    /// The same, of programs that mount file systems of their own.
    Mounting(&'static [&'static str], &'static str),
    /// Something in this program.
    Own(fn(Instant) -> (Tally, Result<()>)),
}

/// What of the game day needs a file system of its own.
const NEEDS_MOUNTS: &str = "a_disk_under_the_cache_that_is_full";

/// Builds the daemon and everything else that suites run.
const BUILD: &str = "cargo build --workspace --all-targets --locked";

/// The suites of the inner loop: what needs no broker, and a minute or two where everything is built.
pub const INNER_LOOP: [&str; 6] = ["fmt", "arrows", "rules", "clippy", "unit", "simulation"];

impl Suite {
    /// Why it can't run on this machine, once the set-up has done what it can.
    pub fn lack(&self) -> Option<&'static str> {
        match self.work {
            Work::Wasip2(..) if !guests::has_wasip2() => {
                Some("`rustup target add wasm32-wasip2` does not succeed on this machine")
            }
            Work::Mounting(..) if !mounts::allowed() => Some(mounts::LACK),
            _ => None,
        }
    }

    /// The programs of tests/suites that it runs.
    pub fn programs(&self) -> &'static [&'static str] {
        match self.work {
            Work::Broker(programs, _) | Work::Wasip2(programs, _) | Work::Mounting(programs, _) => {
                programs
            }
            Work::Commands(_) | Work::Own(_) => &[],
        }
    }

    /// Runs it, for at most twice its budget.
    pub fn run(&self) -> (Tally, Result<()>) {
        let deadline = Instant::now() + Duration::from_secs(2 * self.budget * 60);
        match &self.work {
            Work::Commands(lines) => commands(self.name, lines, &[], deadline),
            Work::Broker(programs, kafka)
            | Work::Wasip2(programs, kafka)
            | Work::Mounting(programs, kafka) => self.on_a_broker(programs, kafka, deadline),
            Work::Own(work) => work(deadline),
        }
    }

    /// Runs programs of tests/suites with the daemon and the guests as they are in the tree now.
    fn on_a_broker(
        &self,
        programs: &[&str],
        kafka: &str,
        deadline: Instant,
    ) -> (Tally, Result<()>) {
        if let Err(error) = guests::build_once() {
            return (Tally::default(), Err(error));
        }
        // The whole workspace with one set of features, so that nothing is built a second time.
        let mut test = format!(
            "cargo test --workspace --locked --test {}",
            programs.join(" --test ")
        );
        if programs.contains(&"game_day") && !mounts::allowed() {
            println!("not shown: {NEEDS_MOUNTS}: {}", mounts::LACK);
            test = format!("{test} -- --skip {NEEDS_MOUNTS}");
        }
        let environment = [("PELTON_TEST_KAFKA", kafka), ("RUST_LIB_BACKTRACE", "0")];
        commands(self.name, &[BUILD, &test], &environment, deadline)
    }
}

/// Makes the package, looks into it, and installs, upgrades and removes it.
fn packaged(deadline: Instant) -> (Tally, Result<()>) {
    if let Err(error) = package::check().and_then(|()| guests::build_once()) {
        return (Tally::default(), Err(error));
    }
    if !mounts::allowed() {
        println!("not shown: an upgrade under load: {}", mounts::LACK);
        return (Tally::default(), Ok(()));
    }
    let test = "cargo test --workspace --locked --test upgrading";
    let environment = [("PELTON_TEST_KAFKA", "4"), ("RUST_LIB_BACKTRACE", "0")];
    commands("package", &[test], &environment, deadline)
}

/// Runs command lines in the repository's root up to the first that fails. No argument has a blank in it.
pub fn commands(
    what: &str,
    lines: &[&str],
    environment: &[(&str, &str)],
    deadline: Instant,
) -> (Tally, Result<()>) {
    let mut tally = Tally::default();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let Some((program, arguments)) = words.split_first() else {
            continue;
        };
        let mut command = shell::command(program, arguments);
        command.envs(environment.iter().copied());
        let (counted, result) = shell::run_counting(what, command, Some(deadline));
        tally.add(counted);
        if result.is_err() {
            return (tally, result);
        }
    }
    (tally, Ok(()))
}

/// The documentation of the host's crates; any warning fails it.
fn documentation(deadline: Instant) -> (Tally, Result<()>) {
    let lines = &["cargo doc --workspace --no-deps --locked"];
    commands("doc", lines, &[("RUSTDOCFLAGS", "-D warnings")], deadline)
}

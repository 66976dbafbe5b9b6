//! What a run is asked for.

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

use crate::program::{PROGRAMS, Program};

/// Measures what a million messages cost: CPU seconds, messages a second, peak memory. Each program's outputs are
/// verified. The figures stand in target/benchmarks, too.
#[derive(Parser, Debug)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub struct Options {
    /// Only this program; may be given several times. The others are named where it is none.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Only this work; may be given several times.
    #[arg(long, value_enum)]
    pub work: Vec<Work>,
    /// Only values of so many bytes; may be given several times.
    #[arg(long, value_name = "BYTES")]
    pub size: Vec<usize>,
    /// How often each program runs, in turn with the others.
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Messages of each run.
    #[arg(long)]
    pub messages: Option<usize>,
    /// Partitions of the topics.
    #[arg(long, default_value_t = 12)]
    pub partitions: i32,
    /// Measures how long messages are on their way instead, at 10 % and 20 % of the hand-written loop's maximum; without
    /// more, 256 B and passthrough.
    #[arg(long)]
    pub latency: bool,
    /// A look: 200,000 messages of 256 B, three rounds, unless something else is given.
    #[arg(long)]
    pub quick: bool,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// Key, value and headers are copied.
    Passthrough,
    /// JSON is parsed, a tenth is dropped, two fields are added, a header is copied.
    Enrich,
}

impl Work {
    /// As programs are told it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Enrich => "enrich",
        }
    }
}

/// What is run.
#[derive(Debug)]
pub struct Plan {
    pub programs: Vec<&'static Program>,
    pub works: Vec<Work>,
    pub sizes: Vec<usize>,
    pub rounds: usize,
    pub messages: usize,
    pub partitions: i32,
    pub latency: bool,
    /// Whether the programs were named, and none of them may be missing.
    named: bool,
}

impl Plan {
    /// Installs what isn't of this repository. What can't be had here is told and left out, unless it was named.
    ///
    /// # Errors
    /// When a program that was named can't be had.
    pub fn install(&mut self) -> Result<()> {
        let mut there = Vec::new();
        for &program in &self.programs {
            match program.install() {
                Ok(()) => there.push(program),
                Err(error) if self.named => return Err(error),
                Err(error) => println!("left out: {error:#}"),
            }
        }
        self.programs = there;
        Ok(())
    }
}

impl Options {
    /// With what wasn't said filled in.
    ///
    /// # Errors
    /// When there is no such program, or nothing to measure.
    pub fn plan(&self) -> Result<Plan> {
        for name in &self.only {
            ensure!(
                PROGRAMS.iter().any(|program| program.name == name),
                "no program {name}; there are {}",
                PROGRAMS.each_ref().map(|program| program.name).join(", ")
            );
        }
        let chosen = |program: &&Program| {
            self.only.is_empty() || self.only.iter().any(|name| name == program.name)
        };
        let or = |given: &[usize], quick: &[usize], full: &[usize]| match (
            given,
            self.quick || self.latency,
        ) {
            ([], true) => quick.to_vec(),
            ([], false) => full.to_vec(),
            (given, _) => given.to_vec(),
        };
        let plan = Plan {
            programs: PROGRAMS.iter().filter(chosen).collect(),
            works: match self.work.as_slice() {
                [] if self.latency => vec![Work::Passthrough],
                [] => vec![Work::Passthrough, Work::Enrich],
                works => works.to_vec(),
            },
            sizes: or(&self.size, &[256], &[256, 1024]),
            rounds: self.rounds.unwrap_or(if self.quick { 3 } else { 5 }),
            messages: self
                .messages
                .unwrap_or(if self.quick { 200_000 } else { 1_000_000 }),
            partitions: self.partitions,
            latency: self.latency,
            named: !self.only.is_empty(),
        };
        ensure!(plan.rounds > 0, "--rounds must be at least 1");
        ensure!(plan.messages > 0, "--messages must be at least 1");
        ensure!(plan.partitions > 0, "--partitions must be at least 1");
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(words: &[&str]) -> Result<Plan> {
        Options::try_parse_from(["bench"].iter().chain(words))?.plan()
    }

    #[test]
    fn a_quick_look_can_be_made_longer() {
        let quick = plan(&["--quick", "--messages", "7"]).expect("a plan");
        assert_eq!((quick.rounds, quick.messages), (3, 7));
        assert_eq!(quick.sizes, [256]);
        assert!(plan(&[]).expect("a plan").rounds >= 5);
    }

    #[test]
    fn a_program_that_is_none_is_refused_with_those_that_are() {
        let error = plan(&["--only", "lop"]).expect_err("none of them");
        assert!(error.to_string().contains("loop"), "{error}");
    }
}

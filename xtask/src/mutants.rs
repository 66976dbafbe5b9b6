//! `cargo xtask mutants`: dispatch, broken mechanically in every way that cargo-mutants knows, and whether its
//! tests and the simulator notice.
//!
//! What survives must be listed in `tests/simulator/survivors.toml` with the reason why it is harmless, and the
//! list must name nothing that doesn't survive.
//!
//! Invariant: the verdict is made of what cargo-mutants wrote down, and is the same for the same outcome.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::{paths, shell};

/// The version that is installed, into `target/tools`.
const VERSION: &str = "27.1.0";
/// The share that must be caught, in percent.
const CAUGHT: usize = 95;
/// Survivors, and why they are harmless.
const SURVIVORS: &str = "tests/simulator/survivors.toml";

/// Which mutants to make.
#[derive(Args)]
pub struct Options {
    /// Only those in this file of dispatch; gives no verdict.
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
}

/// The machine's own tests, which are quick.
const OWN: [&str; 2] = ["--test-package=pelton-dispatch", "--test=machine"];
/// Two thousand simulated groups, for what those didn't catch. Broken machines of the tests' own prove nothing here.
const SIMULATED: [&str; 2] = ["--test-package=pelton-simulator", "--test=groups"];

/// Makes the mutants, runs the tests on each and judges what survived.
///
/// # Errors
/// When too many survive, one that isn't listed does, or one that is listed doesn't.
pub fn run(options: &Options) -> Result<()> {
    let tool = tool()?;
    let earlier = paths::target().join("mutants.out");
    if earlier.exists() {
        fs::remove_dir_all(&earlier)
            .with_context(|| format!("can't remove {}", earlier.display()))?;
    }
    let own = round(&tool, options, OWN, &[])?;
    println!("by dispatch's own tests: {own}; what survived is given to the simulator");
    // The tests are known to pass by then, and cargo-mutants would look for them in dispatch.
    let again = ["--iterate", "--baseline=skip", "--timeout=120"];
    let simulated = round(&tool, options, SIMULATED, &again)?;
    let outcome = Outcome {
        caught: own.caught + simulated.caught,
        unviable: own.unviable,
        survived: simulated.survived,
    };
    println!("{outcome}");
    if options.file.is_some() {
        outcome
            .survived
            .iter()
            .for_each(|name| println!("survives: {name}"));
        return Ok(());
    }
    outcome.judge(&survivors(&paths::root().join(SURVIVORS))?)
}

/// Runs one set of tests on every mutant, or with `--iterate` on those that survived before.
fn round(
    tool: &str,
    options: &Options,
    [package, test]: [&str; 2],
    more: &[&str],
) -> Result<Outcome> {
    let folder = paths::target();
    let output = folder.display().to_string();
    let mut command = shell::command(
        tool,
        &[
            "mutants",
            "--package=pelton-dispatch",
            package,
            "--no-shuffle",
            "--colors=never",
            "--minimum-test-timeout=60",
            "--output",
            &output,
        ],
    );
    command.args(more);
    if let Some(file) = &options.file {
        command.args(["--file", file]);
    }
    command.args(["--", "--lib", test]);
    // One folder for both rounds, so that what dispatch stands on is built once.
    command.env("CARGO_TARGET_DIR", folder.join("mutants"));
    // It fails where anything survives, which is judged by what it wrote down.
    let (_, ended) = shell::run_counting("the mutants", command, None);
    let outcomes = folder.join("mutants.out/outcomes.json");
    let text = fs::read_to_string(&outcomes)
        .with_context(|| format!("cargo-mutants left no {}: {ended:?}", outcomes.display()))?;
    Outcome::read(&serde_json::from_str(&text)?)
}

/// Installs cargo-mutants where it isn't.
fn tool() -> Result<String> {
    let root = paths::target().join("tools");
    let tool = root.join("bin/cargo-mutants").display().to_string();
    if !shell::works(&tool, &["mutants", "--version"]) {
        println!("cargo-mutants {VERSION}: installing (some minutes)");
        let root = root.display().to_string();
        let install = shell::command(
            "cargo",
            &[
                "install",
                "--locked",
                "--root",
                &root,
                "--version",
                VERSION,
                "cargo-mutants",
            ],
        );
        shell::run("cargo-mutants", install, None)?;
    }
    Ok(tool)
}

/// What became of the mutants.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    caught: usize,
    /// They don't compile, and count for nothing.
    unviable: usize,
    survived: Vec<String>,
}

impl Outcome {
    fn read(outcomes: &Value) -> Result<Self> {
        let mut outcome = Self::default();
        let all = outcomes["outcomes"].as_array();
        for one in all.context("no outcomes in the file")? {
            let Some(mutant) = one["scenario"].get("Mutant") else {
                let baseline = one["summary"].as_str();
                ensure!(
                    baseline == Some("Success"),
                    "the tests fail without any mutant"
                );
                continue;
            };
            match one["summary"].as_str().unwrap_or_default() {
                "CaughtMutant" | "Timeout" => outcome.caught += 1,
                "Unviable" => outcome.unviable += 1,
                "MissedMutant" => outcome.survived.push(name(mutant)?),
                other => anyhow::bail!("an outcome that is not known: {other:?}"),
            }
        }
        outcome.survived.sort();
        Ok(outcome)
    }

    fn judge(&self, harmless: &BTreeMap<String, String>) -> Result<()> {
        let made = self.caught + self.survived.len();
        ensure!(made > 0, "no mutant was made");
        let unexplained: Vec<&String> = self
            .survived
            .iter()
            .filter(|name| !harmless.contains_key(*name))
            .collect();
        let stale: Vec<&String> = harmless
            .keys()
            .filter(|name| !self.survived.contains(name))
            .collect();
        let enough = self.caught * 100 >= made * CAUGHT;
        ensure!(
            enough,
            "{} of {made} caught, and {CAUGHT} % must be; survivors: {:#?}",
            self.caught,
            self.survived
        );
        ensure!(
            unexplained.is_empty(),
            "not in {SURVIVORS}: {unexplained:#?}"
        );
        ensure!(
            stale.is_empty(),
            "in {SURVIVORS}, but caught or gone: {stale:#?}"
        );
        Ok(())
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let made = self.caught + self.survived.len();
        write!(
            f,
            "{made} mutants: {} caught ({:.1} %), {} survived; {} more don't compile",
            self.caught,
            100.0 * self.caught as f64 / made.max(1) as f64,
            self.survived.len(),
            self.unviable
        )
    }
}

/// A mutant's name without line and column, which move with every edit.
fn name(mutant: &Value) -> Result<String> {
    let (Some(file), Some(text)) = (mutant["file"].as_str(), mutant["name"].as_str()) else {
        anyhow::bail!("a mutant without a file or name: {mutant}");
    };
    let file = file.rsplit_once("/src/").map_or(file, |(_, file)| file);
    let what = text.split_once(": ").map_or(text, |(_, what)| what);
    Ok(format!("{file}: {what}"))
}

/// The list of survivors: name to reason.
fn survivors(path: &Path) -> Result<BTreeMap<String, String>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let map: BTreeMap<String, String> =
        toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
    for (name, reason) in &map {
        ensure!(reason.len() > 20, "{name} is listed without a reason");
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcomes(summaries: &[&str]) -> Result<Outcome> {
        let mut all = vec![json!({"scenario": "Baseline", "summary": "Success"})];
        all.extend(summaries.iter().enumerate().map(|(n, summary)| {
            let name = format!("runtime/dispatch/src/a.rs:{n}:7: replace x with {n}");
            json!({"scenario": {"Mutant": {"file": "runtime/dispatch/src/a.rs", "name": name}}, "summary": summary})
        }));
        Outcome::read(&json!({"outcomes": all}))
    }

    fn listed(names: &[&str]) -> BTreeMap<String, String> {
        let reason = "a reason that is long enough".to_owned();
        names
            .iter()
            .map(|name| ((*name).to_owned(), reason.clone()))
            .collect()
    }

    #[test]
    fn what_survives_is_named_without_its_place() {
        let outcome = outcomes(&["CaughtMutant", "MissedMutant", "Timeout", "Unviable"]).unwrap();
        assert_eq!(outcome.survived, ["a.rs: replace x with 1"]);
        assert_eq!((outcome.caught, outcome.unviable), (2, 1));
    }

    #[test]
    fn too_many_unlisted_and_stale_survivors_are_refused() {
        let few = outcomes(&[["CaughtMutant"; 30].as_slice(), &["MissedMutant"]].concat()).unwrap();
        let many = outcomes(&["CaughtMutant", "MissedMutant"]).unwrap();
        few.judge(&listed(&["a.rs: replace x with 30"])).unwrap();
        assert!(few.judge(&listed(&[])).is_err());
        assert!(
            few.judge(&listed(&["a.rs: replace x with 30", "gone"]))
                .is_err()
        );
        assert!(many.judge(&listed(&["a.rs: replace x with 1"])).is_err());
        assert!(Outcome::default().judge(&listed(&[])).is_err());
    }

    #[test]
    fn tests_that_fail_without_a_mutant_prove_nothing() {
        let failed = json!({"outcomes": [{"scenario": "Baseline", "summary": "Failure"}]});
        assert!(Outcome::read(&failed).is_err());
    }
}

//! How many instructions a message takes in the pure rooms, counted by valgrind and held against a baseline.
//!
//! Invariant: only what is the same each time is judged. Seconds on shared machines aren't; instructions of code without
//! clocks, threads and chance are, to a thousandth and less.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::{paths, shell};

/// Each part does so many messages, then twice as many: the difference is free of the program's start.
const MESSAGES: u64 = 12_800;
/// How much more than the baseline is too much, in percent.
const TOLERATED: u64 = 10;
/// Set to 1, this run's counts become the baseline.
const RENEW: &str = "UPDATE_EXPECT";

/// Counts of instructions for a message, by the part's name.
type Counts = BTreeMap<String, u64>;

/// Counts, and compares.
///
/// # Errors
/// When a part takes too much more than the baseline; the error says how to renew that.
pub fn check() -> Result<()> {
    ensure!(
        shell::works("valgrind", &["--version"]),
        "valgrind does not work: install it (apt-get install valgrind)"
    );
    let program = build()?;
    let baseline = read()?;
    let mut counts = Counts::new();
    for part in baseline.keys() {
        let [once, twice] =
            [MESSAGES, 2 * MESSAGES].map(|messages| count(&program, part, messages));
        let each = (twice?.saturating_sub(once?)).div_ceil(MESSAGES);
        counts.insert(part.clone(), each);
    }
    for (part, each) in &counts {
        println!(
            "{part}: {each} instructions a message, {} in the baseline",
            baseline[part]
        );
    }
    if env::var(RENEW).is_ok_and(|value| value == "1") {
        return renew(&counts);
    }
    judge(&counts, &baseline)
}

/// Fails where a part takes more than is tolerated, or so much less that it may not do its work any more.
fn judge(counts: &Counts, baseline: &Counts) -> Result<()> {
    let slower: Vec<String> = counts
        .iter()
        .filter_map(|(part, each)| {
            let before = baseline.get(part)?;
            let most = before * (100 + TOLERATED);
            let least = before * (100 - TOLERATED);
            (!(least..=most).contains(&(each * 100)))
                .then(|| format!("{part} takes {each} instructions a message instead of {before}"))
        })
        .collect();
    if !slower.is_empty() {
        bail!(
            "{}\nThat is more than {TOLERATED} % off the baseline. If it is what it has to cost, or is better, renew it by \
             `{RENEW}=1 cargo xtask test --only instructions` and say why in the commit",
            slower.join("\n")
        );
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    let folder = paths::target().join("bench");
    let build = "build --release --locked --package pelton-bench-counted";
    let words: Vec<&str> = build.split(' ').collect();
    let mut command = shell::command("cargo", &words);
    command.env("CARGO_TARGET_DIR", &folder);
    shell::run("the build", command, None)?;
    Ok(folder.join("release/pelton-bench-counted"))
}

/// All instructions of a run. valgrind says `==123== Collected : 25452104` among other lines.
fn count(program: &std::path::Path, part: &str, messages: u64) -> Result<u64> {
    let mut command = shell::command(
        "valgrind",
        &[
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--log-fd=1",
        ],
    );
    command.arg(program).args([part, &messages.to_string()]);
    let said = shell::output(command)?;
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) = collected.with_context(|| format!("valgrind counted nothing: {said}"))?;
    number
        .trim()
        .parse()
        .context("valgrind's count is no number")
}

fn file() -> PathBuf {
    paths::root().join("tests/benchmarks/counted/baseline.toml")
}

fn read() -> Result<Counts> {
    let text =
        fs::read_to_string(file()).context("can't read tests/benchmarks/counted/baseline.toml")?;
    Ok(toml::from_str(&text)?)
}

fn renew(counts: &Counts) -> Result<()> {
    let lines = counts
        .iter()
        .map(|(part, each)| format!("{part} = {each}\n"));
    let text = format!("{HEAD}{}", lines.collect::<String>());
    fs::write(file(), text)?;
    println!("the baseline is renewed; commit it with what made it change");
    Ok(())
}

const HEAD: &str = "# Instructions that a message takes, by `cargo xtask test --only instructions`, which objects to a tenth more.
# UPDATE_EXPECT=1 before it writes this file anew.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(each: u64) -> Counts {
        Counts::from([("dispatch".to_owned(), each)])
    }

    #[test]
    fn a_tenth_more_passes_and_what_is_beyond_says_how_to_renew() {
        judge(&counts(1100), &counts(1000)).expect("just tolerated");
        judge(&counts(900), &counts(1000)).expect("just tolerated");
        judge(&counts(899), &counts(1000)).expect_err("it may do nothing");
        let error = judge(&counts(1101), &counts(1000)).expect_err("too much");
        assert!(error.to_string().contains("UPDATE_EXPECT=1"), "{error}");
    }
}

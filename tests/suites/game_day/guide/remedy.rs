//! What an entry says is to be done, and doing it.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use pelton_harness::{command::words, wait};

use super::Entry;
use crate::LIMIT;

/// The words of each command of an entry's text.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("$ "));
    lines.map(command).collect()
}

/// The words of a command, without what is said of it.
fn command(line: &str) -> Vec<String> {
    let line = line.split(" # ").next().unwrap_or(line);
    line.split_whitespace().map(str::to_owned).collect()
}

impl Entry {
    /// Carries out the remedy's commands: `pelton` is run in the daemon's folder, and `pelton health` until it succeeds; what
    /// else is to be done, `by_hand` does. What each `pelton` answers, by its arguments.
    pub fn carry_out(
        &self,
        folder: &Path,
        mut by_hand: impl FnMut(&[&str]) -> Result<()>,
    ) -> Result<BTreeMap<String, String>> {
        let title = &self.title;
        ensure!(!self.remedy.is_empty(), "{title}: nothing is to be done");
        let mut answers = BTreeMap::new();
        for command in &self.remedy {
            let line: Vec<&str> = command.iter().map(String::as_str).collect();
            match line[..] {
                ["pelton", "health"] => is_well(folder),
                ["pelton", ref arguments @ ..] => succeeds(folder, arguments).map(|said| {
                    answers.insert(arguments.join(" "), said);
                }),
                _ => by_hand(&line),
            }
            .with_context(|| format!("{title}: {}", line.join(" ")))?;
        }
        Ok(answers)
    }
}

/// Runs a command of the remedy as it stands there.
pub fn shell(folder: &Path, line: &[&str]) -> Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", &line.join(" ")]).current_dir(folder);
    let done = command.output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{}: {said}", done.status);
    Ok(())
}

fn succeeds(folder: &Path, arguments: &[&str]) -> Result<String> {
    let (code, said) = words(folder, arguments)?;
    ensure!(code == 0, "{code}: {said}");
    Ok(said)
}

fn is_well(folder: &Path) -> Result<()> {
    let mut said = String::new();
    wait::until_true("health", LIMIT, || {
        let (code, words) = words(folder, &["health"])?;
        said = words;
        Ok(code == 0)
    })
    .with_context(|| said.clone())
}

#[test]
fn a_command_is_read_as_it_stands() {
    let text = "\n```console\n$ pelton reload # so\n$ df -h\nnot this\n```\n";
    let words = |line: &[&str]| line.iter().map(|word| (*word).to_owned()).collect();
    let read: Vec<Vec<String>> = vec![words(&["pelton", "reload"]), words(&["df", "-h"])];
    assert_eq!(commands(text), read);
}

//! `pelton` as an operator calls it beside a running daemon, and programs that judge what is shipped.

use std::{
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::paths;

/// How it ends, what it answers as JSON, if it does, and its words on standard error.
///
/// # Errors
/// When it can't be started, or a signal ends it.
pub fn pelton(folder: &Path, arguments: &[&str]) -> Result<(i32, Value, String)> {
    let output = run(folder, arguments)?;
    let code = output.status.code().context("it was ended by a signal")?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Ok((code, answer, words))
}

/// How it ends, and all its words as people read them.
///
/// # Errors
/// As [`pelton`].
pub fn words(folder: &Path, arguments: &[&str]) -> Result<(i32, String)> {
    let output = run(folder, arguments)?;
    let code = output.status.code().context("it was ended by a signal")?;
    let words = [output.stdout, output.stderr].concat();
    Ok((code, String::from_utf8_lossy(&words).into_owned()))
}

fn run(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(paths::pelton()?);
    Ok(command.args(arguments).current_dir(folder).output()?)
}

/// A program that the set-up installed for judging what is shipped, in the repository's root.
///
/// # Errors
/// When it isn't there.
pub fn judge(program: &str) -> Result<Command> {
    let path = paths::target().join("python/bin").join(program);
    ensure!(
        path.is_file(),
        "no program at {}: run `cargo xtask setup` first",
        path.display()
    );
    let mut command = Command::new(path);
    command.current_dir(paths::repository());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

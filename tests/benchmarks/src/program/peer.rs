//! What others would use: installed on demand from what `tests/benchmarks/peers` pins, into `target/benchmarks/peers`.
//!
//! Invariant: what is installed is what the folder holds now. A copy of it is kept beside, and written last.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use pelton_harness::{DaemonOptions, TestDaemon, paths};

use super::own::told;
use crate::place::Place;

/// How one is installed and started. Lines are words with blanks between, run in the folder where it is installed.
#[derive(Debug)]
pub struct Peer {
    /// Its folder in `tests/benchmarks/peers`.
    pub folder: &'static str,
    /// What proves that the toolchain is there, and what to install where it isn't.
    pub toolchain: (&'static str, &'static str),
    /// One after the other.
    pub install: &'static [&'static str],
    /// The program itself, never a script that starts it: its CPU time is what counts.
    pub start: &'static str,
    /// What it is told as `BENCH_GUARANTEE`.
    pub guarantee: &'static str,
}

impl Peer {
    /// Why it can't run here.
    pub fn lack(&self) -> Option<String> {
        let (probe, remedy) = self.toolchain;
        let done = command(probe, Path::new(".")).output();
        let there = done.is_ok_and(|done| done.status.success());
        (!there).then(|| format!("`{probe}` does not work: install {remedy}"))
    }

    /// Installs it, unless that was done.
    ///
    /// # Errors
    /// When one of its lines fails.
    pub fn install(&self) -> Result<()> {
        let source = paths::repository()
            .join("tests/benchmarks/peers")
            .join(self.folder);
        let files = files_of(&source)?;
        let (target, stamp) = (self.installed(), self.installed().join(".installed"));
        let wanted = files.iter().fold(String::new(), |all, (name, text)| {
            format!("{all}=== {name}\n{text}\n")
        });
        if fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
            return Ok(());
        }
        println!("{}: installing (some seconds to two minutes)", self.folder);
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        fs::create_dir_all(&target)?;
        for (name, text) in &files {
            fs::write(target.join(name), text)?;
        }
        for line in self.install {
            let done = command(line, &target)
                .output()
                .with_context(|| format!("can't start `{line}`"))?;
            ensure!(
                done.status.success(),
                "{}: `{line}` failed ({}): {}{}",
                self.folder,
                done.status,
                String::from_utf8_lossy(&done.stdout),
                String::from_utf8_lossy(&done.stderr)
            );
        }
        Ok(fs::write(&stamp, wanted)?)
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it isn't installed.
    pub fn start(&self, place: &Place<'_>) -> Result<TestDaemon> {
        let folder = self.installed();
        let at = |word: &str| word.replace("{here}", &folder.display().to_string());
        let mut words = self.start.split(' ').map(at);
        let program = words.next().context("a line has a first word")?;
        let options = told(DaemonOptions::new(&place.name)?, place)
            .environment("BENCH_GUARANTEE", self.guarantee);
        words
            .fold(options, DaemonOptions::argument)
            .instead(program)
            .start()
    }

    fn installed(&self) -> PathBuf {
        paths::target().join("benchmarks/peers").join(self.folder)
    }
}

/// Names and texts of a folder's files, in order.
fn files_of(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((name, fs::read_to_string(entry.path())?));
        }
    }
    files.sort();
    Ok(files)
}

fn command(line: &str, folder: &Path) -> Command {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).current_dir(folder);
    command
}

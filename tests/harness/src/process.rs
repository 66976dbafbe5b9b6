//! A child process whose output goes to files and that never outlives the test.
//!
//! A static is not dropped when a test process ends, and nothing is dropped when one is killed. So each child
//! has a guard: a small shell that reads from a pipe only the test process holds. When the pipe closes
//! without a word, the test process is gone, and the guard ends the child and removes what it was told to.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::wait;

/// What the guard runs. `$1` is the child, `$2` a folder to remove when the child had to be ended.
const GUARD: &str = r#"
trap '' INT TERM HUP
if read -r _; then exit 0; fi
kill -9 "$1" 2>/dev/null
n=0
while [ $n -lt 50 ] && kill -0 "$1" 2>/dev/null; do sleep 0.1; n=$((n + 1)); done
if [ -n "$2" ]; then rm -rf "$2"; fi
"#;

/// A signal that tests send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ask to stop: SIGTERM.
    Term,
    /// Ask to stop, from the keyboard: SIGINT.
    Int,
    /// End at once: SIGKILL.
    Kill,
    /// Freeze: SIGSTOP.
    Stop,
    /// Go on after [`Signal::Stop`]: SIGCONT.
    Cont,
    /// Read the configuration again: SIGHUP.
    Hup,
}

impl Signal {
    /// As `kill` names it.
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
            Self::Hup => "HUP",
        }
    }
}

/// A running (or ended) child process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    guard: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Starts `command`, its output going to `stdout.log` and `stderr.log` in `folder` (appended, so that
    /// a restart keeps what the earlier life said). `doomed` is removed if the test process dies.
    ///
    /// # Errors
    /// When the program can't be started.
    pub fn spawn(
        name: &str,
        mut command: Command,
        folder: &Path,
        doomed: Option<&Path>,
    ) -> Result<Self> {
        let (stdout, stderr) = (folder.join("stdout.log"), folder.join("stderr.log"));
        command
            .stdin(Stdio::null())
            .stdout(append(&stdout)?)
            .stderr(append(&stderr)?);
        let child = command
            .spawn()
            .with_context(|| format!("can't start {name} ({command:?})"))?;
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard", &child.id().to_string()])
            .arg(doomed.unwrap_or(Path::new("")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("can't start the guard (sh)")?;
        Ok(Self {
            name: name.to_owned(),
            child,
            guard,
            stdout,
            stderr,
        })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process has already ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.exited()? {
            bail!(
                "{} can't be sent {signal:?}: it has ended ({status})",
                self.name
            );
        }
        let sent = Command::new("kill")
            .args(["-s", signal.name(), &self.id().to_string()])
            .status()?;
        ensure!(sent.success(), "can't send {signal:?} to {}", self.name);
        Ok(())
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system won't say.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        wait::until(&what, limit, || Ok(self.child.try_wait()?))
    }

    /// Ends it at once and waits for that. Fine when it has ended already.
    pub fn kill(&mut self) {
        // Both fail only for a process that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// All that it has written to standard output.
    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// All that it has written to standard error.
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// How many lines of either output contain `pattern`.
    pub fn log_count(&self, pattern: &str) -> usize {
        self.log_lines(pattern).len()
    }

    /// The lines of standard output, then those of standard error, that contain `pattern`.
    pub fn log_lines(&self, pattern: &str) -> Vec<String> {
        let both = [self.stdout(), self.stderr()];
        let lines = both.iter().flat_map(|text| text.lines());
        let with = lines.filter(|line| line.contains(pattern));
        with.map(str::to_owned).collect()
    }

    /// Waits until `times` lines of either output contain `pattern`.
    ///
    /// # Errors
    /// When there are fewer after `limit`, or the process has ended without.
    pub fn wait_for_log_times(
        &mut self,
        pattern: &str,
        times: usize,
        limit: Duration,
    ) -> Result<()> {
        let what = format!("{} to say {pattern:?}", self.name);
        wait::until_true(&what, limit, || {
            let ended = self.exited()?;
            if self.log_count(pattern) >= times {
                return Ok(true);
            }
            match ended {
                Some(status) => bail!(
                    "{} ended ({status}) before it said {pattern:?}:\n{}",
                    self.name,
                    self.tail(30)
                ),
                None => Ok(false),
            }
        })
        .with_context(|| format!("the log of {} ends with:\n{}", self.name, self.tail(30)))
    }

    /// The last lines of both outputs.
    pub fn tail(&self, lines: usize) -> String {
        let mut text = String::new();
        for (name, all) in [("stdout", self.stdout()), ("stderr", self.stderr())] {
            let all: Vec<&str> = all.lines().collect();
            let from = all.len().saturating_sub(lines);
            if !all.is_empty() {
                text.push_str(&format!(
                    "--- {} {name}, last {} of {} lines\n",
                    self.name,
                    all.len() - from,
                    all.len()
                ));
            }
            for line in all.iter().skip(from) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if let Some(mut pipe) = self.guard.stdin.take() {
            // A guard that is gone needs no word.
            let _ = pipe.write_all(b"done\n");
        }
        let _ = self.guard.wait();
    }
}

/// Opens a log for appending.
fn append(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("can't write {}", path.display()))
}

/// A log as text, whatever bytes are in it; empty when it isn't there.
fn read(path: &Path) -> String {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

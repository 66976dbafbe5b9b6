//! The daemon as a child process: the same `pelton run` that a user starts, watched by its log.
//!
//! Invariant: it is in a process group of its own, so that Ctrl-C reaches this program only, and the daemon is told
//! to stop once. Where this program ends without having stopped it, it is killed.

mod log;

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

pub use self::log::Line;
use crate::scene;

/// How long it may take to say where its broker and its metrics are.
const START: Duration = Duration::from_secs(60);
/// How long a stop may take: longer than the daemon's own limit.
const STOP: Duration = Duration::from_secs(40);
/// Lines shown of its log when something went wrong.
const TAIL: usize = 20;

/// A running daemon.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    /// Where its embedded broker is.
    pub bootstrap: String,
    /// Where its metrics are.
    pub admin: String,
}

impl Daemon {
    /// Starts `pelton` with a configuration and waits until it says where it is. Every line of its log goes to
    /// `log`, and each that can be read to `each`.
    ///
    /// # Errors
    /// It can't be started, or ends, or says nothing.
    pub fn start(
        program: &Path,
        config: &Path,
        log: PathBuf,
        each: impl FnMut(Line) + Send + 'static,
    ) -> Result<Self> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = File::create(&log).with_context(|| format!("can't write {}", log.display()))?;
        let mut child = Command::new(program)
            .arg("run")
            .arg("-c")
            .arg(config)
            .env("PELTON_LOG_FORMAT", "json")
            .env("PELTON_ADMIN_LISTEN", "127.0.0.1:0")
            .env_remove("RUST_LOG")
            .current_dir(scene::root())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't start {}", program.display()))?;
        let stderr = child.stderr.take().context("the daemon has no log")?;
        let (found, addresses) = sync_channel(2);
        thread::spawn(move || follow(stderr, file, &found, each));
        let mut daemon = Self {
            child,
            log,
            bootstrap: String::new(),
            admin: String::new(),
        };
        let deadline = Instant::now() + START;
        while daemon.bootstrap.is_empty() || daemon.admin.is_empty() {
            match addresses.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Address::Broker(address)) => daemon.bootstrap = address,
                Ok(Address::Admin(address)) => daemon.admin = address,
                Err(RecvTimeoutError::Timeout) => {
                    bail!("the daemon does not say where it is\n{}", daemon.tail())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the daemon ended at its start\n{}", daemon.tail())
                }
            }
        }
        Ok(daemon)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, if it has ended.
    ///
    /// # Errors
    /// The operating system doesn't say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("can't ask after the daemon")
    }

    /// Tells it to stop; [`ended`](Self::ended) says when it has.
    ///
    /// # Errors
    /// The signal can't be sent.
    pub fn tell_to_stop(&self) -> Result<()> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &id]).status();
        sent.context("can't send SIGTERM to the daemon").map(drop)
    }

    /// Tells it to stop and waits for it.
    ///
    /// # Errors
    /// It doesn't stop in time, or says that it couldn't finish what it had begun.
    pub fn stop(mut self) -> Result<()> {
        self.tell_to_stop()?;
        let deadline = Instant::now() + STOP;
        while Instant::now() < deadline {
            if let Some(status) = self.ended()? {
                return self.judge(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!(
            "the daemon did not stop in {} s\n{}",
            STOP.as_secs(),
            self.tail()
        )
    }

    /// Whether an end is a clean one.
    ///
    /// # Errors
    /// It isn't; with the end of the log.
    pub fn judge(&self, status: ExitStatus) -> Result<()> {
        if !status.success() {
            bail!("the daemon ended badly ({status})\n{}", self.tail());
        }
        Ok(())
    }

    /// The file with its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The end of its log, for people.
    pub fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let mut last: VecDeque<&str> = text.lines().collect();
        last.drain(..last.len().saturating_sub(TAIL));
        let lines: Vec<String> = last
            .iter()
            .map(|line| Line::parse(line).map_or((*line).to_owned(), |line| line.to_string()))
            .collect();
        format!(
            "the end of its log, {}:\n  {}",
            self.log.display(),
            lines.join("\n  ")
        )
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Nothing more can be done where this fails too.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

enum Address {
    Broker(String),
    Admin(String),
}

/// Reads the log until its end.
fn follow(
    stderr: ChildStderr,
    mut file: File,
    found: &SyncSender<Address>,
    mut each: impl FnMut(Line),
) {
    let lines = BufReader::new(stderr).split(b'\n').map_while(Result::ok);
    for bytes in lines {
        let text = String::from_utf8_lossy(&bytes);
        // A full disk must not stop the daemon, which waits for whoever reads its log.
        let _ = writeln!(file, "{text}");
        let Some(line) = Line::parse(&text) else {
            continue;
        };
        if let Some(address) = line.field("address") {
            let address = if line.message.starts_with("embedded broker") {
                Address::Broker(address)
            } else {
                Address::Admin(address)
            };
            // Nobody waits for addresses any more once both are known.
            let _ = found.try_send(address);
        }
        each(line);
    }
}

//! A real `pelton` process, watched from outside.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use pelton_simulator::replay;

use crate::{
    cluster::free_ports,
    http, metrics, paths,
    process::{Process, Signal},
    wait,
};

/// What a daemon is started with. Made first, so that its folder is there to put components into.
#[derive(Clone, Debug)]
pub struct DaemonOptions {
    name: String,
    folder: PathBuf,
    admin: String,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    recorded: bool,
    instead: Option<PathBuf>,
    under: Vec<OsString>,
}

impl DaemonOptions {
    /// A daemon with an empty folder and an admin port of its own.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn new(name: &str) -> Result<Self> {
        let (port, _) = free_ports()?;
        Ok(Self {
            name: name.to_owned(),
            folder: paths::fresh_folder(name)?,
            admin: format!("127.0.0.1:{port}"),
            arguments: Vec::new(),
            environment: Vec::new(),
            recorded: true,
            instead: None,
            under: Vec::new(),
        })
    }

    /// Where its `pelton.toml` and components are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Copies a guest's component into the folder under its own name, `<guest>.wasm`.
    ///
    /// # Errors
    /// When it isn't built.
    pub fn component(self, guest: &str) -> Result<Self> {
        self.component_as(guest, &format!("{guest}.wasm"))
    }

    /// Copies a guest's component into the folder under another name.
    ///
    /// # Errors
    /// When it isn't built.
    pub fn component_as(self, guest: &str, file: &str) -> Result<Self> {
        let from = paths::guest(guest)?;
        fs::copy(&from, self.folder.join(file))
            .with_context(|| format!("can't copy {}", from.display()))?;
        Ok(self)
    }

    /// Writes `pelton.toml`; the admin table is added.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn config(self, text: &str) -> Result<Self> {
        let whole = format!("{text}\n[admin]\nlisten = \"{}\"\n", self.admin);
        fs::write(self.folder.join("pelton.toml"), whole).context("can't write pelton.toml")?;
        Ok(self)
    }

    /// Adds an argument to `pelton run`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Does not record what dispatch does, and so replays nothing: for runs whose recordings would fill a disk.
    #[must_use]
    pub fn unrecorded(mut self) -> Self {
        self.recorded = false;
        self
    }

    /// Starts this program with the arguments alone instead of `pelton run`: a consumer that a checker is shown
    /// beside the daemon. Nothing of it is recorded.
    #[must_use]
    pub fn instead(mut self, program: impl Into<PathBuf>) -> Self {
        self.instead = Some(program.into());
        self.unrecorded()
    }

    /// Starts it by this program, which is given the daemon's own command line behind these words and becomes it.
    #[must_use]
    pub fn under(mut self, launcher: Vec<OsString>) -> Self {
        self.under = launcher;
        self
    }

    /// Starts it. Does not wait for anything: see [`TestDaemon::wait_ready`].
    ///
    /// # Errors
    /// When the program isn't there.
    pub fn start(self) -> Result<TestDaemon> {
        let process = self.spawn(1)?;
        Ok(TestDaemon {
            options: self,
            process,
            lives: 1,
            finished: false,
        })
    }

    /// Starts a life of it. What dispatch does in it is recorded, so that the simulator can replay it.
    fn spawn(&self, life: u32) -> Result<Process> {
        let program = match &self.instead {
            Some(program) => program.clone(),
            None => paths::pelton()?,
        };
        let mut command = match self.under.split_first() {
            Some((launcher, words)) => {
                let mut command = Command::new(launcher);
                command.args(words).arg(program);
                command
            }
            None => Command::new(program),
        };
        if self.instead.is_none() {
            command.args(["run", "-c", "pelton.toml"]);
        }
        if self.recorded {
            let recordings = paths::recordings(&self.folder, life);
            fs::create_dir_all(&recordings)?;
            command.arg("--record-dispatch").arg(&recordings);
        }
        command
            .args(&self.arguments)
            // Not the user's own cache; the next life of this daemon finds it.
            .env("CACHE_DIRECTORY", self.folder.join("cache"))
            .envs(self.environment.iter().cloned())
            .current_dir(&self.folder);
        Process::spawn(&self.name, command, &self.folder, None)
    }
}

/// A running daemon. Killed when dropped.
///
/// The end of its log is printed then, which the test's runner shows if the test fails. Then, unless it has
/// failed already, all that dispatch was told and did is replayed by the simulator: the recording must come out the same, break none of the simulator's
/// rules, and hold no order of events that the simulator's idea of Kafka can't produce.
#[derive(Debug)]
pub struct TestDaemon {
    options: DaemonOptions,
    process: Process,
    lives: u32,
    finished: bool,
}

impl TestDaemon {
    /// Where its `pelton.toml` and components are.
    pub fn folder(&self) -> &Path {
        self.options.folder()
    }

    /// Its admin address.
    pub fn admin(&self) -> &str {
        &self.options.admin
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it has already ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.process.wait_exit(limit)
    }

    /// SIGTERM, and the exit code that follows.
    ///
    /// # Errors
    /// When it doesn't end within `limit`, or by a signal instead of a code.
    pub fn stop(&mut self, limit: Duration) -> Result<i32> {
        self.signal(Signal::Term)?;
        self.wait_exit(limit)?
            .code()
            .context("the daemon was ended by a signal")
    }

    /// Starts it again in the same folder; the log goes on.
    ///
    /// # Errors
    /// When the program isn't there.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill();
        self.lives += 1;
        self.process = self.options.spawn(self.lives)?;
        Ok(())
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.exited(), Ok(None))
    }

    /// Waits until a line of its log contains `pattern`.
    ///
    /// # Errors
    /// When none does within `limit`, or it has ended without.
    pub fn wait_for_log(&mut self, pattern: &str, limit: Duration) -> Result<()> {
        self.process.wait_for_log_times(pattern, 1, limit)
    }

    /// Waits until so many lines of its log contain `pattern`.
    ///
    /// # Errors
    /// When fewer do within `limit`, or it has ended without.
    pub fn wait_for_log_times(
        &mut self,
        pattern: &str,
        times: usize,
        limit: Duration,
    ) -> Result<()> {
        self.process.wait_for_log_times(pattern, times, limit)
    }

    /// How many lines of its log contain `pattern`.
    pub fn log_count(&self, pattern: &str) -> usize {
        self.process.log_count(pattern)
    }

    /// The lines of its log that contain `pattern`.
    pub fn log_lines(&self, pattern: &str) -> Vec<String> {
        self.process.log_lines(pattern)
    }

    /// The end of its log.
    pub fn tail(&self, lines: usize) -> String {
        self.process.tail(lines)
    }

    /// Waits until `/readyz` answers 200.
    ///
    /// # Errors
    /// When it doesn't within `limit`, or the daemon has ended.
    pub fn wait_ready(&mut self, limit: Duration) -> Result<()> {
        wait::until_true("the daemon to be ready", limit, || {
            if let Some(status) = self.process.exited()? {
                anyhow::bail!("it has ended ({status})");
            }
            Ok(self
                .get("/readyz")
                .is_ok_and(|response| response.status == 200))
        })
        .with_context(|| self.tail(30))
    }

    /// Gets a path from its admin address.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub fn get(&self, path: &str) -> Result<http::Response> {
        http::get(&self.options.admin, path)
    }

    /// Waits until `/readyz` answers 503 and says this.
    ///
    /// # Errors
    /// When it doesn't within `limit`.
    pub fn wait_unready(&self, text: &str, limit: Duration) -> Result<()> {
        wait::until_true(&format!("/readyz to say {text:?}"), limit, || {
            let answer = self.get("/readyz");
            Ok(answer.is_ok_and(|answer| answer.status == 503 && answer.body.contains(text)))
        })
    }

    /// The sum of a metric over all series whose labels contain each of `labels`, as `name="value"`.
    ///
    /// # Errors
    /// When `/metrics` doesn't answer, or has no series of that name.
    pub fn metric(&self, name: &str, labels: &[&str]) -> Result<f64> {
        let sum = metrics::sum(&self.get("/metrics")?.body, name, labels)?;
        sum.with_context(|| format!("/metrics has no series {name}"))
    }

    /// The same of a metric that isn't there before there is something to tell.
    ///
    /// # Errors
    /// When `/metrics` doesn't answer.
    pub fn metric_or_zero(&self, name: &str, labels: &[&str]) -> Result<f64> {
        let sum = metrics::sum(&self.get("/metrics")?.body, name, labels)?;
        Ok(sum.unwrap_or(0.0))
    }
}

impl TestDaemon {
    /// Ends it and replays what was recorded, without printing its log: for those who judge by themselves.
    ///
    /// # Errors
    /// When a recording doesn't replay, or there is none although partitions were assigned.
    pub fn finish(mut self) -> Result<()> {
        self.finished = true;
        self.process.kill();
        self.replay()
    }

    /// Replays the recording of each life.
    fn replay(&self) -> Result<()> {
        if !self.options.recorded {
            return Ok(());
        }
        let mut replayed = false;
        for life in 1..=self.lives {
            match replay::folder(&paths::recordings(self.folder(), life)) {
                Ok(_) => replayed = true,
                // A life without an assignment has nothing to replay.
                Err(replay::Error::Nothing { .. }) => {}
                Err(error) => {
                    return Err(error).context("what dispatch did does not replay");
                }
            }
        }
        ensure!(
            replayed || self.log_count("partitions assigned") == 0,
            "partitions were assigned, and nothing of it is recorded"
        );
        Ok(())
    }
}

impl Drop for TestDaemon {
    #[expect(
        clippy::panic,
        reason = "a recording that doesn't replay fails the test it is of"
    )]
    fn drop(&mut self) {
        self.process.kill();
        if self.finished {
            return;
        }
        // The test's runner shows this only for a test that fails, whether by a panic or an error.
        eprintln!(
            "{}(all of it in {})",
            self.tail(40),
            self.folder().display()
        );
        if std::thread::panicking() {
            return;
        }
        if let Err(error) = self.replay() {
            panic!("{error:#}");
        }
    }
}

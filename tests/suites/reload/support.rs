//! A daemon with a neighbour whose messages flow all the time, and a configuration that changes beside it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Client, Copies, DaemonOptions, Draft, Stage, Systemd, TestCluster, TestDaemon, component,
    load::flows_while, orders,
};

pub const LIMIT: Duration = Duration::from_secs(60);
/// The neighbour's messages come in steps of half a second.
const STEP: usize = 500;
const MOST: usize = 100_000;

/// The neighbour's daemon.
pub struct Scene {
    pub daemon: TestDaemon,
    neighbour: Stage,
    client: Client,
    /// Of the neighbour's group when its daemon had joined.
    generation: Option<u32>,
    base: String,
}

impl Scene {
    /// A daemon of the neighbour alone, and a component for others. `more` are further lines of the neighbour's table.
    pub fn start(name: &str, more: &str) -> Result<Self> {
        Self::begin(name, more, None)
    }

    /// The same, which tells systemd.
    pub fn start_told(name: &str, systemd: &Systemd) -> Result<Self> {
        Self::begin(name, "", Some(systemd))
    }

    fn begin(name: &str, more: &str, systemd: Option<&Systemd>) -> Result<Self> {
        let cluster = TestCluster::shared();
        let (client, neighbour) = (cluster.client()?, Stage::new(cluster, name, 2)?);
        let mut options: DaemonOptions = neighbour.daemon("passthrough", more)?;
        options = options.component("misbehave")?;
        if let Some(systemd) = systemd {
            options = options.environment("NOTIFY_SOCKET", systemd.address()?);
        }
        let file = options.folder().join("pelton.toml");
        let base = fs::read_to_string(&file)?;
        let mut daemon = options.start()?;
        daemon.wait_ready(LIMIT)?;
        client.wait_for_shares(&neighbour.group, &[2], LIMIT)?;
        let generation = cluster.generation(&neighbour.group);
        ensure!(generation.is_some(), "the broker's log names no generation");
        Ok(Self {
            daemon,
            neighbour,
            client,
            generation,
            base,
        })
    }

    pub fn folder(&self) -> &Path {
        self.daemon.folder()
    }

    /// The neighbour's name.
    pub fn handler(&self) -> &str {
        &self.neighbour.handler
    }

    fn file(&self) -> PathBuf {
        self.folder().join("pelton.toml")
    }

    /// The whole file: the neighbour, as it was, and this.
    pub fn text(&self, more: &str) -> String {
        format!("{}\n{more}", self.base)
    }

    /// The neighbour's file with something replaced in it.
    pub fn altered(&self, from: &str, to: &str) -> Result<String> {
        ensure!(self.base.contains(from), "there is no {from}");
        Ok(self.base.replacen(from, to, 1))
    }

    /// Puts the neighbour and this into the file.
    pub fn write(&self, more: &str) -> Result<()> {
        self.replace(&self.text(more))
    }

    /// Puts this into the file.
    pub fn replace(&self, text: &str) -> Result<()> {
        component::replace(&self.file(), text.as_bytes())
    }

    /// Waits until so many reloads are done, of which the last came to this.
    pub fn reloaded(&mut self, times: usize, what: &str) -> Result<()> {
        let done = "configuration reloaded";
        self.daemon.wait_for_log_times(done, times, LIMIT)?;
        let lines = self.daemon.log_lines(done);
        let line = lines.get(times - 1).context("there are so many")?;
        ensure!(
            line.contains(what),
            "reload {times} came to something else than {what}: {line}"
        );
        Ok(())
    }

    /// Lets the neighbour's messages flow while something happens. It must have no rebalance, and put each out once
    /// and in order.
    pub fn under_load(&mut self, happens: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let drafts = orders(MOST);
        let (client, input) = (self.client.clone(), self.neighbour.input.clone());
        let (sent, ()) = flows_while(&client, &input, (&drafts, STEP), || happens(self))?;
        self.undisturbed(&drafts[..sent])
    }

    /// The header `tag` of the neighbour's last output.
    pub fn last_tag(&self) -> Result<Option<String>> {
        let outputs = self.client.read_all(&self.neighbour.output)?;
        let last = outputs.iter().max_by_key(|one| one.timestamp);
        let header = last.and_then(|one| one.headers.iter().find(|(name, _)| name == "tag"));
        Ok(header.and_then(|(_, value)| String::from_utf8(value.clone()?).ok()))
    }

    fn undisturbed(&self, drafts: &[Draft]) -> Result<()> {
        let Stage {
            group,
            input,
            output,
            ..
        } = &self.neighbour;
        self.client.wait_for_all_committed(group, input, LIMIT)?;
        Copies::of(drafts, &self.client.read_all(output)?)
            .exactly_once()
            .context("the neighbour's outputs")?;
        let now = TestCluster::shared().generation(group);
        ensure!(
            now == self.generation,
            "the neighbour's group was rebalanced: {:?}, {now:?}",
            self.generation
        );
        Ok(())
    }
}

/// Writes these messages to a handler and waits until they are committed.
pub fn pass(client: &Client, stage: &Stage, drafts: &[Draft]) -> Result<()> {
    client.produce(&stage.input, drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)
}

/// The offsets that a handler has committed.
pub fn committed(client: &Client, stage: &Stage) -> Result<Vec<Option<i64>>> {
    client.committed(&stage.group, &stage.input)
}

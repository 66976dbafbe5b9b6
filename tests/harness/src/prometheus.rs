//! A real Prometheus that scrapes daemons, and its API.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{cluster::free_ports, http, paths, process::Process, wait};

/// It is up in a second here.
const START_LIMIT: Duration = Duration::from_secs(60);

/// It scrapes each second whom a file in its folder names, and judges its rules as often.
const CONFIG: &str = "\
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [ rules.yml ]
scrape_configs:
  - job_name: pelton
    file_sd_configs: [ { files: [ watched-*.json ], refresh_interval: 1s } ]
";

/// A Prometheus on a port of its own. Ends when dropped, or with the test process.
#[derive(Debug)]
pub struct Prometheus {
    address: String,
    folder: PathBuf,
    watched: AtomicUsize,
    #[expect(dead_code, reason = "held for its drop")]
    process: Process,
}

impl Prometheus {
    /// Starts one that judges these rules, and scrapes nobody yet.
    ///
    /// # Errors
    /// When there is no Prometheus, or it refuses the rules.
    pub fn start(rules: &str) -> Result<Self> {
        let folder = paths::fresh_folder("prometheus")?;
        let (port, _) = free_ports()?;
        let address = format!("127.0.0.1:{port}");
        fs::write(folder.join("rules.yml"), rules)?;
        fs::write(folder.join("prometheus.yml"), CONFIG)?;
        let data = folder.join("data");
        let mut command = Command::new("prometheus");
        command
            .arg("--config.file=prometheus.yml")
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"))
            .current_dir(&folder);
        let mut process = Process::spawn("prometheus", command, &folder, Some(&data))
            .context("no Prometheus: run `cargo xtask setup` first")?;
        process.wait_for_log_times("Server is ready", 1, START_LIMIT)?;
        Ok(Self {
            address,
            folder,
            watched: AtomicUsize::new(0),
            process,
        })
    }

    /// The one of this test process that judges the rules as they are shipped, started by whoever asks first.
    ///
    /// # Panics
    /// When it can't be started: no test that asks can go on.
    #[expect(
        clippy::panic,
        reason = "tests only, and the chain of the error is what has to be read"
    )]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Prometheus> = OnceLock::new();
        SHARED.get_or_init(|| {
            let shipped = fs::read_to_string(paths::repository().join("config/alerts.yml"));
            let started = shipped
                .context("the rules")
                .and_then(|rules| Self::start(&rules));
            started.unwrap_or_else(|error| panic!("{error:?}"))
        })
    }

    /// Has it scrape this admin address from now on.
    ///
    /// # Errors
    /// When that can't be written.
    pub fn watch(&self, target: &str) -> Result<()> {
        let number = self.watched.fetch_add(1, Ordering::Relaxed);
        let written = self.folder.join(format!("begun-{number}"));
        fs::write(&written, format!("[{{ \"targets\": [ \"{target}\" ] }}]"))?;
        // It must never read half of it.
        fs::rename(written, self.folder.join(format!("watched-{number}.json")))?;
        Ok(())
    }

    /// What the API answers under `data`.
    ///
    /// # Errors
    /// What Prometheus objects to.
    pub fn api(&self, path: &str) -> Result<Value> {
        let answer = http::get(&self.address, &format!("/api/v1/{path}"))?;
        let mut answer: Value = serde_json::from_str(&answer.body)
            .with_context(|| format!("{path}: {}", answer.body))?;
        ensure!(answer["status"] == "success", "{path}: {}", answer["error"]);
        Ok(answer["data"].take())
    }

    /// The series that an expression comes to now.
    ///
    /// # Errors
    /// When the expression is none.
    pub fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let data = self
            .api(&format!("query?query={}", escaped(expression)))
            .with_context(|| expression.to_owned())?;
        match &data["result"] {
            // A scalar is a time and a value.
            Value::Array(series) if data["resultType"] == "vector" => Ok(series.clone()),
            other => Ok(vec![other.clone()]),
        }
    }

    /// Waits until an expression comes to at least one series.
    ///
    /// # Errors
    /// When it doesn't in time.
    pub fn wait_for(&self, expression: &str, limit: Duration) -> Result<()> {
        wait::until_true(expression, limit, || {
            Ok(!self.query(expression)?.is_empty())
        })
    }
}

/// As a URL has it.
fn escaped(text: &str) -> String {
    let each = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    });
    each.collect()
}

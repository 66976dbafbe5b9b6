//! Where log lines go, and how they look.

mod lines;

use std::io::{IsTerminal, stderr};

use anyhow::Context;
use pelton_config::{Log, LogFormat};
use tracing_subscriber::{EnvFilter, prelude::*};

pub(crate) use self::lines::last as last_lines;

/// Begins to log to standard error. `RUST_LOG` wins over the configured filter.
pub(crate) fn begin(log: &Log) -> anyhow::Result<()> {
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) if !directives.is_empty() => directives,
        _ => log.filter.clone(),
    };
    let filter = EnvFilter::try_new(&filter)
        .with_context(|| format!("log filter \"{filter}\" can't be read"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    match log.format {
        LogFormat::Text => {
            let text = builder.with_ansi(stderr().is_terminal());
            text.finish().with(lines::Keep).try_init()
        }
        LogFormat::Json => {
            let json = builder.json().flatten_event(true);
            json.finish().with(lines::Keep).try_init()
        }
    }
    .map_err(|error| anyhow::anyhow!("logging can't begin: {error}"))
}

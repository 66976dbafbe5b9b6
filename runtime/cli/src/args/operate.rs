//! The arguments of commands that ask a running daemon.

use std::path::PathBuf;

use super::ConfigFile;

/// Which daemon is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct DaemonArgs {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The daemon's admin address, instead of the one that its configuration file names.
    #[arg(long, value_name = "HOST:PORT")]
    pub admin: Option<String>,
    /// The file of the token that it asks for, instead of the configured one.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct HandlerArgs {
    /// The handler.
    pub handler: String,
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReloadArgs {
    /// The handler whose component is loaded; left out, the configuration is read.
    pub handler: Option<String>,
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Also if this component was refused or rolled back.
    #[arg(long, requires = "handler")]
    pub force: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// The handler to show; left out, all of them.
    pub handler: Option<String>,
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Show every partition, also where there are many that wait for nothing.
    #[arg(short, long)]
    pub all: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Show it again and again, every so many seconds (1 if left out), until interrupted.
    #[arg(short, long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "1",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub watch: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct HealthArgs {
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Ask only whether the daemon is alive, not whether its handlers can work.
    #[arg(long)]
    pub live: bool,
    /// How long it may take to answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub timeout: u64,
}

//! What concerns the whole process.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

/// `[admin]`: the HTTP listener for health, metrics, the dashboard, and what `pelton status`, `pause` and their like ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Whether to listen at all.
    pub enabled: bool,
    /// The address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The file of the token that whoever asks under `/v1` must show; never none where others than this machine can ask.
    pub token_file: Option<PathBuf>,
}

/// `[log]`: how the daemon logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// What is logged: a level, or directives as tracing-subscriber's `EnvFilter` reads them
    /// (`info,pelton_kafka=debug`).
    pub filter: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[daemon]`: the process itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// How long a stop may take in all: drain, flush, commit, leave the groups. Longer than any handler's
    /// [`drain_timeout`](crate::Handler::drain_timeout).
    pub shutdown_timeout: Duration,
    /// Bound for the bytes of messages held in the whole process: fetched, prefetched, on their way out. At least
    /// 16 MiB.
    pub memory: NonZeroU64,
    /// Bytes of a guest's stack, 64 KiB to 16 MiB.
    pub guest_stack: NonZeroU32,
    /// Threads that run guests; `None` is one for each CPU.
    pub worker_threads: Option<NonZeroUsize>,
    /// Bytes of the largest component file that is taken.
    pub component_bytes: NonZeroU64,
    /// How long compiling one component may take.
    pub compile_timeout: Duration,
    /// Bytes of memory that compiling one component may take, at least 64 MiB.
    pub compile_memory: NonZeroU64,
    /// How long the trial of one component may take, and the trials of a changed configuration together.
    pub trial_timeout: Duration,
    /// Where compiled code is kept.
    pub cache: Cache,
    /// The folder in which the last good components are kept; `None`: where the supervisor says, if it does.
    pub state_folder: Option<PathBuf>,
}

/// The folder of compiled code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Whether there is one.
    pub enabled: bool,
    /// Where; `None` is where the system wants such folders.
    pub folder: Option<PathBuf>,
    /// Bytes of all that is kept there.
    pub bytes: NonZeroU64,
}

impl Default for Daemon {
    /// What holds where no file says otherwise.
    fn default() -> Self {
        let written = crate::schema::Daemon::default();
        crate::validate::daemon_as_written(&written, Path::new(""))
    }
}

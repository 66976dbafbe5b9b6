//! What is kept of a handler for its next life: its last good component, and what was rolled back.

mod folder;
mod process;

use std::{io, sync::Arc};

use bytes::Bytes;
use pelton_engine::HandlerEnv;
use pelton_revisions::{Digest, Memory};

pub(super) use self::folder::Folder;
pub(crate) use self::process::Process;

/// What is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub memory: Memory,
    /// How the good content was configured: what `memory.configuration` is the digest of.
    pub env: Option<HandlerEnv>,
}

impl Record {
    /// A configuration is known if it is written down itself.
    pub fn new(memory: Memory, env: Option<HandlerEnv>) -> Self {
        let of_it = |env: &HandlerEnv| memory.configuration == Some(env.digest());
        let env = env.filter(of_it);
        Self {
            memory: Memory {
                configuration: env.as_ref().map(HandlerEnv::digest),
                ..memory
            },
            env,
        }
    }
}

/// Where it is kept.
pub(super) enum Store {
    /// Beyond the life of the daemon.
    Folder(Folder),
    /// Beyond the life of the handler.
    Process(Arc<Process>),
}

impl Store {
    /// What was written down; nothing, if nothing was.
    pub(super) fn record(&self) -> io::Result<Record> {
        match self {
            Self::Folder(folder) => folder.record(),
            Self::Process(process) => Ok(process.record()),
        }
    }

    /// Writes down what the next life should know.
    pub(super) fn remember(&self, record: &Record) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.remember(record)?,
            Self::Process(process) => process.remember(record),
        }
        Ok(())
    }

    /// Drops all contents but these.
    pub(super) fn keep_only(&self, needed: &[Digest]) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.keep_only(needed)?,
            Self::Process(process) => process.keep_only(needed),
        }
        Ok(())
    }

    /// Keeps content, unless it is kept already.
    pub(super) fn put(&self, digest: &Digest, bytes: &Bytes) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.put(digest, bytes)?,
            Self::Process(process) => process.put(digest, bytes),
        }
        Ok(())
    }

    /// Content of at most so many bytes.
    pub(super) fn content(&self, digest: &Digest, most: usize) -> io::Result<Bytes> {
        match self {
            Self::Folder(folder) => folder.content(digest, most).map(Bytes::from),
            Self::Process(process) => process.content(digest),
        }
    }

    /// Whether the next life of the daemon knows it, too.
    pub(super) fn outlives_the_daemon(&self) -> bool {
        matches!(self, Self::Folder(_))
    }
}

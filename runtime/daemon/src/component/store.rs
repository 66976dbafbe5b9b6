//! What is kept of a handler for its next life: its last good component, and what was rolled back.

mod folder;
mod process;

use std::{io, sync::Arc};

use bytes::Bytes;
use pelton_revisions::{Digest, Memory};

pub(super) use self::folder::Folder;
pub(crate) use self::process::Process;

/// Where it is kept.
pub(super) enum Store {
    /// Beyond the life of the daemon.
    Folder(Folder),
    /// Beyond the life of the handler.
    Process(Arc<Process>),
}

impl Store {
    /// What was written down; nothing, if nothing was.
    pub(super) fn memory(&self) -> io::Result<Memory> {
        match self {
            Self::Folder(folder) => folder.memory(),
            Self::Process(process) => Ok(process.memory()),
        }
    }

    /// Writes down what the next life should know, and drops all contents but what that names and these.
    pub(super) fn remember(&self, memory: &Memory, needed: &[Digest]) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.remember(memory, needed)?,
            Self::Process(process) => process.remember(memory, needed),
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

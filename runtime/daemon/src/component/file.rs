//! Reads a component's file when it has changed.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use pelton_revisions::Digest;
use sha2::{Digest as _, Sha256};

/// What a look at the file showed.
pub(super) enum Seen {
    /// Nothing new since the last look.
    Same,
    /// There is no such file.
    Missing,
    /// It is there but can't be read.
    Unreadable { why: String },
    /// New content, or at least a file that was touched.
    Content { digest: Digest, bytes: Bytes },
}

/// Tells one state of a file from another without reading it.
#[derive(Clone, PartialEq, Eq)]
enum Stamp {
    None,
    Missing,
    Unreadable(String),
    File {
        device: u64,
        inode: u64,
        size: u64,
        modified: (i64, i64),
        changed: (i64, i64),
    },
}

/// A component's file, and its state when it was last looked at.
pub(super) struct ComponentFile {
    path: PathBuf,
    max_bytes: usize,
    last: Stamp,
}

impl ComponentFile {
    pub(super) fn new(path: PathBuf, max_bytes: usize) -> Self {
        Self {
            path,
            max_bytes,
            last: Stamp::None,
        }
    }

    pub(super) async fn look(&mut self) -> Seen {
        let (path, max_bytes, last) = (self.path.clone(), self.max_bytes, self.last.clone());
        let looked = tokio::task::spawn_blocking(move || look(&path, max_bytes, &last)).await;
        let Ok((stamp, seen)) = looked else {
            return Seen::Same;
        };
        self.last = stamp;
        seen
    }
}

fn look(path: &Path, max_bytes: usize, last: &Stamp) -> (Stamp, Seen) {
    let outcome = fs::metadata(path).and_then(|found| {
        let stamp = stamp(&found);
        if stamp == *last {
            return Ok((stamp, Seen::Same));
        }
        let bytes = read(path, max_bytes)?;
        Ok((
            stamp,
            Seen::Content {
                digest: Sha256::digest(&bytes).into(),
                bytes,
            },
        ))
    });
    outcome.unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::NotFound if *last == Stamp::Missing => (Stamp::Missing, Seen::Same),
        io::ErrorKind::NotFound => (Stamp::Missing, Seen::Missing),
        _ => {
            let why = error.to_string();
            let stamp = Stamp::Unreadable(why.clone());
            if stamp == *last {
                (stamp, Seen::Same)
            } else {
                (stamp, Seen::Unreadable { why })
            }
        }
    })
}

fn stamp(found: &Metadata) -> Stamp {
    Stamp::File {
        device: found.dev(),
        inode: found.ino(),
        size: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    }
}

/// Reads at most one byte more than allowed: the engine says what is too large, and by how much at least.
fn read(path: &Path, max_bytes: usize) -> io::Result<Bytes> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    file.take(max_bytes as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

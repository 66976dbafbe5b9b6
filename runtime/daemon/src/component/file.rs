//! Reads a component's file when it has changed.
//!
//! Invariants: what may have been written to while it was read is read again, and no file, whatever it is, holds
//! up the thread that looks at it.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use pelton_revisions::Digest;
use sha2::{Digest as _, Sha256};

/// A file that changed so shortly before it was read may change again without a new time: file systems count time
/// in steps of up to ten milliseconds.
const SETTLED: Duration = Duration::from_millis(50);
/// A file from so far in the future is one of another clock.
const SET_BACK: Duration = Duration::from_secs(60);

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

    /// The next look reads the file, whatever its state.
    pub(super) fn forget(&mut self) {
        self.last = Stamp::None;
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
        if stamp(&found) == *last {
            return Ok((last.clone(), Seen::Same));
        }
        Ok(match read(path, max_bytes)? {
            Some((stamp, bytes)) => {
                let digest = Sha256::digest(&bytes).into();
                (stamp, Seen::Content { digest, bytes })
            }
            // It is being written: the next look finds it changed again.
            None => (Stamp::None, Seen::Same),
        })
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

/// Reads a component's file for one who won't look again.
///
/// # Errors
/// There is none, it is no file, or it is being written.
pub fn read_component(path: &Path, max_bytes: usize) -> io::Result<Bytes> {
    let changed = || io::Error::other("it changed while it was read; try again");
    read(path, max_bytes)?.map_or_else(|| Err(changed()), |(_, bytes)| Ok(bytes))
}

/// Reads at most one byte more than allowed: the engine says what is too large, and by how much at least.
/// `None` where it changed meanwhile. The stamp is the one to know this content by.
fn read(path: &Path, max_bytes: usize) -> io::Result<Option<(Stamp, Bytes)>> {
    // A pipe without a writer would be waited for without an end.
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    // Before the file is looked at: whoever is held up afterwards must not take that for quiet.
    let now = SystemTime::now();
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    (&file).take(max_bytes as u64 + 1).read_to_end(&mut bytes)?;
    let (before, after) = (stamp(&before), file.metadata()?);
    if before != stamp(&after) {
        return Ok(None);
    }
    let stamp = if is_settled(&after, now) {
        before
    } else {
        Stamp::None
    };
    Ok(Some((stamp, bytes.into())))
}

/// Whether any change since then would show.
fn is_settled(found: &Metadata, then: SystemTime) -> bool {
    let then = then
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = u64::try_from(found.ctime()).unwrap_or(0);
    let nanos = u32::try_from(found.ctime_nsec()).unwrap_or(0);
    let changed = Duration::new(seconds, nanos);
    match then.checked_sub(changed) {
        Some(quiet) => quiet > SETTLED,
        // It changed since; or the clock was set back, and it would be read at every look for as long.
        None => changed.saturating_sub(then) > SET_BACK,
    }
}

#[cfg(test)]
mod tests;

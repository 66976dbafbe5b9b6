//! Reads a component's file when it has changed.
//!
//! Invariants: what may have been written to while it was read is read again, and no file, whatever it is, holds
//! up the thread that looks at it.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use pelton_revisions::Digest;
use sha2::{Digest as _, Sha256};

use crate::files::Stamp;

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

/// How a file was found.
#[derive(Clone, PartialEq, Eq)]
enum Found {
    /// Such that it is to be read, whatever its state.
    Unknown,
    Missing,
    Unreadable(String),
    File(Stamp),
}

/// A component's file, and its state when it was last looked at.
pub(super) struct ComponentFile {
    path: PathBuf,
    max_bytes: usize,
    last: Found,
}

impl ComponentFile {
    pub(super) fn new(path: PathBuf, max_bytes: usize) -> Self {
        Self {
            path,
            max_bytes,
            last: Found::Unknown,
        }
    }

    /// The next look reads the file, whatever its state.
    pub(super) fn forget(&mut self) {
        self.last = Found::Unknown;
    }

    pub(super) async fn look(&mut self) -> Seen {
        let (path, max_bytes, last) = (self.path.clone(), self.max_bytes, self.last.clone());
        let looked = tokio::task::spawn_blocking(move || look(&path, max_bytes, &last)).await;
        let Ok((found, seen)) = looked else {
            return Seen::Same;
        };
        self.last = found;
        seen
    }
}

fn look(path: &Path, max_bytes: usize, last: &Found) -> (Found, Seen) {
    let outcome = fs::metadata(path).and_then(|found| {
        if Found::File(Stamp::of(&found)) == *last {
            return Ok((last.clone(), Seen::Same));
        }
        Ok(match read(path, max_bytes)? {
            Some((found, bytes)) => {
                let digest = Sha256::digest(&bytes).into();
                (found, Seen::Content { digest, bytes })
            }
            // It is being written: the next look finds it changed again.
            None => (Found::Unknown, Seen::Same),
        })
    });
    outcome.unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::NotFound if *last == Found::Missing => (Found::Missing, Seen::Same),
        io::ErrorKind::NotFound => (Found::Missing, Seen::Missing),
        _ => {
            let why = error.to_string();
            let found = Found::Unreadable(why.clone());
            if found == *last {
                (found, Seen::Same)
            } else {
                (found, Seen::Unreadable { why })
            }
        }
    })
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
/// `None` where it changed meanwhile. How it was found is what to know this content by.
fn read(path: &Path, max_bytes: usize) -> io::Result<Option<(Found, Bytes)>> {
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
    let stamp = Stamp::of(&before);
    if stamp != Stamp::of(&file.metadata()?) {
        return Ok(None);
    }
    let found = match is_settled(&stamp, now) {
        true => Found::File(stamp),
        false => Found::Unknown,
    };
    Ok(Some((found, bytes.into())))
}

/// Whether any change since then would show.
fn is_settled(stamp: &Stamp, then: SystemTime) -> bool {
    let then = then
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let changed = stamp.since().unwrap_or_default();
    match then.checked_sub(changed) {
        Some(quiet) => quiet > SETTLED,
        // It changed since; or the clock was set back, and it would be read at every look for as long.
        None => changed.saturating_sub(then) > SET_BACK,
    }
}

#[cfg(test)]
mod tests;

//! Tells one state of a file from another without reading it.

use std::{fs::Metadata, os::unix::fs::MetadataExt, time::Duration};

/// One state of a file. Where links were followed, a switched one leads to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    place: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(found: &Metadata) -> Self {
        Self {
            place: (found.dev(), found.ino()),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }

    /// When it came about, as time since 1970; `None` where that is not to be believed.
    pub(crate) fn since(&self) -> Option<Duration> {
        let (seconds, nanos) = self.changed;
        let seconds = u64::try_from(seconds).ok()?;
        Some(Duration::new(seconds, u32::try_from(nanos).ok()?))
    }
}

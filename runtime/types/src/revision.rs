//! Which code runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hex;

/// One loaded component together with its handler's configuration: the SHA-256 over both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RevisionId(pub [u8; 32]);

impl fmt::Display for RevisionId {
    /// The first 12 hexadecimal digits: enough to tell revisions apart in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0[..6]))
    }
}

impl fmt::Debug for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevisionId({self})")
    }
}

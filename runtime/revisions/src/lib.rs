//! Which revision of a handler's component runs: a pure state machine, events in, commands out.
//!
//! No clock, no file, no engine: it sees digests and revision ids, and says what to load, try and swap in.
//! Time comes in with each event.
//!
//! Invariants kept here, whatever comes in:
//! - a revision runs only after it loaded and passed its trial;
//! - what runs goes on until a better one is swapped in: a bad file never takes it away;
//! - the newest content wins, and content that was refused is not tried again until the file changes.
//!
//! Start reading at [`Event`] and [`Command`], then [`Revisions`].
#![forbid(unsafe_code)]

mod machine;

pub use machine::Revisions;

use pelton_types::RevisionId;
use serde::{Deserialize, Serialize};

/// The SHA-256 of a component file's content.
pub type Digest = [u8; 32];

/// Something happened to a handler's component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The file holds this content now.
    FileChanged {
        /// What it holds.
        digest: Digest,
    },
    /// There is no file.
    FileMissing,
    /// Content was compiled and exports the contract.
    Loaded {
        /// Which content.
        digest: Digest,
        /// What it became, together with the handler's configuration.
        revision: RevisionId,
    },
    /// Content can't be loaded.
    Refused {
        /// Which content.
        digest: Digest,
        /// What is wrong with it.
        why: String,
    },
    /// The revision passed its trial.
    TrialPassed {
        /// Which one.
        revision: RevisionId,
    },
    /// The revision failed its trial.
    TrialFailed {
        /// Which one.
        revision: RevisionId,
        /// What it did.
        why: String,
    },
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Compile this content and check what it exports; answer [`Event::Loaded`] or [`Event::Refused`].
    Load {
        /// Which content.
        digest: Digest,
    },
    /// Instantiate this revision and set it up; answer [`Event::TrialPassed`] or [`Event::TrialFailed`].
    Trial {
        /// Which one.
        revision: RevisionId,
    },
    /// Use this revision from the next call on.
    Swap {
        /// The one to use.
        to: RevisionId,
        /// The one used until now, if any.
        from: Option<RevisionId>,
    },
    /// Say that this content is refused and what ran goes on.
    Refuse {
        /// Which content.
        digest: Digest,
        /// What is wrong with it.
        why: String,
    },
    /// Say that the file is gone and what ran goes on.
    Missing,
    /// This revision is not needed any more; calls under way may end.
    Retire {
        /// Which one.
        revision: RevisionId,
    },
}

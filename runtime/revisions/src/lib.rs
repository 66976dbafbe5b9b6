//! Which revision of a handler's component runs: a pure state machine, events in, commands out.
//!
//! No clock, no file, no engine: it sees digests and revision ids, and says what to load, try, swap in and roll
//! back. Time comes in with each event.
//!
//! Invariants kept here, whatever comes in:
//! - a revision runs, or stands by, only after it loaded and passed its trial;
//! - what runs goes on until a better one is swapped in: a bad file never takes it away;
//! - the newest content wins, with the newest configuration; and content that was refused or rolled back is not tried
//!   again until the file or the configuration changes, or somebody insists;
//! - a revision on probation has one standing by that has proved good, and only messages which that one succeeded
//!   with speak against it.
//!
//! Start reading at [`Event`] and [`Command`], then [`Revisions`].
#![forbid(unsafe_code)]

mod command;
mod event;
mod machine;
mod policy;

pub use command::{Command, Memory, RolledBack};
pub use event::Event;
pub use machine::Revisions;
pub use policy::Probation;

use serde::{Deserialize, Serialize};

/// The SHA-256 of a component file's content.
pub type Digest = [u8; 32];

/// The digest of what a handler's configuration makes of content: the same content is another revision with another.
pub type Configuration = [u8; 32];

/// Content that is not taken, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which content.
    pub digest: Digest,
    /// What is wrong with it.
    pub why: String,
}

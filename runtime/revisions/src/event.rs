//! What the driver tells the machine.

use pelton_types::RevisionId;
use serde::{Deserialize, Serialize};

use crate::{Configuration, Digest, Memory, Probation};

/// Something happened to a handler's component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// What an earlier life of the daemon wrote down; comes before anything else, if at all.
    Remembered(Memory),
    /// The file holds this content now.
    FileChanged {
        /// What it holds.
        digest: Digest,
    },
    /// The handler's configuration is another one: what is loaded from here on is loaded with it.
    Configured {
        /// What it makes of content.
        configuration: Configuration,
        /// How new revisions are watched from here on.
        probation: Option<Probation>,
    },
    /// Somebody asks for this content, which is the file's.
    Reload {
        /// What it holds.
        digest: Digest,
        /// Also if it was refused or rolled back.
        force: bool,
    },
    /// There is no file.
    FileMissing,
    /// There is a file, and it can't be read.
    FileUnreadable,
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
    /// The revision succeeded with so many messages.
    Handled {
        /// Which one.
        revision: RevisionId,
        /// How many, since the last time.
        messages: u64,
    },
    /// A message that used up its attempts was given to the revision that stands by.
    FellBack {
        /// The revision whose attempts were used up.
        from: RevisionId,
        /// The one that it was given to.
        to: RevisionId,
        /// Whether that one succeeded; otherwise the message is poison.
        succeeded: bool,
    },
    /// Somebody asks for the revision before.
    RollBack,
    /// The time asked for by [`Command::Probation`](crate::Command::Probation) has come, or any time has passed.
    Timer,
}

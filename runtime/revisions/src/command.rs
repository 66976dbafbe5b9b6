//! What the machine tells the driver.

use std::time::Duration;

use pelton_types::RevisionId;
use serde::{Deserialize, Serialize};

use crate::{Configuration, Digest, Refusal};

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Compile this content, as it is configured now, and check what it exports; answer [`Event::Loaded`](crate::Event::Loaded) or
    /// [`Event::Refused`](crate::Event::Refused).
    Load {
        /// Which content.
        digest: Digest,
    },
    /// The same with content that was kept, as it was configured when it proved good.
    LoadKept {
        /// Which content.
        digest: Digest,
        /// How it was configured.
        configuration: Configuration,
    },
    /// Instantiate this revision and set it up; answer [`Event::TrialPassed`](crate::Event::TrialPassed) or
    /// [`Event::TrialFailed`](crate::Event::TrialFailed).
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
    /// The revision that runs is on probation until then: send [`Event::Timer`](crate::Event::Timer).
    Probation {
        /// Which one.
        revision: RevisionId,
        /// The one that stands by.
        fallback: RevisionId,
        /// When it has passed.
        until: Duration,
    },
    /// A message speaks against the revision on probation: say so.
    Vote {
        /// Against which one.
        revision: RevisionId,
        /// How many there are now.
        votes: u32,
        /// How many bring the one before back.
        of: u32,
    },
    /// The revision has passed its probation: say so.
    Confirm {
        /// Which one.
        revision: RevisionId,
    },
    /// Use the revision before again, from the next call on.
    RollBack {
        /// The one that is given up.
        from: RevisionId,
        /// The one to use.
        to: RevisionId,
        /// Why.
        why: String,
    },
    /// Say that this content is refused and what ran goes on.
    Refuse(Refusal),
    /// Say that the file is gone and what ran goes on.
    Missing,
    /// The file can't be used, and what was kept of the last good content is loaded instead: say so.
    UseKept {
        /// Which content.
        digest: Digest,
        /// Also as it was configured then: what was rolled back may be the configuration of now.
        as_it_was: bool,
    },
    /// Write this down for the next life of the daemon; the good content too, if it isn't yet.
    Remember(Memory),
    /// This revision is not needed any more; calls under way may end.
    Retire {
        /// Which one.
        revision: RevisionId,
    },
}

/// What a daemon should know when it starts again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The content that has last proved good.
    pub good: Option<Digest>,
    /// How it was configured; `None` where that is not known, which is as much as now.
    pub configuration: Option<Configuration>,
    /// The revision that was rolled back.
    pub rolled_back: Option<RolledBack>,
}

/// A revision that was rolled back: it is refused with its configuration, and not with another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBack {
    /// Which content, and why.
    pub refusal: Refusal,
    /// How it was configured; `None` where that is not known, which is as much as now.
    pub configuration: Option<Configuration>,
}

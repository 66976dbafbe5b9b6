//! What happened in a run, as far as it could be seen from outside: the checker's whole input.
//!
//! Invariant: nothing here comes from Pelton's own words; all of it was read from the broker or told by the writer's
//! delivery reports.

use std::ops::Range;

/// Where the writer put a message. Its id is its position in [`History::inputs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which partition of the input topic; its output belongs into the same one.
    pub partition: usize,
    /// Its offset there.
    pub offset: i64,
}

/// A message of the output topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Whose output it is; `None` where no id can be read.
    pub id: Option<usize>,
    /// Its offset in the output topic.
    pub offset: i64,
    /// When the broker appended it, in milliseconds since the Unix epoch.
    pub at: i64,
}

/// What was committed of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The next offset; 0 where nothing was committed.
    pub next: i64,
    /// What is finished beyond it, as the commit's metadata says.
    pub finished: Vec<Range<i64>>,
}

impl Progress {
    /// Whether a message at this offset would not be handled again.
    pub fn covers(&self, offset: i64) -> bool {
        offset < self.next || self.finished.iter().any(|run| run.contains(&offset))
    }
}

/// What the broker said at one moment: first what was committed, then where the output topic ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// By partition.
    pub committed: Vec<Progress>,
    /// The output topic's ends by partition, read afterwards.
    pub ends: Vec<i64>,
}

/// Something that was done to the group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incident {
    /// What, and to whom.
    pub name: String,
    /// Whether it may cause repeats: a kill, a freeze, a dead broker, a stop that left something unfinished.
    pub unclean: bool,
    /// When it began, in milliseconds of the run.
    pub began: u64,
    /// How many messages were written and not committed then, all partitions together.
    pub lag: i64,
    /// The output topic's ends by partition just before it: a repeat that it caused lies at or beyond these.
    pub before: Vec<i64>,
    /// What the broker said when it had just happened (of a broker's death: just before).
    pub snapshot: Snapshot,
    /// The output topic's ends by partition when it could cause no further repeats of what came out later: the
    /// earlier copy of a repeat that it caused lies below these.
    pub closed: Vec<i64>,
}

/// A look at what was committed, taken all the while.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// When the answer came, in milliseconds since the Unix epoch.
    pub at: i64,
    /// The next offset by partition; 0 where nothing was committed.
    pub next: Vec<i64>,
}

/// The whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Where each acknowledged message of the writer stands, by its id.
    pub inputs: Vec<Place>,
    /// The output topic by partition, in the order of offsets.
    pub outputs: Vec<Vec<Output>>,
    /// What was done, in order.
    pub incidents: Vec<Incident>,
    /// What was committed, all the while.
    pub looks: Vec<Look>,
    /// What was committed at the end, by partition.
    pub committed: Vec<i64>,
    /// Where the input topic ended, by partition.
    pub ends: Vec<i64>,
}

//! How the daemon, its handlers and their partitions stand: what `pelton status` shows.
//!
//! Invariant: who asks holds up nobody and waits for nobody: it is told what the tasks have left, which is about a
//! second old at the most while they are well.

mod collect;
mod shown;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::collect::Lives;
pub(crate) use self::{
    collect::{Life, Standings},
    shown::{Attempted, Shown, Sighting},
};
use crate::component::{RefusedReport, Transition};

/// The whole daemon. Times are in milliseconds since 1970, by the daemon's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Overview {
    /// The daemon's version.
    pub version: String,
    /// Its configuration's file.
    pub config: String,
    /// When it was started.
    pub started: u64,
    /// When this was told.
    pub now: u64,
    /// What is wrong with the daemon itself, in plain words. Only a loop that hangs keeps messages from moving.
    #[serde(default)]
    pub troubles: Vec<String>,
    /// The handlers, by name.
    pub handlers: Vec<HandlerOverview>,
}

/// One handler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct HandlerOverview {
    /// Its name.
    pub handler: String,
    /// Its consumer group.
    pub group: String,
    /// What it is subscribed to: topics, or one pattern.
    pub topics: Vec<String>,
    /// How it stands in a word.
    pub state: State,
    /// Why, in plain words; empty where all is well.
    pub reasons: Vec<String>,
    /// That it has fallen behind what comes in, where it has. It works all the same.
    pub behind: Option<String>,
    /// An operator has paused it.
    pub paused: bool,
    /// The revision that runs.
    pub revision: Option<RunningRevision>,
    /// What the component's file holds and is not taken, with the configuration of now, and why.
    pub refused: Option<RefusedReport>,
    /// What became of its revisions last: one was swapped in, refused, rolled back and why, ...
    pub last_transition: Option<Transition>,
    /// The partitions that it has, by topic and number.
    pub partitions: Vec<PartitionOverview>,
    /// Messages that are not finished, to the ends of its partitions, as far as those are known.
    pub lag: i64,
    /// Messages fetched and not finished.
    pub in_flight: usize,
    /// What was counted since the daemon was started.
    pub counts: Counts,
    /// The last attempt that failed.
    pub last_error: Option<LastError>,
}

/// How a handler stands, from well to worst.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A member of its group, and nothing is wrong.
    Running,
    /// An operator has paused it, and nothing is wrong.
    Paused,
    /// Something keeps messages from moving.
    Troubled,
    /// Not a member of its group yet. Goes on by itself once the reason is gone.
    Waiting,
    /// Over until the configuration is reloaded or the daemon restarted.
    Failed,
}

impl State {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::Running,
        Self::Paused,
        Self::Troubled,
        Self::Waiting,
        Self::Failed,
    ];

    /// As it stands in labels.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Troubled => "troubled",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
        }
    }
}

/// The revision that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RunningRevision {
    /// As the log names it.
    pub revision: String,
    /// The SHA-256 of the component's file, in hexadecimal.
    pub component: String,
    /// Since when it runs.
    pub since: u64,
    /// It is on probation.
    pub probation: bool,
}

/// One assigned partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PartitionOverview {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// The next offset to be fetched.
    pub position: i64,
    /// The lowest offset that is not finished.
    pub watermark: i64,
    /// The next offset that is committed.
    pub committed: i64,
    /// Where the partition ends, once that is known.
    pub end: Option<i64>,
    /// Messages that are not finished, to the end.
    pub lag: Option<i64>,
    /// Messages fetched and not finished.
    pub in_flight: usize,
    /// The lowest message that was fetched and is not finished.
    pub oldest: Option<OldestOverview>,
    /// Why it doesn't move, where it has stood still for longer than `stall-after`, or for good.
    pub stalled: Option<String>,
}

/// What a partition's watermark waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OldestOverview {
    /// Its offset.
    pub offset: i64,
    /// `queued`, `calling`, `retrying`, `producing`, `dead-lettering` or `halted`.
    pub stage: String,
    /// The attempt it is at, or that comes next.
    pub attempt: u32,
    /// Since when it has been seen there, to a second.
    pub since: u64,
    /// When the next attempt is due, where it waits for one.
    pub due: Option<u64>,
}

/// What a handler has done since the daemon was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// Messages that it succeeded with.
    pub handled: u64,
    /// Failed attempts that another one follows.
    pub retried: u64,
    /// Messages that were dead-lettered.
    pub dead_lettered: u64,
    /// Messages that were skipped.
    pub skipped: u64,
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LastError {
    /// When.
    pub at: u64,
    /// The message's topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Which attempt it was.
    pub attempt: u32,
    /// The kind of failure.
    pub kind: String,
    /// What it said.
    pub text: String,
    /// What followed: `retried`, `dead-lettered`, `skipped`, `halted` or `fell-back`.
    pub then: String,
}

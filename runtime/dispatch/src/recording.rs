//! What a driver writes down so that a run can be replayed: one header, then a step for each event.
//!
//! A recording is a file of JSON lines, the header first. The simulator replays it: the same events must
//! give the same commands, and their order must be one that its model of the world allows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Checkpoint, Command, Event, Policy};

/// The first line of a recording: which machine was driven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingHeader {
    /// How the machine was configured.
    pub policy: Policy,
    /// What was committed when it started.
    pub start: Checkpoint,
    /// Whose messages it dispatched.
    pub handler: String,
    /// Their topic.
    pub topic: String,
    /// Their partition.
    pub partition: i32,
}

/// A further line of a recording: one event, and what the machine commanded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The time that came with the event.
    pub at: Duration,
    /// What happened.
    pub event: Event,
    /// What was commanded, in its order.
    pub commands: Vec<Command>,
}

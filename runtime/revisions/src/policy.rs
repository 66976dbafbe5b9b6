//! What a handler's configuration asks of the machine.

use std::{num::NonZeroU32, num::NonZeroU64, time::Duration};

use serde::{Deserialize, Serialize};

/// How long a new revision has one before it standing by, and what brings that back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probation {
    /// It has passed after this time.
    pub time: Duration,
    /// It has also passed once it succeeded with so many messages.
    pub messages: Option<NonZeroU64>,
    /// Messages that it could not handle, and the one before could.
    pub votes: NonZeroU32,
}

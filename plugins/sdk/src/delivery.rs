//! What is known of the message being handled, beyond the message itself.

use std::{fmt, time::Duration};

/// Where a message stands. The same however often it is delivered: use its text as an idempotency key.
/// (A message that is written again, to whatever topic, is another message.)
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The offset there.
    pub offset: i64,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

/// Which attempt at this message this is, from 1; 0 outside a message.
pub fn attempt() -> u32 {
    host::attempt()
}

/// How long this message may still take; the instance is stopped after that. Nothing outside a message.
pub fn remaining() -> Duration {
    Duration::from_millis(host::remaining_ms())
}

/// The stable id of this message; `None` outside a message.
pub fn id() -> Option<MessageId> {
    host::id().map(|id| MessageId {
        topic: id.topic,
        partition: id.partition,
        offset: id.offset,
    })
}

/// The revision of this component, as the daemon's log names it.
pub fn revision() -> String {
    host::revision()
}

#[cfg(target_family = "wasm")]
use crate::guest::bindings::pelton::handler::delivery as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::delivery as host;

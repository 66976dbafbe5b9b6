//! The thin safe layer over librdkafka's C interface that consumer and producer stand on.
//!
//! Why not rdkafka's own types: its consumer can't be woken from a poll, panics on header names that are not
//! UTF-8, and hangs on drop while a list of partitions from it is alive; its producers leave no place for the
//! interceptors that transactions need.
//!
//! Invariant: a client outlives its queues, and an event its queue's poll; each is destroyed exactly once.

mod ask;
mod assignment;
mod client;
mod codes;
mod committed;
mod describe;
mod event;
mod failures;
mod interceptors;
mod lines;
mod list;
mod login;
mod queue;
mod transaction;
mod unanswered;

pub(crate) use client::Client;
pub(crate) use codes::of_error;
pub use committed::Committed;
pub(crate) use event::{Event, EventKind, RawMessage, text};
pub(crate) use failures::Failures;
pub(crate) use lines::log;
pub(crate) use list::{List, ListRef, NO_OFFSET};
pub(crate) use login::once as log_in_once;
pub(crate) use queue::Queue;
pub(crate) use transaction::Failure;
pub(crate) use unanswered::{Request, Unanswered};

//! What to do next with each message of a partition: a pure state machine, events in, commands out.
//!
//! No clock, no thread, no async, no Kafka, no wasm. It sees offsets, sizes and key hashes, never bytes;
//! time comes in with each event. So every delivery rule is a plain test, and the simulator
//! (tests/simulator) runs whole groups of this same code from a seed.
//!
//! Invariants kept here, whatever comes in:
//! - a commit never passes an unfinished message, and never goes backwards;
//! - in partition order, the first attempt at a message comes after every earlier message was decided;
//! - a message ends in exactly one way: done, dead-lettered and acknowledged, skipped, or left
//!   uncommitted for whoever owns the partition next.
//!
//! Start reading at [`Event`] and [`Command`], then [`Partition`].
#![forbid(unsafe_code)]

mod command;
mod event;
mod partition;
mod policy;
mod recording;

pub use command::{Attempt, CallId, Command};
pub use event::{Arrival, Event};
pub use partition::{Oldest, Partition, Snapshot, Stage};
pub use policy::{OnExhausted, Policy, Retry};
pub use recording::{RecordingHeader, Step};

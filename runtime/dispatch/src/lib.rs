//! What to do next with each message of a partition: a pure state machine, events in, commands out.
//!
//! No clock, no thread, no async, no Kafka, no wasm. It sees offsets, sizes and key hashes, never bytes;
//! time comes in with each event. So every delivery rule is a plain test, and the simulator
//! (tests/simulator) runs whole groups of this same code from a seed.
//!
//! Invariants kept here, whatever comes in:
//! - a commit never passes an unfinished message, and never goes backwards;
//! - a message is called only after every earlier one that it waits for (all in partition order, those of
//!   its key in key order) was decided;
//! - what is finished beyond the committed offset stands in the commit's metadata, and is not called again;
//! - a message ends in exactly one way: done, dead-lettered and acknowledged, skipped, or left
//!   uncommitted for whoever owns the partition next.
//!
//! Start reading at [`Event`] and [`Command`], then [`Partition`].
#![forbid(unsafe_code)]

mod checkpoint;
mod command;
mod event;
mod member;
mod partition;
mod policy;
mod recording;

pub use checkpoint::{Checkpoint, Progress, Tried, Unreadable, Written};
pub use command::{Attempt, CallId, Command};
pub use event::{Arrival, Event, Outcome};
pub use member::{
    AssignmentId, Ended, Member, MemberCommand, MemberEvent, TransactionPolicy, Trouble,
};
pub use partition::{Oldest, Partition, Snapshot, Stage};
pub use policy::{Guarantee, OnExhausted, Order, Policy, Retry};
pub use recording::{RecordingHeader, Step};

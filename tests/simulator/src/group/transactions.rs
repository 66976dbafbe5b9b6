//! Whole groups under `guarantee = "exactly-once"`: members with a transactional producer each, a transaction
//! coordinator of the old protocol (no KIP-890 second part), requests that are lost or arrive too late, processes
//! that die, freeze and thaw.
//!
//! The judge believes no machine. What a `read_committed` reader sees and what the group's offsets say must be the
//! same after every transaction: a message is told finished exactly when all of its outputs, or its dead letter, are
//! visible, once. Whoever goes on from there can then neither lose nor repeat anything.

mod broker;
mod calling;
mod chaos;
mod client;
mod driver;
mod group;
mod judge;
mod member;
mod plan;
mod queue;
mod run;
mod seen;
mod world;
mod writing;

pub use self::{
    run::{DriverFault, Options, run_many, run_seed},
    seen::{Coverage, Seen},
};

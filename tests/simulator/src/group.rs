//! Whole consumer groups: a log, a coordinator, members that come, go and die, and a broker that fails.
//!
//! Everything happens in virtual time, in one thread, from one seed; the same seed gives the same run.
//! Two judges watch: the [`Model`](crate::model::Model) each machine's steps, and the ledger what really
//! landed at the broker. The ledger does not believe any machine: a commit must be covered by facts.

mod behaviour;
mod broker;
mod calling;
mod chaos;
mod coordinator;
mod coverage;
mod driver;
mod ending;
mod guest;
mod ledger;
mod plan;
mod queue;
mod run;
mod topic;
mod trace;
pub mod transactions;
mod world;
mod writing;

pub use self::{
    coverage::{Coverage, Seen},
    run::{Failure, Options, Recorded, run_many, run_seed},
};

//! What an operator does at the brokers themselves, with no daemon at hand: dead letters looked at and redriven, and the
//! offsets of groups.
//!
//! It knows nothing of the daemon. Everything here blocks, and is to be called from a thread that may, within a tokio
//! runtime.
//!
//! Invariant: nothing is changed but by what says so: [`letters::redrive`], [`letters::purge`] and [`offsets::reset`].
//!
//! Start reading at [`letters`]; `reach.rs` is how its brokers are reached.
#![forbid(unsafe_code)]

pub mod letters;
pub mod offsets;
mod reach;

pub use reach::{Error, Reach};

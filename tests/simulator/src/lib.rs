//! Whole consumer groups in one thread, from a seed: the proof of dispatch.
//!
//! [`model`] says what may happen to a machine and what it must do; [`replay`] holds recordings of real
//! runs against it. Both watch the code that ships, [`pelton_dispatch::Partition`].
//! [`revisions`] does the same for the other machine, [`pelton_revisions::Revisions`].
#![forbid(unsafe_code)]

pub mod group;
pub mod machine;
pub mod model;
pub mod replay;
pub mod revisions;

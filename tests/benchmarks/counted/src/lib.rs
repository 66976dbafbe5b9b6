//! Fixed work for the pure rooms: the instructions of the program beside are counted, and criterion times it.
//!
//! Invariant: nothing in it depends on time, chance or the machine.
#![forbid(unsafe_code)]

pub mod codec;
pub mod dispatch;

//! The machine of a handler's component, event by event.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test program: its helpers fail as loudly as its tests"
)]

mod configured;
mod files;
mod kept;
mod naive;
mod probation;
mod support;

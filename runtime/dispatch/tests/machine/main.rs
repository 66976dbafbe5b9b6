//! The delivery rules, each as a plain test of the machine, and the machine against a naive model.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod calls;
mod drains;
mod failures;
mod lanes;
mod member;
mod naive;
mod offsets;
mod pauses;
mod probation;
mod progress;
mod support;
mod swaps;
mod transactions;

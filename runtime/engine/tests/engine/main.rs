//! The engine with real components: guests written as text, made components as any core module is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy's leave for tests does not reach their helpers"
)]

mod attribution;
mod faults;
mod http;
mod instances;
mod isolation;
mod loading;
mod logging;
mod support;
mod verdicts;
mod wasi;

//! Runs components. The only room that names wasmtime. It knows nothing of Kafka, nor of what follows an outcome.
//!
//! [`Engine::load`] makes bytes a [`Revision`]: compiled, its imports satisfied, its exports checked.
//! [`Revision::call`] gives messages to it and brings back an [`Outcome`] for each.
//!
//! Invariants:
//! - Whatever a guest does, the daemon goes on: each way of going wrong ends as an [`Outcome`] of a message
//!   or an error of loading, and no guest holds a thread for longer than about two milliseconds at a time.
//! - An instance that has failed (trap, limit, broken contract) or whose call was dropped is never used again.
//! - A guest sees only what it was granted: its messages, its settings, a log, clocks and random numbers, and of
//!   the network the origins of its grants.
//!
//! Start reading at `revision.rs`; `packed.rs` and `simple.rs` are the two ways to call a guest.
// Not `forbid`: `code.rs` and `compile/descriptors.rs` are the two files that may, and say why.
#![deny(unsafe_code)]

mod backtrace;
mod bindings;
mod cache;
mod call;
mod code;
mod compile;
mod debug;
mod engine;
mod env;
mod error;
mod fault;
mod file;
mod frozen;
mod host;
mod http;
mod inspect;
mod instance;
mod journal;
mod limiter;
mod load;
mod log_budget;
mod meter;
mod packed;
mod revision;
mod simple;
mod slots;
mod state;
mod text;
mod ticker;

pub use cache::CacheSettings;
pub use call::{Answer, Call, Curtail, Outcome};
pub use compile::{Bounds, ChildCompiler, Compilations, Compiler, FRUGAL, Waits, serve};
pub use engine::{CompilationCounts, Engine, EngineSettings};
pub use env::{Grants, HandlerEnv, Isolation, Limits};
pub use error::{Error, LoadError, TrialError};
pub use http::{Addresses, Answers, Canned, CannedAnswer, CannedError, CannedPart, Names, Network};
pub use inspect::{Import, Inspection, Interface};
pub use revision::Revision;

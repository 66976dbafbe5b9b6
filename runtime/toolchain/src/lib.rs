//! Makes a new handler's project; finds the toolchain that builds handlers written in Rust, installs it where it is
//! missing, and builds a handler's source folder into a `.wasm` file that the daemon loads. It depends on no other room.
//!
//! Two ways lead there, because not every machine reaches Rust's own servers: rustup's target
//! `wasm32-unknown-unknown`, or a distribution's compiler with the standard library's source, which is then
//! built along. [`Toolchain::find`] takes what is there, the former first.
//!
//! Invariant: what an outer cargo or rustup left in the environment does not reach the cargo that builds a
//! guest, and so can't change what comes out.
//!
//! Start reading at [`Toolchain`], then [`Rebuilder`], which says when its source is built anew.
#![forbid(unsafe_code)]

mod artifact;
mod build;
mod environment;
mod find;
mod install;
mod project;
mod rebuild;
mod strip;

pub use artifact::Component;
pub use build::CargoOutput;
pub use find::Toolchain;
pub use project::{create, find_sdk, wrong_name};
pub use rebuild::{Rebuilder, is_behind, place};

/// The target that guests are built for: no WASI, so that nothing is imported but what the contract names.
pub const TARGET: &str = "wasm32-unknown-unknown";

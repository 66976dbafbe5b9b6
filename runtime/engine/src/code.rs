//! From machine code to a component that can be run: the one place where bytes are believed.
#![expect(
    unsafe_code,
    reason = "wasmtime can't check that bytes are its own compiler's output; this file says why ours are"
)]

mod memory;

use wasmtime::{Engine, component::Component};

pub(crate) use self::memory::CodeMemory;

/// Makes machine code runnable. Fails where it is of another version or other settings, and where an instance would
/// take more than this engine has.
pub(crate) fn runnable(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be what `precompile_component` gave. All callers have them from `Workshop::code`: from
    // that function itself, or over a pipe from a child that is this very program and whose answer was complete, or
    // from a file of the cache, which has a seal over every byte that only this user's Pelton can make.
    unsafe { Component::deserialize(engine, code) }
}

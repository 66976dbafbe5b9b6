//! Debug information beside a component: `order.debug.wasm` beside `order.wasm`, as `pelton build` puts it there.

use std::path::Path;

use pelton_engine::{Engine, HandlerEnv, LoadError, Revision};

use super::read_component;

/// Loads what was read from a component's file, with the debug information beside that file, if there is some.
///
/// # Errors
/// What is wrong with the component.
pub fn load_component(
    engine: &Engine,
    file: &Path,
    bytes: &[u8],
    env: &HandlerEnv,
) -> Result<Revision, LoadError> {
    let beside = file.with_extension("debug.wasm");
    // Most components have none, and one that can't be read is missed only when something traps.
    let debug = read_component(&beside, engine.max_component_bytes()).ok();
    engine.load_with_debug(bytes, debug.as_deref(), env)
}

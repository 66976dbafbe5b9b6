//! The compiler's work. It runs where it may take long and may end the process: see [`super::Compiler`].

use std::panic::{AssertUnwindSafe, catch_unwind};

use wit_component::ComponentEncoder;

use super::{described, sections};
use crate::{
    error::LoadError,
    file::{ComponentFile, Form},
    load::REASON_BYTES,
    text::bounded,
};

/// Compiles a component, or a core module that says what its functions mean.
pub(super) fn compile(
    wasm: &wasmtime::Engine,
    file: &ComponentFile<'_>,
) -> Result<Vec<u8>, LoadError> {
    let encoded;
    let component = match file.form {
        Form::CoreModule => {
            encoded = encode(wasm, file.bytes)?;
            encoded.as_slice()
        }
        Form::Component if sections::too_deep(file.bytes) => {
            let levels = sections::LEVELS;
            return Err(invalid(&format!(
                "it has components within components on more than {levels} levels"
            )));
        }
        Form::Component => file.bytes,
    };
    // A compiler that gives up on a file must not take the thread along.
    let compiled = catch_unwind(AssertUnwindSafe(|| wasm.precompile_component(component)));
    compiled
        .unwrap_or_else(|_| Err(wasmtime::Error::msg("the compiler gave up on it")))
        .map_err(|error| invalid(&format!("{error:#}")))
}

/// Makes a component of a core module, in memory.
fn encode(wasm: &wasmtime::Engine, module: &[u8]) -> Result<Vec<u8>, LoadError> {
    // The encoder expects a compiler's output: given a truncated module it panics.
    wasmtime::Module::validate(wasm, module).map_err(|error| invalid(&format!("{error:#}")))?;
    let encoded = catch_unwind(|| {
        if !described::check(module).map_err(|reason| invalid(&reason))? {
            return Err(LoadError::NoComponentType);
        }
        ComponentEncoder::default()
            .validate(true)
            .module(module)
            .and_then(|mut encoder| encoder.encode())
            .map_err(|error| not_encoded(&format!("{error:#}")))
    });
    encoded.unwrap_or_else(|_| Err(not_encoded("the encoder gave up on it")))
}

fn invalid(reason: &str) -> LoadError {
    LoadError::Invalid {
        reason: bounded(reason, REASON_BYTES),
    }
}

fn not_encoded(reason: &str) -> LoadError {
    let hint = if reason.contains("wasi_snapshot_preview1") {
        "it uses WASI 0.1: build it for wasm32-wasip2 or wasm32-unknown-unknown instead, or add the \
         adapter with `wasm-tools component new --adapt`"
    } else {
        "build it with the SDK, or with wit-bindgen against the WIT of this version"
    };
    LoadError::Encode {
        reason: bounded(reason, REASON_BYTES),
        hint: hint.to_owned(),
    }
}

//! What guests may import, and nothing else.

mod batch;
mod delivery;
mod log;
mod settings;
mod types;
pub(crate) mod wasi;

use wasmtime::component::{HasSelf, Linker};

use crate::{bindings::pelton::handler, state::State};

/// The interfaces of our own package that are granted.
const OWN: [&str; 5] = ["batch", "delivery", "log", "settings", "types"];
/// The packages of WASI 0.2 that are granted; files and sockets are there, and empty.
const WASI: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];

/// A linker that satisfies every import that is granted.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    handler::types::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    handler::delivery::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    handler::log::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    handler::settings::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    handler::batch::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// Whether an import of this name is granted, whatever its version.
pub(crate) fn grants(import: &str) -> bool {
    let name = import.split_once('@').map_or(import, |(name, _)| name);
    let Some((package, interface)) = name.split_once('/') else {
        return false;
    };
    match package.split_once(':') {
        Some(("pelton", "handler")) => OWN.contains(&interface),
        Some(("wasi", package)) => WASI.contains(&package),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::grants;

    #[test]
    fn grants_by_interface_and_by_nothing_else() {
        assert!(grants("pelton:handler/log@0.1.0"));
        assert!(grants("wasi:io/streams@0.2.6"));
        assert!(!grants("wasi:http/outgoing-handler@0.2.0"));
        assert!(!grants("pelton:handler/secrets@0.1.0"));
        assert!(!grants("pelton:handler"));
        assert!(!grants("log"));
    }
}

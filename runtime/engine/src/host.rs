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

/// What to do about an import that is not granted.
pub(crate) fn remedy(import: &str) -> &'static str {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    if name.starts_with("pelton:handler/") {
        "the contract of this version has no such interface; build against its WIT"
    } else if name.starts_with("wasi:") && version.starts_with("0.3") {
        "WASI 0.3 is not offered; build for wasm32-wasip2"
    } else if name.starts_with("wasi:http/") {
        "no line of the configuration grants HTTP in this version"
    } else {
        "no line of the configuration grants it"
    }
}

#[cfg(test)]
mod tests {
    use super::{grants, remedy};

    #[test]
    fn grants_by_interface_and_by_nothing_else() {
        assert!(grants("pelton:handler/log@0.1.0"));
        assert!(grants("wasi:io/streams@0.2.6"));
        assert!(!grants("wasi:http/outgoing-handler@0.2.0"));
        assert!(!grants("pelton:handler/secrets@0.1.0"));
        assert!(!grants("pelton:handler"));
        assert!(!grants("log"));
    }

    #[test]
    fn a_remedy_fits_the_import() {
        assert!(remedy("pelton:handler/secrets@0.1.0").contains("WIT"));
        assert!(remedy("wasi:cli/stdout@0.3.0").contains("wasip2"));
        assert!(remedy("wasi:http/outgoing-handler@0.2.0").contains("HTTP"));
        assert!(remedy("acme:x/y").contains("no line"));
    }
}

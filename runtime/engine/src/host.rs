//! What guests may import, and nothing else.

mod batch;
mod delivery;
pub(crate) mod http;
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
/// The interfaces of `wasi:http` that a grant gives.
const HTTP: [&str; 2] = ["outgoing-handler", "types"];

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

/// The same, with what is there where HTTP is granted.
pub(crate) fn http_linker(linker: &Linker<State>) -> wasmtime::Result<Linker<State>> {
    let mut linker = linker.clone();
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// Who may import something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Every handler.
    Given,
    /// One with a grant of HTTP.
    ByHttp,
    /// None.
    Refused,
}

/// Who may import what has this name, whatever its version.
pub(crate) fn standing(import: &str) -> Standing {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    let Some((package, interface)) = name.split_once('/') else {
        return Standing::Refused;
    };
    let given = match package.split_once(':') {
        Some(("wasi", "http")) if HTTP.contains(&interface) && !version.starts_with("0.3") => {
            return Standing::ByHttp;
        }
        Some(("pelton", "handler")) => OWN.contains(&interface),
        Some(("wasi", package)) => WASI.contains(&package),
        _ => false,
    };
    match given {
        true => Standing::Given,
        false => Standing::Refused,
    }
}

/// The line of the configuration that grants HTTP to a handler.
pub(crate) fn http_grant(handler: &str) -> String {
    format!("http = [\"https://HOST\"] in [handlers.{handler}.grants]")
}

/// What to do about an import that is granted to no handler.
pub(crate) fn remedy(import: &str) -> &'static str {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    if name.starts_with("pelton:handler/") {
        "the contract of this version has no such interface; build against its WIT"
    } else if name.starts_with("wasi:") && version.starts_with("0.3") {
        "WASI 0.3 is not offered; build for wasm32-wasip2"
    } else if name.starts_with("wasi:http/") {
        "of HTTP only outgoing requests can be granted"
    } else {
        "no line of the configuration grants it"
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing, remedy, standing};

    #[test]
    fn an_import_is_judged_by_its_interface_and_by_nothing_else() {
        assert_eq!(standing("pelton:handler/log@0.1.0"), Standing::Given);
        assert_eq!(standing("wasi:io/streams@0.2.6"), Standing::Given);
        assert_eq!(
            standing("wasi:http/outgoing-handler@0.2.0"),
            Standing::ByHttp
        );
        assert_eq!(standing("wasi:http/types@0.2.4"), Standing::ByHttp);
        assert_eq!(standing("wasi:http/types@0.3.0"), Standing::Refused);
        assert_eq!(
            standing("wasi:http/incoming-handler@0.2.0"),
            Standing::Refused
        );
        assert_eq!(standing("pelton:handler/secrets@0.1.0"), Standing::Refused);
        assert_eq!(standing("pelton:handler"), Standing::Refused);
        assert_eq!(standing("log"), Standing::Refused);
    }

    #[test]
    fn a_remedy_fits_the_import() {
        assert!(remedy("pelton:handler/secrets@0.1.0").contains("WIT"));
        assert!(remedy("wasi:cli/stdout@0.3.0").contains("wasip2"));
        assert!(remedy("wasi:http/incoming-handler@0.2.0").contains("outgoing"));
        assert!(remedy("acme:x/y").contains("no line"));
    }
}

//! Where a guest was when it trapped, in a few words: functions, innermost first, each with its source line where the
//! component, or the file of debug information beside it, has them.

use wasmtime::WasmBacktrace;

/// Frames of a backtrace that are told.
const FRAMES: usize = 6;
/// Crates and symbols between a guest's mistake and its trap, which tell nobody anything.
const MACHINERY: [&str; 9] = [
    "std",
    "core",
    "alloc",
    "dlmalloc",
    "__rustc",
    "__rust_start_panic",
    "rust_begin_unwind",
    "rust_panic",
    "abort",
];

/// `a (src/a.rs:1:2) < b < c`; empty where nothing is known.
pub(crate) fn told(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    // Only the backtrace's own text has demangled names.
    let mut frames = frames(&backtrace.to_string());
    let guilty = frames.iter().position(|frame| !is_machinery(&frame.name));
    frames.drain(..guilty.unwrap_or(frames.len()));
    let mut told: Vec<String> = frames.iter().map(Frame::told).collect();
    told.dedup();
    told.truncate(FRAMES);
    told.join(" < ")
}

#[derive(Debug, PartialEq, Eq)]
struct Frame {
    name: String,
    place: Option<String>,
}

impl Frame {
    fn told(&self) -> String {
        match &self.place {
            Some(place) => format!("{} ({place})", self.name),
            None => self.name.clone(),
        }
    }
}

/// Reads lines such as `  0: 0x1a2b - module!function`, or `  0: 0x1a2b - function` and `       - inlined one`, each of
/// these two with a line `    at file:line:column` behind it.
fn frames(text: &str) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for line in text.lines() {
        if let Some(place) = line.trim_start().strip_prefix("at ") {
            if let Some(frame) = frames.last_mut() {
                frame.place = Some(place.to_owned());
            }
        } else if let Some((_, name)) = line.split_once("- ") {
            frames.push(Frame {
                name: without_hashes(without_module(name)),
                place: None,
            });
        }
    }
    frames
}

/// The function of `module!function`, where a module without a name is `<unknown>`. Rust's names have the mark within
/// themselves, as the type that never is.
fn without_module(name: &str) -> &str {
    match name.split_once('!') {
        Some(("<unknown>", function)) => function,
        Some((module, function)) if !module.contains([':', '<', ' ']) => function,
        _ => name,
    }
}

fn is_machinery(name: &str) -> bool {
    let path = name.trim_start_matches('<');
    let root = path.split_once("::").map_or(path, |(root, _)| root);
    MACHINERY.contains(&root)
}

/// Rust's symbols have hashes that tell nobody anything: one behind the crate's name
/// (`std[0123456789abcdef]::path`), or one at the end (`path::h0123456789abcdef`).
fn without_hashes(name: &str) -> String {
    let is_hash = |text: &str| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let path = match name.rsplit_once("::h") {
        Some((path, hash)) if is_hash(hash) => path,
        _ => name,
    };
    let mut parts = path.split('[');
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((hash, rest)) if is_hash(hash) => short.push_str(rest),
            _ => {
                short.push('[');
                short.push_str(part);
            }
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_left_out_and_machinery_is_known() {
        assert_eq!(without_hashes("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(without_hashes("a::hello"), "a::hello");
        assert_eq!(
            without_hashes("<std[0123456789abcdef]::X as alloc[fedcba9876543210]::Y>::z"),
            "<std::X as alloc::Y>::z"
        );
        assert_eq!(without_hashes("a::b<[u8; 3]>"), "a::b<[u8; 3]>");
        assert_eq!(without_module("shop!shop::price"), "shop::price");
        assert_eq!(without_module("<unknown>!shop::price"), "shop::price");
        let never = "std::sys::backtrace::__rust_end_short_backtrace::<std::A, !>";
        assert_eq!(without_module(never), never);
        assert!(is_machinery("std::alloc::rust_oom") && is_machinery("<core::A as B>::c"));
        assert!(!is_machinery("shop::abort") && !is_machinery("standard::add"));
    }

    #[test]
    fn functions_and_their_places_are_read() {
        let text = "error while executing at wasm backtrace:\n    0:   0x1a2b - shop!shop::price\n    1:     0x7f - \
                    shop::total\n                    at /shop/src/lib.rs:7:9\n                - shop::handle\n      \
                    \u{20}             at /shop/src/lib.rs:3:1";
        let frame = |name: &str, place: Option<&str>| Frame {
            name: name.to_owned(),
            place: place.map(str::to_owned),
        };
        assert_eq!(
            frames(text),
            [
                frame("shop::price", None),
                frame("shop::total", Some("/shop/src/lib.rs:7:9")),
                frame("shop::handle", Some("/shop/src/lib.rs:3:1")),
            ]
        );
    }
}

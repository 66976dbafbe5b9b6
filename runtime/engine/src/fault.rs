//! What to say about a guest that ended badly: which limit it hit, where it trapped, what it last said.

use pelton_types::{Failure, FailureKind};
use wasmtime::WasmBacktrace;

use crate::{meter::Halt, state::State, text::bounded};

/// Frames of a backtrace that are told.
const FRAMES: usize = 6;
/// Bytes of the whole text.
const TEXT_BYTES: usize = 2048;
/// What wasmtime says about a call in which the guest handed over too much; its type is not public.
const TOO_MUCH_DATA: &str = "too much data is being copied between the host and the guest";
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

/// The failure of the message that an instance was at.
pub(crate) fn failure(halt: &Halt, state: &State) -> Failure {
    state.end_lines();
    let (kind, mut text) = match halt {
        _ if state.meter.is_over() => {
            let limit = state.env.limits.time_per_message;
            (FailureKind::TimeLimit, format!("ran longer than {limit:?}"))
        }
        Halt::Waiting => (FailureKind::TimeLimit, "waited for too long".to_owned()),
        Halt::Guest(error) => match state.limiter.refused() {
            Some(refused) => (FailureKind::MemoryLimit, refused.to_owned()),
            None => match reason(error) {
                said if said.starts_with(TOO_MUCH_DATA) => {
                    let limit = state.env.limits.host_call_bytes;
                    let text = format!("handed the host more than {limit} bytes in one call");
                    (FailureKind::HostCallLimit, text)
                }
                said => (FailureKind::Trap, said),
            },
        },
    };
    match halt {
        Halt::Guest(error) => text.push_str(&place(error)),
        Halt::Waiting => text.push_str(", waiting for the host"),
    }
    if let Some(words) = state.journal.last_words() {
        text.push_str("; its last words: ");
        text.push_str(&words);
    }
    Failure::new(kind, bounded(&text, TEXT_BYTES))
}

/// Why, without where.
fn reason(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(trap) => trap.to_string().replacen("wasm trap: ", "", 1),
        None => error.root_cause().to_string(),
    }
}

/// Where, innermost function first: `, in a < b < c`.
fn place(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    // Only the backtrace's own text has demangled names: `  0: 0x1a2b - module!function`.
    let text = backtrace.to_string();
    let names: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_once(" - "))
        .map(|(_, name)| name.split_once('!').map_or(name, |(_, function)| function))
        .map(without_hashes)
        .collect();
    let mut told: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .skip_while(|name| is_machinery(name))
        .collect();
    told.dedup();
    told.truncate(FRAMES);
    if told.is_empty() {
        String::new()
    } else {
        format!(", in {}", told.join(" < "))
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
        assert!(is_machinery("std::alloc::rust_oom") && is_machinery("<core::A as B>::c"));
        assert!(!is_machinery("shop::abort") && !is_machinery("standard::add"));
    }
}

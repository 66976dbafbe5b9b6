//! What to say about a guest that ended badly: which limit it hit, where it trapped, what it last said.

use pelton_types::{Failure, FailureKind};
use wasmtime::WasmBacktrace;

use crate::{journal::cut, meter::Halt, state::State};

/// Frames of a backtrace that are told.
const FRAMES: usize = 6;
/// Bytes of the whole text.
const TEXT_BYTES: usize = 2048;
/// Functions between a guest's mistake and its trap, which tell nobody anything.
const MACHINERY: [&str; 6] = [
    "panicking",
    "rust_begin_unwind",
    "__rust",
    "rust_panic",
    "handle_alloc_error",
    "abort",
];

/// The failure of the message that an instance was at.
pub(crate) fn failure(halt: &Halt, state: &State) -> Failure {
    let (kind, mut text) = match halt {
        _ if state.meter.is_over() => {
            let limit = state.env.limits.time_per_message;
            (FailureKind::TimeLimit, format!("ran longer than {limit:?}"))
        }
        Halt::Waiting => (FailureKind::TimeLimit, "waited for too long".to_owned()),
        Halt::Guest(error) => match state.limiter.refused() {
            Some(refused) => (FailureKind::MemoryLimit, refused.to_owned()),
            None => (FailureKind::Trap, reason(error)),
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

/// A text of a guest's or about one, not longer than so many bytes.
pub(crate) fn bounded(text: &str, bytes: usize) -> String {
    let short = cut(text, bytes);
    if short.len() == text.len() {
        short.to_owned()
    } else {
        format!("{short}… (cut)")
    }
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
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once(" - "))
        .map(|(_, name)| name.split_once('!').map_or(name, |(_, function)| function))
        .map(without_hash)
        .collect();
    let told = names
        .iter()
        .position(|name| !MACHINERY.iter().any(|part| name.contains(part)));
    let names: Vec<&str> = names
        .into_iter()
        .skip(told.unwrap_or(0))
        .take(FRAMES)
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(", in {}", names.join(" < "))
    }
}

/// Rust's symbols end in a hash that tells nobody anything: `path::function::h0123456789abcdef`.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            path
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_left_out_and_texts_are_bounded() {
        assert_eq!(without_hash("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(without_hash("a::hello"), "a::hello");
        assert_eq!(bounded("short", 10), "short");
        assert_eq!(bounded("ééé", 3), "é… (cut)");
    }
}

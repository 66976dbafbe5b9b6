//! What to say about a guest that ended badly: which limit it hit, where it trapped, what it last said.

use pelton_types::{Failure, FailureKind};

use crate::{backtrace, meter::Halt, state::State, text::bounded};

/// Bytes of the whole text.
const TEXT_BYTES: usize = 2048;
/// What wasmtime says about a call in which the guest handed over too much; its type is not public.
const TOO_MUCH_DATA: &str = "too much data is being copied between the host and the guest";
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
        Halt::Guest(error) => match backtrace::told(error) {
            place if place.is_empty() => {}
            place => text.push_str(&format!(", in {place}")),
        },
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

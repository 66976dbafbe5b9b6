//! Log lines that show messages as they pass, for development. Costs nothing unless they are asked for.

use bytes::Bytes;
use pelton_types::{Message, Output};
use tracing::{debug, enabled};

/// The log target of these lines.
const TARGET: &str = "pelton::message";
/// Longest text shown of a key or value, in characters.
const SHOWN: usize = 160;

pub(super) fn input(handler: &str, message: &Message) {
    if enabled!(target: TARGET, tracing::Level::DEBUG) {
        let (key, value) = (text(message.key.as_ref()), text(message.value.as_ref()));
        debug!(target: TARGET, handler, id = %message.id(), key, value, "in");
    }
}

pub(super) fn output(handler: &str, from: &Message, topic: &str, output: &Output) {
    if enabled!(target: TARGET, tracing::Level::DEBUG) {
        let (key, value) = (text(output.key.as_ref()), text(output.value.as_ref()));
        debug!(target: TARGET, handler, id = %from.id(), to = topic, key, value, "out");
    }
}

fn text(bytes: Option<&Bytes>) -> String {
    bytes.map_or_else(
        || "null".to_owned(),
        |bytes| String::from_utf8_lossy(bytes).chars().take(SHOWN).collect(),
    )
}

//! Shouts: what comes in goes out in capitals.

use pelton_sdk::{Failure, Message, OrFail, Output};

#[pelton_sdk::handler]
fn handle(message: &Message) -> Result<Option<Output>, Failure> {
    if message.is_tombstone() {
        return Ok(None); // Filtered: nothing is produced, and the message is done.
    }
    let text = message.value_str().or_reject("the value is not text")?; // Dead-lettered.
    let output = Output::forward() // The same key, value and headers, to the first of `outputs` …
        .value(text.to_uppercase()) // … but for the value.
        .header("handled-by", env!("CARGO_PKG_NAME"));
    Ok(Some(output))
}

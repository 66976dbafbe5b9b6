//! Waits for the host, as a handler does that asks another service: the value says what to do with a message,
//! and whatever is waited for, the message is forwarded as it is.
//!
//! | value | what happens |
//! |---|---|
//! | `wait:MS` | waits so many milliseconds |
//! | `fail-until:N` | fails until attempt N |
//! | `fail` | fails |
//!
//! More may follow after a blank, so that values can differ.

use pelton_sdk::{Failure, Message, OrFail, Output};

#[pelton_sdk::handler]
fn handle(message: &Message) -> Result<Output, Failure> {
    let value = message.value_str().unwrap_or_default();
    let command = value.split(' ').next().unwrap_or_default();
    match command.split_once(':').unwrap_or((command, "")) {
        ("wait", millis) => host::wait(number(millis)?),
        ("fail-until", attempt) if u64::from(message.attempt()) < number(attempt)? => {
            return Err(Failure::other("not yet"));
        }
        ("fail", _) => return Err(Failure::other("as told")),
        _ => {}
    }
    Ok(Output::forward())
}

fn number(text: &str) -> Result<u64, Failure> {
    text.parse().or_reject("the command needs a number")
}

#[cfg(target_arch = "wasm32")]
mod host {
    #![allow(missing_docs, unsafe_code, reason = "generated from WASI's interfaces")]
    wit_bindgen::generate!({
        path: "../wasi.wit",
        world: "pelton:guests/waits",
        generate_all,
    });

    pub fn wait(millis: u64) {
        wasi::clocks::monotonic_clock::subscribe_duration(millis.saturating_mul(1_000_000)).block();
    }
}

/// Tests of this guest's own have no host, and nothing to wait for.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    pub fn wait(_millis: u64) {}
}

#[cfg(test)]
mod tests {
    use pelton_sdk::testing::TestMessage;

    use super::*;

    #[test]
    fn forwards_fails_and_waits_as_told() {
        let told = |value: &str| TestMessage::new("in").value(value).handle(handle);
        assert_eq!(told("wait:3 n").unwrap()[0].value_str(), Some("wait:3 n"));
        assert_eq!(told("fail n"), Err(Failure::other("as told")));
        assert_eq!(told("fail-until:2"), Err(Failure::other("not yet")));
        assert!(told("wait:x").unwrap_err().is_reject());
    }
}

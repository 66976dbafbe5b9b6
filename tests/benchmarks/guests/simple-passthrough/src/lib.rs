//! The benchmark's work `passthrough` without an SDK: one message a call.

mod bindings {
    #![allow(missing_docs, unsafe_code, reason = "generated from the contract")]
    wit_bindgen::generate!({ path: "../../../../wit", world: "handler" });
    export!(Component with_types_in self);
    use super::Component;
}

use bindings::exports::pelton::handler::simple_handler::{Failure, Guest, Message, Output};

struct Component;

impl Guest for Component {
    fn handle(message: Message) -> Result<Vec<Output>, Failure> {
        Ok(vec![Output {
            topic: None,
            partition: None,
            timestamp: None,
            key: message.key,
            value: message.value,
            headers: message.headers,
        }])
    }
}

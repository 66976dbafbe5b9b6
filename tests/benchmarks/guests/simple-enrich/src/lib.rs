//! The benchmark's work `enrich` without an SDK: one message a call.

mod bindings {
    #![allow(missing_docs, unsafe_code, reason = "generated from the contract")]
    wit_bindgen::generate!({ path: "../../../../wit", world: "handler" });
    export!(Component with_types_in self);
    use super::Component;
}

use bindings::exports::pelton::handler::simple_handler::{Failure, Guest, Message, Output};
use pelton_bench_work::{COPIED_HEADER, enrich};

struct Component;

impl Guest for Component {
    fn handle(message: Message) -> Result<Vec<Output>, Failure> {
        let mut value = Vec::new();
        let kept = enrich(message.value.as_deref().unwrap_or_default(), &mut value)
            .map_err(|error| Failure::Reject(error.to_string()))?;
        if !kept {
            return Ok(Vec::new());
        }
        let mut headers = message.headers;
        headers.retain(|header| header.name == COPIED_HEADER);
        Ok(vec![Output {
            topic: None,
            partition: None,
            timestamp: None,
            key: message.key,
            value: Some(value),
            headers,
        }])
    }
}

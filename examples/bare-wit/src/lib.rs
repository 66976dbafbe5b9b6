//! A handler written against the contract itself, without an SDK: it exports `simple-handler` and nothing
//! else. What `wit-bindgen` generates here, its siblings generate for other languages.
//!
//! It shouts: the value in capitals, everything else as it was.

mod bindings {
    #![allow(missing_docs, unsafe_code, reason = "generated from the contract")]
    wit_bindgen::generate!({ path: "../../wit", world: "handler" });
    export!(Component with_types_in self);
    use super::Component;
}

use bindings::exports::pelton::handler::simple_handler::{Failure, Guest, Message, Output};

struct Component;

impl Guest for Component {
    fn handle(message: Message) -> Result<Vec<Output>, Failure> {
        Ok(vec![shout(message)])
    }
}

/// The message in capitals, for the default topic.
fn shout(message: Message) -> Output {
    Output {
        topic: None,
        partition: None,
        timestamp: None,
        key: message.key,
        value: message.value.map(|value| value.to_ascii_uppercase()),
        headers: message.headers,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        bindings::pelton::handler::types::{Header, Timestamp},
        *,
    };

    fn message(value: Option<&str>) -> Message {
        Message {
            topic: "user-events".to_owned(),
            partition: 0,
            offset: 0,
            timestamp: Timestamp::None,
            key: Some(b"user-123".to_vec()),
            value: value.map(|value| value.as_bytes().to_vec()),
            headers: vec![Header {
                name: "source".to_owned(),
                value: None,
            }],
        }
    }

    #[test]
    fn the_value_is_in_capitals_and_the_rest_as_it_was() {
        let output = shout(message(Some(r#"{"event":"login"}"#)));
        assert_eq!(
            output.value.as_deref(),
            Some(br#"{"EVENT":"LOGIN"}"#.as_slice())
        );
        assert_eq!(output.key.as_deref(), Some(b"user-123".as_slice()));
        assert_eq!(
            (output.headers.len(), output.headers[0].value.as_ref()),
            (1, None)
        );
    }

    #[test]
    fn a_tombstone_stays_one() {
        assert_eq!(shout(message(None)).value, None);
    }
}

//! What a dead letter looks like (delivery rule 19).
//!
//! Key, value, timestamp and headers stay as they were, nulls and duplicates included; what happened
//! is added in headers of our own, which replace those of an earlier time so that they don't pile up.

use pelton_types::{Failure, Header, Message, Output};

/// The prefix of every header that Pelton adds to a dead letter.
const PREFIX: &str = "pelton-dlq-";
/// Longest error text in a header, in bytes.
const TEXT_LIMIT: usize = 4096;

/// Why a message is dead-lettered, and where.
pub(crate) struct Why<'a> {
    pub group: &'a str,
    pub handler: &'a str,
    pub revision: &'a str,
    pub attempts: u32,
    pub failure: &'a Failure,
}

/// The dead letter of a message.
pub(crate) fn output(message: &Message, why: &Why<'_>) -> Output {
    let mut headers: Vec<Header> = message
        .headers
        .iter()
        .filter(|h| !h.name.starts_with(PREFIX.as_bytes()))
        .cloned()
        .collect();
    headers.extend(
        added(message, why).map(|(name, value)| Header::new(format!("{PREFIX}{name}"), value)),
    );
    Output {
        topic: None,
        partition: None,
        timestamp: message.timestamp.millis(),
        key: message.key.clone(),
        value: message.value.clone(),
        headers,
    }
}

fn added(message: &Message, why: &Why<'_>) -> impl Iterator<Item = (&'static str, String)> {
    [
        ("source-topic", message.topic.to_string()),
        ("source-partition", message.partition.to_string()),
        ("source-offset", message.offset.to_string()),
        ("group", why.group.to_owned()),
        ("handler", why.handler.to_owned()),
        ("revision", why.revision.to_owned()),
        ("attempts", why.attempts.to_string()),
        ("error-kind", why.failure.kind.to_string()),
        ("error-text", truncated(&why.failure.text).to_owned()),
    ]
    .into_iter()
}

fn truncated(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_LIMIT))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use pelton_types::{FailureKind, Timestamp};

    use super::*;

    fn message(headers: Vec<Header>) -> Message {
        Message {
            topic: "orders".into(),
            partition: 3,
            offset: 42,
            timestamp: Timestamp::CreateTime(1_000),
            key: None,
            value: Some(Bytes::new()),
            headers,
        }
    }

    fn letter(message: &Message, text: &str) -> Output {
        let failure = Failure::new(FailureKind::Trap, text);
        output(
            message,
            &Why {
                group: "g",
                handler: "h",
                revision: "abc",
                attempts: 5,
                failure: &failure,
            },
        )
    }

    fn header<'a>(output: &'a Output, name: &str) -> &'a [u8] {
        let found = output
            .headers
            .iter()
            .find(|h| &*h.name == name.as_bytes())
            .expect(name);
        found.value.as_deref().expect("a value")
    }

    #[test]
    fn keeps_what_the_message_was_and_says_what_happened() {
        let null = Header {
            name: Bytes::from_static(b"\xff"),
            value: None,
        };
        let letter = letter(
            &message(vec![null.clone(), null.clone()]),
            "wasm trap: unreachable",
        );
        assert_eq!(letter.headers[..2], [null.clone(), null]);
        assert_eq!(
            (letter.key.as_deref(), letter.value.as_deref()),
            (None, Some(&b""[..]))
        );
        assert_eq!(letter.timestamp, Some(1_000));
        for (name, value) in [
            ("source-topic", "orders"),
            ("source-partition", "3"),
            ("source-offset", "42"),
            ("group", "g"),
            ("handler", "h"),
            ("revision", "abc"),
            ("attempts", "5"),
            ("error-kind", "trap"),
            ("error-text", "wasm trap: unreachable"),
        ] {
            assert_eq!(
                header(&letter, &format!("pelton-dlq-{name}")),
                value.as_bytes(),
                "{name}"
            );
        }
    }

    #[test]
    fn headers_do_not_pile_up_when_a_letter_fails_again() {
        let first = letter(&message(vec![Header::new("kept", "1")]), "first");
        let again = letter(&message(first.headers), "second");
        assert_eq!(again.headers.len(), 10);
        assert_eq!(header(&again, "pelton-dlq-error-text"), b"second");
    }

    #[test]
    fn cuts_a_long_text_at_a_character() {
        let letter = letter(&message(Vec::new()), &"é".repeat(3_000));
        assert_eq!(header(&letter, "pelton-dlq-error-text").len(), 4096);
    }
}

//! What a dead letter looks like (delivery rule 19).
//!
//! Key, value, timestamp and headers stay as they were, nulls and duplicates included; what happened
//! is added in headers of our own, which replace those of an earlier time so that they don't pile up.

use bytes::Bytes;
use pelton_types::{
    Failure, Header, HeaderRef, Message, Output,
    redrive::{DEAD_LETTER_PREFIX as PREFIX, REDRIVES},
};

/// Longest error text in a header, in bytes.
const TEXT_LIMIT: usize = 4096;

/// The largest message that a broker takes unless it is told otherwise.
const LARGEST: usize = 1_048_576;
/// What a batch takes besides its one message's key, value and headers.
const BATCH_OVERHEAD: usize = 4096;
/// What a header takes besides its name and value, at the most.
const HEADER_OVERHEAD: usize = 10;
/// Room for the header that says what was cut.
const CUT_HEADER_BYTES: usize = 256;

/// Why a message is dead-lettered, and where.
pub(crate) struct Why<'a> {
    pub group: &'a str,
    pub handler: &'a str,
    pub revision: &'a str,
    pub attempts: u32,
    /// How often the message was redriven before.
    pub redrives: u32,
    pub failure: &'a Failure,
}

/// The dead letter of a message.
pub(crate) fn output(message: &Message, why: &Why<'_>, largest: usize) -> Output {
    let own = message.headers.only(|header| !is_ours(header));
    let told =
        added(message, why).map(|(name, value)| Header::new(format!("{PREFIX}{name}"), value));
    let redrives = (why.redrives > 0).then(|| Header::new(REDRIVES, why.redrives.to_string()));
    let mut letter = Output {
        topic: None,
        partition: None,
        timestamp: message.timestamp.millis(),
        key: message.key.clone(),
        value: message.value.clone(),
        headers: own.and(told.chain(redrives)),
    };
    cut(&mut letter, largest);
    letter
}

/// Cuts what does not fit, and says so: first the value, then the message's own headers, then the key. One that no broker
/// takes would be written for ever, and its partition stand still.
fn cut(letter: &mut Output, largest: usize) {
    if let Some((value, text)) = too_long(letter, letter.value.as_ref(), largest) {
        letter.value = Some(value);
        letter.headers = letter.headers.and([is_cut(format!("value: {text}"))]);
    }
    if weight(letter) > largest {
        let text = "headers: all of the message's own".to_owned();
        letter.headers = letter.headers.only(is_ours).and([is_cut(text)]);
    }
    if let Some((key, text)) = too_long(letter, letter.key.as_ref(), largest) {
        letter.key = Some(key);
        letter.headers = letter.headers.and([is_cut(format!("key: {text}"))]);
    }
}

/// What of these bytes fits where the letter is too large, and how much of them that is.
fn too_long(letter: &Output, bytes: Option<&Bytes>, largest: usize) -> Option<(Bytes, String)> {
    let over = weight(letter).checked_sub(largest + 1)? + 1;
    let bytes = bytes?;
    let kept = bytes.len().saturating_sub(over + CUT_HEADER_BYTES);
    let text = format!("the first {kept} of {} bytes", bytes.len());
    Some((bytes.slice(..kept), text))
}

/// What a producer and a broker count of it.
fn weight(letter: &Output) -> usize {
    letter.size() + letter.headers.len() * HEADER_OVERHEAD
}

fn is_ours(header: HeaderRef<'_>) -> bool {
    header.name.starts_with(PREFIX.as_bytes())
}

fn is_cut(text: String) -> Header {
    Header::new(format!("{PREFIX}cut"), text)
}

/// The largest dead letter, where topics take batches of so many bytes, and the producer messages of so many.
pub(crate) fn largest(batch: Option<u32>, message: Option<usize>) -> usize {
    let limits = [batch.map(|bytes| bytes as usize), message];
    let least = limits.into_iter().flatten().fold(LARGEST, usize::min);
    least.saturating_sub(BATCH_OVERHEAD)
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
    use pelton_types::{FailureKind, Headers, Timestamp};

    use super::*;

    const LIMIT: usize = LARGEST - BATCH_OVERHEAD;

    fn message(headers: impl Into<Headers>) -> Message {
        Message {
            topic: "orders".into(),
            partition: 3,
            offset: 42,
            timestamp: Timestamp::CreateTime(1_000),
            key: None,
            value: Some(Bytes::new()),
            headers: headers.into(),
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
                redrives: 0,
                failure: &failure,
            },
            LIMIT,
        )
    }

    fn header<'a>(output: &'a Output, name: &str) -> &'a [u8] {
        let mut headers = output.headers.iter();
        let found = headers.find(|header| header.name == name.as_bytes());
        found.expect(name).value.expect("a value")
    }

    #[test]
    fn keeps_what_the_message_was_and_says_what_happened() {
        let null = Header {
            name: Bytes::from_static(b"\xff"),
            value: None,
        };
        let letter = letter(
            &message([null.clone(), null.clone()]),
            "wasm trap: unreachable",
        );
        let kept = letter.headers.iter().take(2);
        assert!(kept.eq(message([null.clone(), null]).headers.iter()));
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
        let first = letter(&message([Header::new("kept", "1")]), "first");
        let again = letter(&message(first.headers), "second");
        assert_eq!(again.headers.len(), 10);
        assert_eq!(header(&again, "pelton-dlq-error-text"), b"second");
    }

    #[test]
    fn cuts_a_long_text_at_a_character() {
        let letter = letter(&message([]), &"é".repeat(3_000));
        assert_eq!(header(&letter, "pelton-dlq-error-text").len(), 4096);
    }

    #[test]
    fn a_letter_that_would_be_too_large_is_cut_and_says_so() {
        let size = 1_048_576;
        let mut large = message([Header::new("kept", "1")]);
        large.value = Some(vec![b'x'; size].into());
        let short = letter(&large, "too large");
        assert!(weight(&short) <= LIMIT);
        let kept = short.value.as_ref().unwrap().len();
        assert!(kept > size - 10_000, "{kept}");
        let said = format!("value: the first {kept} of {size} bytes");
        assert_eq!(header(&short, "pelton-dlq-cut"), said.as_bytes());
        assert_eq!(header(&short, "kept"), b"1");
        let mut headers = message([Header::new("h", vec![b'x'; size])]);
        headers.value = None;
        let short = letter(&headers, "too large");
        assert_eq!((weight(&short) <= LIMIT, &short.value), (true, &None));
    }

    #[test]
    fn whatever_is_large_the_letter_fits() {
        let size = LARGEST;
        let mut all = message(Headers::from_iter(
            (0..50_000).map(|_| Header::new("h", "12345678")),
        ));
        all.value = Some(vec![b'v'; size / 2].into());
        assert!(weight(&letter(&all, "many headers")) <= LIMIT);
        all.key = Some(vec![b'k'; size].into());
        let short = letter(&all, "a long key");
        assert!(weight(&short) <= LIMIT);
        let kept = short.key.as_ref().unwrap().len();
        assert!(kept > size - 10_000, "{kept}");
        let said = short.headers.text("pelton-dlq-cut");
        let key = format!("key: the first {kept} of {size} bytes");
        assert_eq!(said, Some(&*key));
    }

    #[test]
    fn the_least_of_all_limits_holds() {
        assert_eq!(largest(None, None), LIMIT);
        assert_eq!(largest(Some(500_000), None), 500_000 - BATCH_OVERHEAD);
        assert_eq!(
            largest(Some(500_000), Some(100_000)),
            100_000 - BATCH_OVERHEAD
        );
        assert_eq!(
            largest(None, Some(2 * LARGEST)),
            LIMIT,
            "of others nobody knows"
        );
    }
}

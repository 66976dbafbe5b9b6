//! What a redriven message carries besides what it was: where it came from, and what is to be remembered of it.
//!
//! Whoever reads such a message takes these headers off again: the handler sees the message as it was.

use crate::{HeaderRef, Message, MessageId, Timestamp};

/// The prefix of every header that Pelton adds to a dead letter.
pub const DEAD_LETTER_PREFIX: &str = "pelton-dlq-";
/// A dead letter's header: how often its message had been redriven before.
pub const REDRIVES: &str = "pelton-dlq-redrives";
/// A redriven message's header: the origin, as a [`MessageId`].
pub const ORIGIN: &str = "pelton-redrive-origin";
/// A redriven message's header: the dead letter that it was, as a [`MessageId`]. By it a redrive knows what it has done.
pub const LETTER: &str = "pelton-redrive-letter";
/// A redriven message's header: how often it was redriven, this time included.
pub const COUNT: &str = "pelton-redrive-count";
/// A redriven message's header: its timestamp, in milliseconds. The copy has a new one, or the topic's retention would
/// count from the old one.
pub const TIMESTAMP: &str = "pelton-redrive-timestamp";
/// What all of a redriven message's headers begin with.
const PREFIX: &str = "pelton-redrive-";

/// The message as it was before it was dead-lettered, and how often it has been redriven since.
///
/// What its headers say of its origin is believed where it comes from `retry`, the topic of the handler's own
/// redrives, or names the topic that it stands in: anything else may have been copied from another message.
pub fn restored(mut message: Message, retry: Option<&str>) -> (Message, u32) {
    let origin = message
        .headers
        .text(ORIGIN)
        .and_then(|text| text.parse::<MessageId>().ok());
    let believed =
        |origin: &MessageId| retry == Some(&*message.topic) || origin.topic == message.topic;
    let Some(origin) = origin.filter(believed) else {
        return (message, 0);
    };
    let count = message
        .headers
        .text(COUNT)
        .and_then(|text| text.parse().ok());
    let timestamp = message
        .headers
        .text(TIMESTAMP)
        .and_then(|text| text.parse().ok());
    if let Some(millis) = timestamp {
        message.timestamp = Timestamp::CreateTime(millis);
    }
    let own = |header: HeaderRef<'_>| !header.name.starts_with(PREFIX.as_bytes());
    message.headers = message.headers.only(own);
    message.topic = origin.topic;
    message.partition = origin.partition;
    message.offset = origin.offset;
    (message, count.unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Header;

    fn message(topic: &str, headers: &[(&str, &str)]) -> Message {
        let header = |(name, value): &(&str, &str)| {
            Header::new(name.as_bytes().to_vec(), value.as_bytes().to_vec())
        };
        Message {
            topic: topic.into(),
            partition: 0,
            offset: 7,
            timestamp: Timestamp::None,
            key: None,
            value: None,
            headers: headers.iter().map(header).collect(),
        }
    }

    #[test]
    fn a_redriven_message_is_what_it_was() {
        let headers = [
            ("own", "1"),
            (ORIGIN, "orders/3@42"),
            (COUNT, "2"),
            (LETTER, "d/0@1"),
            (TIMESTAMP, "1767225600000"),
        ];
        let (restored, count) = restored(message("h.retry", &headers), Some("h.retry"));
        assert_eq!(
            (restored.id().to_string(), count),
            ("orders/3@42".to_owned(), 2)
        );
        assert_eq!(restored.headers, [Header::new("own", "1")]);
        assert_eq!(restored.timestamp, Timestamp::CreateTime(1_767_225_600_000));
    }

    #[test]
    fn an_origin_is_not_believed_where_it_may_have_been_copied() {
        let headers = [(ORIGIN, "orders/3@42")];
        let copied = message("outputs", &headers);
        assert_eq!(restored(copied.clone(), Some("h.retry")), (copied, 0));
        let (back, count) = restored(message("orders", &headers), None);
        assert_eq!((back.offset, count), (42, 1));
        for wrong in [
            "",
            "orders",
            "orders/x@1",
            "orders/1@",
            "/1@1",
            "a/-1@2",
            "a/1@-2",
        ] {
            let odd = message("h.retry", &[(ORIGIN, wrong)]);
            assert_eq!(restored(odd.clone(), Some("h.retry")), (odd, 0), "{wrong}");
        }
    }
}

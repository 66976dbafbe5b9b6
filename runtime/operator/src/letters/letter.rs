//! One dead letter, as its headers tell it.

use pelton_types::{
    HeaderRef, Message, MessageId,
    redrive::{DEAD_LETTER_PREFIX, REDRIVES},
};

/// A dead letter. What it doesn't tell is none: another program may have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Where it stands.
    pub at: MessageId,
    /// Where its message stood.
    pub origin: Option<MessageId>,
    /// The handler that gave up on it.
    pub handler: Option<String>,
    /// Its revision.
    pub revision: Option<String>,
    /// How many attempts were made.
    pub attempts: Option<u32>,
    /// How often it had been redriven before.
    pub redrives: u32,
    /// The kind of the last failure.
    pub kind: Option<String>,
    /// What that said.
    pub text: Option<String>,
    /// What of the message didn't fit into the letter.
    pub cut: Option<String>,
    /// The message as it was, with its own headers; topic, partition and offset are the letter's.
    pub message: Message,
}

impl Letter {
    pub(super) fn of(mut message: Message) -> Self {
        let told = |name: &str| {
            let name = format!("{DEAD_LETTER_PREFIX}{name}");
            message.headers.text(&name).map(str::to_owned)
        };
        let origin = || {
            let (topic, partition) = (told("source-topic")?, told("source-partition")?);
            format!("{topic}/{partition}@{}", told("source-offset")?)
                .parse()
                .ok()
        };
        let redrives = message
            .headers
            .text(REDRIVES)
            .and_then(|text| text.parse().ok());
        let letter = Self {
            at: message.id(),
            origin: origin(),
            handler: told("handler"),
            revision: told("revision"),
            attempts: told("attempts").and_then(|text| text.parse().ok()),
            redrives: redrives.unwrap_or(0),
            kind: told("error-kind"),
            text: told("error-text"),
            cut: told("cut"),
            message: message.clone(),
        };
        let own = |header: HeaderRef<'_>| !header.name.starts_with(DEAD_LETTER_PREFIX.as_bytes());
        message.headers = message.headers.only(own);
        Self { message, ..letter }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use pelton_types::Timestamp;

    use pelton_types::Header;

    use super::*;

    /// A letter of handler `h` with these headers besides.
    pub fn letter(offset: i64, headers: &[(&str, &str)]) -> Letter {
        let all = [
            ("handler", "h"),
            ("source-topic", "orders"),
            ("source-partition", "3"),
        ];
        let all = all.iter().chain(headers);
        let headers = all.map(|(name, value)| {
            Header::new(format!("pelton-dlq-{name}"), value.as_bytes().to_vec())
        });
        Letter::of(Message {
            topic: "h.dead-letter".into(),
            partition: 1,
            offset,
            timestamp: Timestamp::CreateTime(1_000),
            key: Some("k".into()),
            value: None,
            headers: headers.chain([Header::new("own", "1")]).collect(),
        })
    }

    #[test]
    fn headers_are_told_apart_from_the_message_s_own() {
        let letter = letter(
            7,
            &[
                ("source-offset", "42"),
                ("attempts", "5"),
                ("redrives", "2"),
            ],
        );
        assert_eq!(letter.at.to_string(), "h.dead-letter/1@7");
        assert_eq!(
            letter.origin.map(|id| id.to_string()).as_deref(),
            Some("orders/3@42")
        );
        assert_eq!(
            (letter.attempts, letter.redrives, letter.kind),
            (Some(5), 2, None)
        );
        assert_eq!(letter.message.headers, [Header::new("own", "1")]);
    }

    #[test]
    fn what_another_program_wrote_has_no_origin() {
        assert_eq!(letter(7, &[]).origin, None);
        assert_eq!(letter(7, &[("source-offset", "x")]).origin, None);
    }
}

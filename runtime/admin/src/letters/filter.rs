//! Which letters are meant, as it stands behind `?`.

use std::num::NonZeroU32;

use pelton_operator::letters::Filter;

use crate::query::{
    self, Parameter,
    Takes::{self, Flag, Number, Place, Text},
    Value,
};

const fn parameter(name: &'static str, takes: Takes, about: &'static str) -> Parameter {
    Parameter { name, takes, about }
}

const KIND: Parameter = parameter("kind", Text, "The kind of the last failure, as `trap`.");
const SOURCE_TOPIC: Parameter = parameter(
    "source-topic",
    Text,
    "The topic that the message came from.",
);
const KEY: Parameter = parameter("key", Text, "The message's key, as text.");
const SINCE: Parameter = parameter(
    "since",
    Number(0, i64::MAX),
    "Messages not written before, in milliseconds since 1970.",
);
const UNTIL: Parameter = parameter(
    "until",
    Number(0, i64::MAX),
    "Messages written before, in milliseconds since 1970.",
);
const AT: Parameter = parameter(
    "at",
    Place,
    "Only the letter that stands here: its partition and offset, as in `0@42`.",
);

/// What a list may be narrowed down by.
pub(crate) const FILTER: &[Parameter] = &[
    KIND,
    SOURCE_TOPIC,
    KEY,
    SINCE,
    UNTIL,
    AT,
    parameter(
        "any-handler",
        Flag,
        "Also those of other handlers that share the topic.",
    ),
    parameter(
        "limit",
        Number(0, i64::MAX),
        "So many at the most; 100 where nothing is said, never more than 1000, and none after some 4 MiB.",
    ),
];

/// What a redrive may be told.
pub(crate) const REDRIVE: &[Parameter] = &[
    KIND,
    SOURCE_TOPIC,
    KEY,
    SINCE,
    UNTIL,
    AT,
    parameter(
        "execute",
        Flag,
        "Write the copies; otherwise only say what would be.",
    ),
    parameter(
        "rate",
        Number(1, u32::MAX as i64),
        "So many in a second at the most.",
    ),
];

/// Letters of a page, where nothing is said of it, and at the most.
const LIMIT: usize = 100;
const MOST: usize = 1_000;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub filter: Filter,
    pub limit: usize,
    pub execute: bool,
    pub rate: Option<NonZeroU32>,
}

/// Reads a query, of which only these are known.
pub(super) fn asked(query: Option<&str>, known: &[Parameter]) -> Result<Asked, String> {
    let mut asked = Asked {
        filter: Filter::default(),
        limit: LIMIT,
        execute: false,
        rate: None,
    };
    for (name, value) in query::read(query, known)? {
        let filter = &mut asked.filter;
        match (name, value) {
            ("kind", Value::Text(kind)) => filter.kind = Some(kind),
            ("source-topic", Value::Text(topic)) => filter.source_topic = Some(topic),
            ("key", Value::Text(key)) => filter.key = Some(key.into_bytes()),
            ("since", Value::Number(millis)) => filter.since = Some(millis),
            ("until", Value::Number(millis)) => filter.until = Some(millis),
            ("at", Value::Place(partition, offset)) => filter.at = Some((partition, offset)),
            ("any-handler", Value::Flag(any)) => filter.any_handler = any,
            ("limit", Value::Number(limit)) => {
                asked.limit = usize::try_from(limit).unwrap_or(MOST).min(MOST);
            }
            ("rate", Value::Number(rate)) => {
                asked.rate = u32::try_from(rate).ok().and_then(NonZeroU32::new);
            }
            ("execute", Value::Flag(execute)) => asked.execute = execute,
            (name, _) => return Err(format!("`{name}` is described and not read")),
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_described_is_read() {
        for known in [FILTER, REDRIVE] {
            for Parameter { name, takes, .. } in known {
                let value = match takes {
                    Text => "text",
                    Flag => "true",
                    Number(..) => "1",
                    Place => "1@1",
                };
                let asked = asked(Some(&format!("{name}={value}")), known);
                assert!(asked.is_ok(), "{name}: {asked:?}");
            }
        }
    }

    #[test]
    fn a_query_says_which_letters_and_what_it_can_t_mean_is_told() {
        let query = "kind=trap&key=a%26b+c&since=5&at=1%4042&limit=100000";
        let wanted = Asked {
            filter: Filter {
                kind: Some("trap".to_owned()),
                key: Some(b"a&b c".to_vec()),
                since: Some(5),
                at: Some((1, 42)),
                ..Filter::default()
            },
            limit: MOST,
            execute: false,
            rate: None,
        };
        assert_eq!(asked(Some(query), FILTER), Ok(wanted));
        assert_eq!(asked(None, FILTER).map(|asked| asked.limit), Ok(LIMIT));
        let executes = |query| asked(Some(query), REDRIVE).map(|asked| asked.execute);
        assert_eq!(executes("execute=true"), Ok(true));
        assert_eq!(executes("execute=false"), Ok(false));
        assert_eq!(executes(""), Ok(false));
        for (query, why) in [
            ("execute=true", "is not known"),
            ("any-handler=yes", "takes true or false"),
            ("since=today", "takes a number"),
            ("at=42", "PARTITION@OFFSET"),
        ] {
            let refused = asked(Some(query), FILTER).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}

//! Which letters are meant, as it stands behind `?`.

use std::num::NonZeroU32;

use pelton_operator::letters::Filter;

/// Its name, and what it means.
type Parameter = (&'static str, &'static str);

const KIND: Parameter = ("kind", "The kind of the last failure, as `trap`.");
const SOURCE_TOPIC: Parameter = ("source-topic", "The topic that the message came from.");
const KEY: Parameter = ("key", "The message's key, as text.");
const SINCE: Parameter = (
    "since",
    "Messages not written before, in milliseconds since 1970.",
);
const UNTIL: Parameter = (
    "until",
    "Messages written before, in milliseconds since 1970.",
);
const AT: Parameter = (
    "at",
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
    (
        "any-handler",
        "`true`: also those of other handlers that share the topic.",
    ),
    (
        "limit",
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
    (
        "execute",
        "`true`: write the copies; otherwise only say what would be.",
    ),
    ("rate", "So many in a second at the most."),
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
pub(super) fn asked(query: Option<&str>, known: &[(&str, &str)]) -> Result<Asked, String> {
    let mut asked = Asked {
        filter: Filter::default(),
        limit: LIMIT,
        execute: false,
        rate: None,
    };
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if !known.iter().any(|(own, _)| *own == name) {
            let all: Vec<_> = known.iter().map(|(own, _)| *own).collect();
            return Err(format!(
                "`{name}` is not known; there are: {}",
                all.join(", ")
            ));
        }
        let filter = &mut asked.filter;
        match &*name {
            "kind" => filter.kind = Some(value.into_owned()),
            "source-topic" => filter.source_topic = Some(value.into_owned()),
            "key" => filter.key = Some(value.into_owned().into_bytes()),
            "since" => filter.since = Some(number(&name, &value)?),
            "until" => filter.until = Some(number(&name, &value)?),
            "at" => filter.at = Some(place(&value)?),
            "any-handler" => filter.any_handler = value == "true",
            "limit" => asked.limit = number::<usize>(&name, &value)?.min(MOST),
            "rate" => asked.rate = Some(number(&name, &value)?),
            _ => asked.execute = value == "true",
        }
    }
    Ok(asked)
}

/// A partition and an offset, as in `0@42`.
pub(super) fn place(text: &str) -> Result<(i32, i64), String> {
    let parts = text.split_once('@');
    let parsed =
        parts.and_then(|(partition, offset)| Some((partition.parse().ok()?, offset.parse().ok()?)));
    parsed
        .ok_or_else(|| format!("a letter stands at PARTITION@OFFSET, as in 0@42, not at `{text}`"))
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("`{name}` takes a number, not `{value}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(executes("execute=1"), Ok(false));
        for (query, why) in [
            ("execute=true", "is not known"),
            ("since=today", "takes a number"),
            ("at=42", "PARTITION@OFFSET"),
        ] {
            let refused = asked(Some(query), FILTER).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}

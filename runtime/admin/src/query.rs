//! What may stand behind `?`.
//!
//! Invariant: what a parameter is described to take is what is read; all else is refused, and told.

use serde_json::{Value as Json, json};

/// One that a route knows.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub name: &'static str,
    pub takes: Takes,
    /// What it means.
    pub about: &'static str,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Takes {
    Text,
    Flag,
    /// From the first to the second.
    Number(i64, i64),
    /// A partition and an offset.
    Place,
}

/// What one was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Flag(bool),
    Number(i64),
    Place(i32, i64),
}

/// As many digits as are always a partition, and an offset.
const DIGITS: (usize, usize) = (9, 18);

impl Takes {
    /// As OpenAPI tells it.
    pub(crate) fn schema(self) -> Json {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Number(least, most) => {
                json!({ "type": "integer", "minimum": least, "maximum": most })
            }
            Self::Place => {
                let (partition, offset) = DIGITS;
                let pattern = format!("^[0-9]{{1,{partition}}}@[0-9]{{1,{offset}}}$");
                json!({ "type": "string", "pattern": pattern })
            }
        }
    }

    fn read(self, name: &str, value: &str) -> Result<Value, String> {
        match (self, value) {
            (Self::Text, text) => Ok(Value::Text(text.to_owned())),
            (Self::Flag, "true") => Ok(Value::Flag(true)),
            (Self::Flag, "false") => Ok(Value::Flag(false)),
            (Self::Flag, _) => Err(format!("`{name}` takes true or false, not `{value}`")),
            (Self::Number(least, most), text) => {
                let number = text.parse().ok();
                let number = number.filter(|number| (least..=most).contains(number));
                number.map(Value::Number).ok_or_else(|| {
                    format!("`{name}` takes a number from {least} to {most}, not `{value}`")
                })
            }
            (Self::Place, text) => {
                place(text).map(|(partition, offset)| Value::Place(partition, offset))
            }
        }
    }
}

/// Reads a query, of which only these are known.
pub(crate) fn read(
    query: Option<&str>,
    known: &[Parameter],
) -> Result<Vec<(&'static str, Value)>, String> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let read = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        let parameter = known.iter().find(|one| one.name == name);
        let Some(parameter) = parameter else {
            let all: Vec<_> = known.iter().map(|one| one.name).collect();
            let all = all.join(", ");
            return Err(format!("`{name}` is not known; there are: {all}"));
        };
        Ok((parameter.name, parameter.takes.read(&name, &value)?))
    };
    pairs.map(read).collect()
}

/// A partition and an offset, as in `0@42`.
pub(crate) fn place(text: &str) -> Result<(i32, i64), String> {
    let parts = text.split_once('@');
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let parts =
        parts.filter(|(partition, offset)| digits(partition, DIGITS.0) && digits(offset, DIGITS.1));
    let parsed =
        parts.and_then(|(partition, offset)| Some((partition.parse().ok()?, offset.parse().ok()?)));
    parsed
        .ok_or_else(|| format!("a letter stands at PARTITION@OFFSET, as in 0@42, not at `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_described_is_read_and_all_else_is_refused() {
        let reads = |takes: Takes, value: &str| takes.read("it", value);
        assert_eq!(reads(Takes::Flag, "true"), Ok(Value::Flag(true)));
        assert!(reads(Takes::Flag, "1").is_err());
        let few = Takes::Number(1, 10);
        assert_eq!(reads(few, "10"), Ok(Value::Number(10)));
        for wrong in ["0", "11", "-1", "1.5", "", "ten"] {
            assert!(reads(few, wrong).is_err(), "{wrong}");
        }
        assert_eq!(place("0@42"), Ok((0, 42)));
        let (partition, offset) = ("9".repeat(9), "9".repeat(18));
        assert!(place(&format!("{partition}@{offset}")).is_ok());
        for wrong in [
            "42",
            "-1@0",
            "0@-1",
            "+1@0",
            "@",
            "0@",
            &format!("{partition}9@0"),
        ] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}

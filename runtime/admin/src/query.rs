//! What may stand behind `?`.
//!
//! Invariant: what a parameter is described to take is what is read; all else is refused, and told.

use pelton_operator::letters::place;
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
                let (partition, offset) = place::DIGITS;
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
                place::parse(text).map(|(partition, offset)| Value::Place(partition, offset))
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
    }
}

//! The two keys that take an array or one special string.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, SeqAccess, Unexpected, Visitor},
};

/// An array of servers, or "embedded".
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Bootstrap {
    Servers(Vec<String>),
    Embedded(&'static str),
}

impl<'de> Deserialize<'de> for Bootstrap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Bootstrap;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of servers such as [\"localhost:9092\"], or \"embedded\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Bootstrap, E> {
                match text {
                    "embedded" => Ok(Bootstrap::Embedded("embedded")),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Bootstrap, A::Error> {
                strings(seq).map(Bootstrap::Servers)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Bootstrap {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bootstrap".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            { "const": "embedded" },
        ] })
    }
}

/// An array of topics, or a regular expression.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Topics {
    List(Vec<String>),
    Pattern(String),
}

impl<'de> Deserialize<'de> for Topics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Topics;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of topics such as [\"orders\"], or one regular expression that begins with `^`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Topics, E> {
                match text.starts_with('^') {
                    true => Ok(Topics::Pattern(text.to_owned())),
                    false => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Topics, A::Error> {
                strings(seq).map(Topics::List)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Topics {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Topics".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            { "type": "string", "pattern": "^\\^" },
        ] })
    }
}

fn strings<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Vec<String>, A::Error> {
    let mut found = Vec::new();
    while let Some(text) = seq.next_element()? {
        found.push(text);
    }
    Ok(found)
}

//! A line of the daemon's log.

use std::fmt;

use serde_json::{Map, Value};

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// `ERROR`, `WARN`, `INFO`, …
    pub level: String,
    /// The part of the program that speaks.
    pub target: String,
    /// What it says.
    pub message: String,
    /// The handler it is about, where it is about one.
    pub handler: Option<String>,
    fields: Map<String, Value>,
}

impl Line {
    /// Reads a line of JSON.
    pub fn parse(line: &str) -> Option<Self> {
        let Value::Object(mut fields) = serde_json::from_str(line).ok()? else {
            return None;
        };
        fields.remove("timestamp");
        let mut take = |name: &str| Some(shown(&fields.remove(name)?));
        Some(Self {
            level: take("level")?,
            target: take("target").unwrap_or_default(),
            message: take("message").unwrap_or_default(),
            handler: take("handler"),
            fields,
        })
    }

    /// A field besides those that every line has.
    pub fn field(&self, name: &str) -> Option<String> {
        self.fields.get(name).map(shown)
    }

    /// Whether it comes from a handler's own code.
    pub fn is_guests(&self) -> bool {
        self.target == "pelton::guest"
    }

    /// Whether it warns of something.
    pub fn warns(&self) -> bool {
        ["WARN", "ERROR"].contains(&self.level.as_str())
    }
}

/// As people read it: `order-processing: component refused: why=…`.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(handler) = &self.handler {
            write!(f, "{handler}: ")?;
        }
        f.write_str(&self.message)?;
        for (at, (name, value)) in self.fields.iter().enumerate() {
            let before = if at == 0 { " (" } else { ", " };
            write!(f, "{before}{name} {}", shown(value))?;
        }
        f.write_str(if self.fields.is_empty() { "" } else { ")" })
    }
}

fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_shown() {
        let text = r#"{"timestamp":"2026-11-23T19:24:14Z","level":"INFO","message":"revision swapped in","handler":"a","revision":"5f1c","before":"33aa","target":"pelton_daemon::component"}"#;
        let line = Line::parse(text).unwrap();
        assert_eq!(line.field("before").as_deref(), Some("33aa"));
        assert_eq!(
            line.to_string(),
            "a: revision swapped in (before 33aa, revision 5f1c)"
        );
        assert!(!line.warns());
        assert_eq!(Line::parse("thread panicked"), None);
    }
}

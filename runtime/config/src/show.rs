//! The effective configuration as text: every key with its default, and no secret.
//!
//! Invariant: what came from outside the file, what a client keeps secret, and what a guest is given is never shown.

use std::path::Path;

use pelton_types::is_secret_property;
use serde_json::Value;

use crate::{Error, load::text_of, outside, parse, read::read};

const HIDDEN: &str = "(hidden)";

/// Reads and checks a configuration file, and writes it out with every key that has a value, secrets hidden.
///
/// # Errors
/// As [`crate::load`].
pub fn show(path: &Path) -> Result<String, Error> {
    let text = text_of(path)?;
    let environment = |name: &str| outside::value(path, name);
    parse(&text, path, &environment)?;
    let (raw, findings) = read(&text, &environment);
    let mut value = serde_json::to_value(raw.unwrap_or_default()).unwrap_or_default();
    for key in &findings.replaced {
        hide(&mut value, &key.0);
    }
    redact(&mut value, false);
    Ok(toml::to_string_pretty(&value).unwrap_or_default())
}

/// Hides the value at this path.
fn hide(value: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else {
        *value = HIDDEN.into();
        return;
    };
    let below = match value {
        Value::Object(table) => table.get_mut(first),
        Value::Array(array) => first.parse().ok().and_then(|at: usize| array.get_mut(at)),
        // One that may be written as a text or as an array.
        other => return *other = HIDDEN.into(),
    };
    if let Some(below) = below {
        hide(below, rest);
    }
}

/// Hides what is secret by its name, and all below `settings`: any of them may be.
fn redact(value: &mut Value, all: bool) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                let names_a_file = name.ends_with("token-file");
                let secret = all || is_secret_property(name) && value.is_string() && !names_a_file;
                match value {
                    Value::Object(_) | Value::Array(_) => redact(value, all || name == "settings"),
                    value if secret => *value = HIDDEN.into(),
                    _ => {}
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| redact(value, all)),
        value if all => *value = HIDDEN.into(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_default_is_shown_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pelton.toml");
        fs::write(folder.path().join("password"), "hunter2\n").unwrap();
        let text = r#"
            [clusters.by-token]
            bootstrap-servers = ["c:9092"]
            oauth-token-file = "kafka.token"
            properties = { "sasl.mechanism" = "OAUTHBEARER" }
            [clusters.default]
            bootstrap-servers = ["${file:password}:9092", "b:9092"]
            properties = { "sasl.password" = "hunter2-in-the-file", "sasl.username" = "me", "client.rack" = "${file:password}" }
            [handlers.h]
            component = "h.wasm"
            topics = ["t"]
            settings = { api = { key = "hunter2" }, list = ["hunter2"] }
            [admin]
            token-file = "token"
        "#;
        fs::write(&file, text).unwrap();
        let shown = show(&file).unwrap();
        assert!(!shown.contains("hunter2"), "{shown}");
        for line in [
            "\"sasl.username\" = \"me\"",
            "\"sasl.password\" = \"(hidden)\"",
            "\"client.rack\" = \"(hidden)\"",
            "token-file = \"token\"",
            "oauth-token-file = \"kafka.token\"",
            "drain-timeout = \"10s\"",
        ] {
            assert!(shown.contains(line), "{line}\n{shown}");
        }
        assert!(shown.contains("b:9092"), "{shown}");
    }
}

//! `${NAME}` in string values: secrets come from the environment or from files, not from this one.
//!
//! `${file:PATH}` and `${credential:NAME}` ask for names as those, which whoever resolves them knows.
//! `${NAME}` is replaced, `${NAME:-default}` falls back where the variable is missing or empty, `$${` writes `${`.
//! Any other `$` stands for itself, so that regular expressions and passwords need no escape.

/// What is wrong with a `${…}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The variable is not set.
    Missing(String),
    /// A `${` without its `}`.
    Open,
    /// The name can't be one of a variable.
    Name(String),
}

/// The text with every variable put in; `None` if there was nothing to replace.
pub(crate) fn substitute(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, Fault> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(escaped) = before.strip_suffix('$') {
            done.push_str(escaped);
            done.push_str("${");
            rest = &from[2..];
            continue;
        }
        done.push_str(before);
        let (inside, after) = from[2..].split_once('}').ok_or(Fault::Open)?;
        done.push_str(&resolve(inside, environment)?);
        rest = after;
    }
    done.push_str(rest);
    Ok(Some(done))
}

fn resolve(inside: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, Fault> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let of_a_file = ["file:", "credential:"]
        .iter()
        .any(|kind| name.strip_prefix(kind).is_some_and(|rest| !rest.is_empty()));
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain && !of_a_file {
        return Err(Fault::Name(name.to_owned()));
    }
    match (environment(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Fault::Missing(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Option<String>, Fault> {
        substitute(text, &|name| match name {
            "USER" => Some("anna".to_owned()),
            "file:/a b/c" => Some("from a file".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn replaces_variables_and_falls_back_to_defaults() {
        assert_eq!(with("a-${USER}-${USER}").unwrap().unwrap(), "a-anna-anna");
        assert_eq!(
            with("${NOBODY:-x}${EMPTY:-y}[${EMPTY}]").unwrap().unwrap(),
            "xy[]"
        );
        assert_eq!(with("${NOBODY:-}").unwrap().unwrap(), "");
        assert_eq!(with("${file:/a b/c}").unwrap().unwrap(), "from a file");
        assert_eq!(with("${credential:x:-y}").unwrap().unwrap(), "y");
    }

    #[test]
    fn other_dollars_stand_for_themselves() {
        assert_eq!(with("^orders$").unwrap(), None);
        assert_eq!(with("pa$$word").unwrap(), None);
        assert_eq!(
            with("$${USER} is ${USER}$").unwrap().unwrap(),
            "${USER} is anna$"
        );
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(with("${NOBODY}"), Err(Fault::Missing("NOBODY".to_owned())));
        assert_eq!(with("${USER"), Err(Fault::Open));
        assert_eq!(
            with("${credential:x}"),
            Err(Fault::Missing("credential:x".to_owned()))
        );
        assert_eq!(with("${file:}"), Err(Fault::Name("file:".to_owned())));
        assert_eq!(with("${}"), Err(Fault::Name(String::new())));
        assert_eq!(with("${a b}"), Err(Fault::Name("a b".to_owned())));
    }
}

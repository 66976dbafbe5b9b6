//! Names: what Kafka and the command line take.

/// What is wrong with a topic's name in a list, if anything.
pub(super) fn wrong_topic(name: &str) -> Option<&'static str> {
    if name.starts_with('^') {
        return Some("is a regular expression: that is one string, not in an array");
    }
    wrong_name(name)
}

/// What is wrong with a topic's name, if anything.
pub(super) fn wrong_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.len() > 249 {
        return Some("is longer than Kafka's 249 characters");
    }
    if name == "." || name == ".." {
        return Some("can't be \".\" or \"..\"");
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (!name.chars().all(allowed))
        .then_some("has a character other than letters, digits, `.`, `_` and `-`")
}

/// What is wrong with a handler's name, if anything. It makes up group and topic names.
pub(super) fn wrong_handler(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.len() > 200 {
        return Some("is longer than 200 characters");
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some("must begin with a letter or a digit");
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (!name.chars().all(allowed))
        .then_some("has a character other than letters, digits, `.`, `_` and `-`")
}

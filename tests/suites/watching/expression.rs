//! What a PromQL expression names: its selectors, and the labels that it groups by. Not a parser: whether an expression
//! is one at all is for Prometheus to say.

/// Words that are no metric's name.
const WORDS: [&str; 19] = [
    "and",
    "or",
    "unless",
    "bool",
    "offset",
    "sum",
    "max",
    "min",
    "avg",
    "count",
    "topk",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "inf",
    "nan",
];
/// Those that labels follow.
const OVER_LABELS: [&str; 4] = ["by", "without", "on", "ignoring"];

/// What an expression names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Each metric with what stands in braces behind it, as a query of its own.
    pub selectors: Vec<String>,
    /// Labels that are grouped by.
    pub labels: Vec<String>,
}

/// Reads it.
pub fn named(expression: &str) -> Named {
    let mut named = Named::default();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '[' {
            rest = rest.split_once(']').map_or("", |(_, after)| after);
        } else if first.is_ascii_alphabetic() || first == '_' {
            rest = word(rest, &mut named);
        } else if first.is_ascii_digit() {
            // A number, which may have a unit of time.
            rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
        } else {
            rest = &rest[first.len_utf8()..];
        }
        rest = rest.trim_start();
    }
    named
}

/// Takes the word at the beginning, and what belongs to it; what comes after is returned.
fn word<'e>(text: &'e str, named: &mut Named) -> &'e str {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let after = rest.trim_start();
    if OVER_LABELS.contains(&word) {
        let (labels, after) = after
            .strip_prefix('(')
            .and_then(|list| list.split_once(')'))
            .unwrap_or(("", after));
        let labels = labels.split(',').map(|label| label.trim().to_owned());
        named
            .labels
            .extend(labels.filter(|label| !label.is_empty()));
        return after;
    }
    if after.starts_with('(') || WORDS.contains(&word) {
        return after;
    }
    let braces = match after.starts_with('{') {
        true => after.find('}').map_or(after.len(), |at| at + 1),
        false => 0,
    };
    let (selector, after) = after.split_at(braces);
    named.selectors.push(format!("{word}{selector}"));
    after
}

#[test]
fn reads_what_an_expression_names() {
    let read = named(
        r#"sum by (a, b) (rate(one_total{x="y (z)"}[5m])) / on (a) two > 1h and absent(three) > 0"#,
    );
    assert_eq!(read.selectors, [r#"one_total{x="y (z)"}"#, "two", "three"]);
    assert_eq!(read.labels, ["a", "b", "a"]);
    assert_eq!(named("up == 0").selectors, ["up"]);
}

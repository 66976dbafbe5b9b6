//! Topics that are read and written: their names, and what a regular expression may hold.

use std::collections::BTreeSet;

use regex::Regex;

use crate::{
    Topics,
    findings::{Finding, Findings},
    key::Key,
    schema,
    validate::names::wrong_topic,
};

/// What can't be relied on: librdkafka matches with the C library's POSIX expressions, brokers with Java's RE2.
const NOT_PORTABLE: &[(&str, &str)] = &[
    ("\\d", "write [0-9]"),
    ("\\D", "write [^0-9]"),
    ("\\w", "write [A-Za-z0-9_]"),
    ("\\W", "write [^A-Za-z0-9_]"),
    ("\\s", "a topic's name has no blanks"),
    ("\\S", "write ."),
    ("\\b", "write what stands at the border, such as [.-]"),
    ("\\B", "write what stands there"),
    ("\\p", "write the characters, such as [A-Za-z]"),
    ("(?", "write a plain group: (a|b)"),
    ("*?", "write *"),
    ("+?", "write +"),
    ("??", "write ?"),
];

/// Checks `topics` of a handler.
pub(super) fn subscription(
    at: &Key,
    raw: Option<schema::Topics>,
    findings: &mut Findings<'_>,
) -> Topics {
    match raw {
        None => {
            let table = at.parent().unwrap_or_default();
            let finding = Finding::new(format!("`{table}` has no `topics`")).name(at, "");
            findings.refuse(finding.help(
                "add topics = [\"a-topic\"], or a regular expression such as \"^orders[.].*\"",
            ));
            Topics::List(Vec::new())
        }
        Some(schema::Topics::List(list)) => {
            if list.is_empty() {
                let finding = Finding::new(format!("`{at}` is empty")).value(at, "");
                findings.refuse(finding.help("name at least one topic"));
            }
            Topics::List(names(at, list, findings))
        }
        Some(schema::Topics::Pattern(pattern)) => {
            expression(at, &pattern, findings);
            Topics::Pattern(pattern)
        }
    }
}

/// Checks a list of topics.
pub(super) fn names(at: &Key, list: Vec<String>, findings: &mut Findings<'_>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    for (position, topic) in list.iter().enumerate() {
        let key = at.join(position.to_string());
        name(&key, at, topic, findings);
        if !seen.insert(topic) {
            let finding = Finding::new(format!("`{at}` names the topic `{topic}` twice"));
            findings.refuse(finding.value(&key, "").help("remove one of them"));
        }
    }
    list
}

/// Checks one topic's name; `called` is the key that a message names.
pub(super) fn name(key: &Key, called: &Key, topic: &str, findings: &mut Findings<'_>) {
    if let Some(wrong) = wrong_topic(topic) {
        let finding = Finding::new(format!("a topic's name in `{called}` {wrong}"));
        findings.refuse(
            finding
                .value(key, "")
                .help("topics are named by letters, digits, `.`, `_` and `-`"),
        );
    }
}

fn expression(at: &Key, pattern: &str, findings: &mut Findings<'_>) {
    if let Err(error) = Regex::new(pattern) {
        let error = error.to_string();
        let why = error
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        let finding =
            Finding::new(format!("`{at}` is not a valid regular expression")).value(at, why);
        findings.refuse(finding.help("a plain topic goes into an array: topics = [\"orders\"]"));
        return;
    }
    if let Some((found, instead)) = NOT_PORTABLE.iter().find(|(part, _)| pattern.contains(part)) {
        let finding = Finding::new(format!(
            "`{at}` holds `{found}`, which not every Kafka client and broker knows"
        ));
        findings.refuse(finding.value(at, "").help(*instead));
    }
}

/// Whether a subscription takes in a topic. A pattern matches anywhere behind its `^`, as librdkafka has it.
pub(super) fn reads(topics: &Topics, topic: &str) -> bool {
    match topics {
        Topics::List(list) => list.iter().any(|listed| listed == topic),
        Topics::Pattern(pattern) => {
            Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(topic))
        }
    }
}

/// Whether two subscriptions may have a topic in common. Two expressions are taken to.
pub(super) fn overlap(one: &Topics, two: &Topics) -> bool {
    match (one, two) {
        (Topics::List(list), other) | (other, Topics::List(list)) => {
            list.iter().any(|topic| reads(other, topic))
        }
        (Topics::Pattern(_), Topics::Pattern(_)) => true,
    }
}

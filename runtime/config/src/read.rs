//! From text to the typed file: syntax, environment variables, types. Finds as many mistakes as it can.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, Deserializer};

use crate::{
    findings::Findings,
    key::Key,
    problem::Problem,
    schema::File,
    substitute::{Fault, substitute},
    suggest::closest,
    tree::Tree,
};

/// A file with more mistakes than this is not read to its end.
const MOST_PROBLEMS: usize = 50;

/// Reads a file as far as it can be read. `None` where nothing can be made of it.
pub(crate) fn read<'s>(
    source: &'s str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> (Option<File>, Findings<'s>) {
    let (sound, mut findings) = parse(source, "pelton.toml");
    if !sound {
        return (None, findings);
    }
    put_in_variables(source, environment, &mut findings);
    let file = type_check(source, &mut findings);
    (file, findings)
}

/// Reads another file than pelton.toml, in which `${NAME}` stands for itself. `what` names it.
pub(crate) fn read_plain<'s, T: DeserializeOwned>(
    source: &'s str,
    what: &'static str,
) -> (Option<T>, Findings<'s>) {
    let (sound, mut findings) = parse(source, what);
    let typed = if sound {
        type_check(source, &mut findings)
    } else {
        None
    };
    (typed, findings)
}

/// The syntax; whether it is right.
fn parse<'s>(source: &'s str, what: &'static str) -> (bool, Findings<'s>) {
    let (root, errors) = DeTable::parse_recoverable(source);
    let mut findings = Findings::new(source, what, Tree::new(root, source));
    for error in errors.iter().take(MOST_PROBLEMS) {
        findings.add(syntax(source, error));
    }
    (errors.is_empty(), findings)
}

fn syntax(source: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(source.len()..source.len());
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    let problem = Problem::new(format!("not valid TOML: {message}")).place(source, span, "");
    match error.message() {
        "duplicate key" => {
            problem.help("remove one of the two, or bring them together in one table")
        }
        _ => problem,
    }
}

fn put_in_variables(
    source: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    findings: &mut Findings<'_>,
) {
    let mut faults = Vec::new();
    let mut replaced = Vec::new();
    findings
        .tree
        .for_each_string(&mut |key, span, text| match substitute(text, environment) {
            Ok(None) => {}
            Ok(Some(new)) => {
                *text = new;
                replaced.push(key.clone());
            }
            Err(fault) => faults.push((key.clone(), span, fault)),
        });
    findings.replaced = replaced;
    for (key, span, fault) in faults {
        findings.tree.blame(&key);
        findings.add(variable(source, &key, span, &fault).about(&key));
    }
}

fn variable(source: &str, key: &Key, span: Range<usize>, fault: &Fault) -> Problem {
    match fault {
        Fault::Missing(name) if name.contains(':') => {
            let (kind, rest) = name.split_once(':').unwrap_or_default();
            let (what, help) = match kind {
                "file" => ("file", "it is a text of at most 64 KiB, found from this file's folder, that the daemon's user may read"),
                _ => ("credential", "systemd hands it to the unit by LoadCredential=NAME:FILE, and tells where by $CREDENTIALS_DIRECTORY"),
            };
            Problem::new(format!("the {what} `{rest}` can't be read"))
                .place(source, within(source, &span, &format!("${{{name}")), format!("needed by `{key}`"))
                .help(help)
        }
        Fault::Missing(name) => Problem::new(format!("the environment variable `{name}` is not set"))
            .place(source, within(source, &span, &format!("${{{name}")), format!("needed by `{key}`"))
            .help(format!("set it before starting, or write `${{{name}:-default}}`")),
        Fault::Open => Problem::new(format!("`{key}` has a `${{` without its `}}`"))
            .place(source, span, "")
            .help("write `${NAME}`; a `${` that is meant as it stands is written `$${`"),
        Fault::Name(name) => Problem::new(format!("`{name}` can't be the name of an environment variable"))
            .place(source, span, format!("in `{key}`"))
            .help("a name has letters, digits and `_`, or is `file:PATH` or `credential:NAME`; a `${` that is meant as it stands is written `$${`"),
    }
}

/// The place of a text inside a span, where it stands there as it is.
fn within(source: &str, span: &Range<usize>, text: &str) -> Range<usize> {
    let found = source.get(span.clone()).and_then(|slice| {
        let start = span.start + slice.find(text)?;
        let end = source
            .get(start..span.end)?
            .find('}')
            .map_or(span.end, |brace| start + brace + 1);
        Some(start..end)
    });
    found.unwrap_or_else(|| span.clone())
}

/// Lets serde read the tree. Whatever it stumbles over is reported and taken out, and it reads again.
fn type_check<T: DeserializeOwned>(source: &str, findings: &mut Findings<'_>) -> Option<T> {
    for _ in 0..MOST_PROBLEMS {
        let error = match T::deserialize(Deserializer::from(findings.tree.root())) {
            Ok(file) => return Some(file),
            Err(error) => error,
        };
        let span = error.span().unwrap_or(0..0);
        let key = findings.tree.at(&span);
        let hide = key
            .as_ref()
            .is_some_and(|key| findings.replaced.iter().any(|other| other.overlaps(key)));
        let message = error.message();
        let problem = mistyped(source, findings.what, key.as_ref(), span, message, hide);
        findings.add(match &key {
            Some(key) => problem.about(key),
            None => problem,
        });
        if !key.is_some_and(|key| findings.tree.blame(&key)) {
            return None;
        }
    }
    None
}

/// Says what serde said, with the key and what to do. `hide`: the value came from the environment.
fn mistyped(
    source: &str,
    what: &str,
    key: Option<&Key>,
    span: Range<usize>,
    message: &str,
    hide: bool,
) -> Problem {
    let name = key.map_or_else(|| "the file".to_owned(), |key| format!("`{key}`"));
    let (found, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    if let Some(field) = quoted(found, "unknown field ") {
        let known = names(expected);
        let parent = key
            .and_then(Key::parent)
            .filter(|parent| !parent.0.is_empty());
        let table = parent.map_or_else(|| what.to_owned(), |parent| format!("`{parent}`"));
        return Problem::new(format!("unknown key `{field}` in {table}"))
            .place(source, span, "")
            .help(choose(field, &known, "the keys here are"));
    }
    if let Some(variant) = quoted(found, "unknown variant ") {
        let known = names(expected);
        let shown = if hide {
            "the value".to_owned()
        } else {
            format!("`{variant}`")
        };
        return Problem::new(format!("{shown} is not a choice for {name}"))
            .place(source, span, "")
            .help(choose(variant, &known, "choose one of"));
    }
    let found = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|prefix| found.strip_prefix(prefix));
    match found {
        Some(found) => {
            let label = if hide {
                String::new()
            } else {
                format!("this is {found}")
            };
            let expected = match expected {
                "a sequence" => "an array",
                "a map" => "a table",
                other if other.starts_with("struct ") => "a table",
                other => other,
            };
            Problem::new(format!("{name} must be {expected}")).place(source, span, label)
        }
        None => Problem::new(format!("{name}: {message}")).place(source, span, ""),
    }
}

fn quoted<'m>(message: &'m str, prefix: &str) -> Option<&'m str> {
    message
        .strip_prefix(prefix)?
        .strip_prefix('`')?
        .strip_suffix('`')
}

/// The names in serde's "`a`, `b` or `c`".
fn names(expected: &str) -> Vec<&str> {
    expected.split('`').skip(1).step_by(2).collect()
}

fn choose(wrong: &str, known: &[&str], list: &str) -> String {
    let all = known
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match closest(wrong, known.iter().copied()) {
        // A long list would bury the suggestion.
        Some(name) if known.len() > 8 => format!("did you mean `{name}`?"),
        Some(name) => format!("did you mean `{name}`? {list} {all}"),
        None => format!("{list} {all}"),
    }
}

//! The delivery rules and what shows each: `tests/RULES.md` against the tests that are there.
//!
//! Invariant: a rule is shown only by functions that exist where the table says, and that a test runner runs.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::paths;

/// Where the table stands.
const TABLE: &str = "tests/RULES.md";

/// The rules of delivery that a version without retry topics keeps.
const RULES: &[&str] = &[
    "1", "2", "3", "4", "5", "6", "6b", "7", "8", "8b", "9", "10", "11", "12", "13", "14", "15",
    "16", "17", "18", "19", "20", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32",
    "33", "34", "35", "36", "37", "38", "39", "40",
];

/// Checks that every rule has a test, and that every test that is named is there.
///
/// # Errors
/// Naming everything that is missing.
pub fn check() -> Result<()> {
    let table =
        fs::read_to_string(paths::root().join(TABLE)).with_context(|| format!("no {TABLE}"))?;
    let read = |file: &str| fs::read_to_string(paths::root().join(Path::new(file))).ok();
    let rows = rows(&table);
    let wrong = faults(&rows, &read);
    ensure!(wrong.is_empty(), "{TABLE}:\n  {}", wrong.join("\n  "));
    let tests: usize = rows.iter().map(|row| row.tests.len()).sum();
    println!("{} rules, shown by {tests} tests", RULES.len());
    Ok(())
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row<'t> {
    rule: &'t str,
    /// Whether the rule is said in words.
    said: bool,
    /// Each as `path/to/file.rs::function_name`.
    tests: Vec<&'t str>,
}

/// The rows of the table: number, sentence, tests in backticks. What is no row of it is passed over.
fn rows(table: &str) -> Vec<Row<'_>> {
    let row = |line| {
        let line: &str = line;
        let cells = line.strip_prefix('|')?.strip_suffix('|')?;
        let mut cells = cells.splitn(3, '|').map(str::trim);
        let (rule, sentence, tests) = (cells.next()?, cells.next()?, cells.next()?);
        rule.starts_with(|first: char| first.is_ascii_digit())
            .then(|| Row {
                rule,
                said: !sentence.is_empty(),
                tests: tests.split('`').skip(1).step_by(2).collect(),
            })
    };
    table.lines().filter_map(row).collect()
}

/// All that is missing. `read` gives the text of a file of the repository.
fn faults(rows: &[Row<'_>], read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for rule in RULES {
        match rows.iter().filter(|row| row.rule == *rule).count() {
            0 => wrong.push(format!("rule {rule} is not in the table")),
            1 => {}
            _ => wrong.push(format!("rule {rule} is in the table more than once")),
        }
    }
    let mut files = BTreeMap::new();
    for row in rows {
        let rule = row.rule;
        if !RULES.contains(&rule) {
            wrong.push(format!("there is no rule {rule}"));
        }
        if !row.said {
            wrong.push(format!("rule {rule} is not said in words"));
        }
        if row.tests.is_empty() {
            wrong.push(format!("rule {rule} has no test"));
        }
        for test in &row.tests {
            let Some((file, name)) = test.split_once("::") else {
                wrong.push(format!("rule {rule}: `{test}` is no `file.rs::function`"));
                continue;
            };
            match files.entry(file).or_insert_with(|| read(file)) {
                None => wrong.push(format!("rule {rule}: there is no file {file}")),
                Some(source) if is_test(source, name) => {}
                Some(_) => wrong.push(format!("rule {rule}: {file} has no test `{name}`")),
            }
        }
    }
    wrong
}

/// Whether the source has a function of this name that a test runner runs: `#[test]`, `#[tokio::test]`, also within
/// `proptest!`.
fn is_test(source: &str, name: &str) -> bool {
    let mut attributes: Vec<&str> = Vec::new();
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
        } else if function(line).is_some() {
            let runs = attributes
                .iter()
                .any(|line| *line == "#[test]" || line.starts_with("#[tokio::test"));
            let skipped = attributes.iter().any(|line| line.starts_with("#[ignore"));
            if function(line) == Some(name) && runs && !skipped {
                return true;
            }
            attributes.clear();
        } else if line.ends_with('}') || line.ends_with(';') {
            attributes.clear();
        }
    }
    false
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let (name, _) = line.strip_prefix("fn ")?.split_once(['(', '<'])?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "
        #[test]
        fn plain() {}
        fn helper() {}
        #[tokio::test(flavor = \"multi_thread\")]
        #[expect(clippy::panic, reason = \"a test\")]
        async fn waits() {
            work();
        }
        #[test]
        #[ignore]
        fn sleeps() {}
        proptest! {
            #[test]
            fn holds_for_all(
                number in 0..9,
            ) {}
        }
        // fn commented() {}
    ";

    /// A table with every rule shown by `test`.
    fn table(test: &str) -> String {
        let mut table = "| rule | what | tests |\n|---|---|---|\n".to_owned();
        for rule in RULES {
            table += &format!("| {rule} | Said. | `{test}` |\n");
        }
        table
    }

    fn faults_of(table: &str) -> Vec<String> {
        faults(&rows(table), &|file| {
            (file == "a.rs").then(|| SOURCE.to_owned())
        })
    }

    #[test]
    fn only_functions_that_a_runner_runs_are_tests() {
        for name in ["plain", "waits", "holds_for_all"] {
            assert!(is_test(SOURCE, name), "{name}");
        }
        for name in ["helper", "sleeps", "commented", "absent", "plai"] {
            assert!(!is_test(SOURCE, name), "{name}");
        }
    }

    #[test]
    fn a_complete_table_has_no_fault() {
        assert_eq!(faults_of(&table("a.rs::plain")), [""; 0]);
        let several = table("a.rs::plain` `a.rs::waits");
        assert_eq!(faults_of(&several), [""; 0]);
        assert_eq!(rows(&several)[0].tests, ["a.rs::plain", "a.rs::waits"]);
    }

    #[test]
    fn a_rule_without_a_test_is_named() {
        let without = table("a.rs::plain").replace(
            "| 6b | Said. | `a.rs::plain` |",
            "| 6b | Said. | none yet |",
        );
        assert_eq!(faults_of(&without), ["rule 6b has no test"]);
    }

    #[test]
    fn a_rule_that_is_missing_doubled_unknown_or_not_said_is_named() {
        let odd = table("a.rs::plain")
            .replace("| 12 |", "| 13 |")
            .replace("| 40 | Said.", "| 40 | ")
            + "| 99 | Said. | `a.rs::plain` |\n";
        assert_eq!(
            faults_of(&odd),
            [
                "rule 12 is not in the table",
                "rule 13 is in the table more than once",
                "rule 40 is not said in words",
                "there is no rule 99",
            ]
        );
    }

    #[test]
    fn a_test_that_is_not_there_is_named() {
        let row = |test: &str| {
            let table = table("a.rs::plain");
            faults_of(&table.replacen("`a.rs::plain`", &format!("`{test}`"), 1))
        };
        assert_eq!(row("a.rs::gone"), ["rule 1: a.rs has no test `gone`"]);
        assert_eq!(row("b.rs::plain"), ["rule 1: there is no file b.rs"]);
        assert_eq!(row("plain"), ["rule 1: `plain` is no `file.rs::function`"]);
    }
}

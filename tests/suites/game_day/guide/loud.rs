//! The lines of a log that want to be seen: warnings and errors, whatever the guide says of them.

use std::{collections::BTreeMap, time::Duration};

use pelton_harness::TestDaemon;

use super::place::Often;

/// How often one may be said of which the guide says nothing.
const FEW: usize = 3;
/// The same of librdkafka's own, which come at each attempt.
const OF_LIBRDKAFKA: Often = Often::AMinute(20);

/// All of them so far.
pub fn lines(daemon: &TestDaemon) -> Vec<String> {
    let all = daemon.log_lines("").into_iter();
    all.filter(|line| kind(line).is_some()).collect()
}

/// Those that are said too often in so long, by their kind, but for those that somebody else counts.
pub fn floods(
    lines: &[String],
    within: Duration,
    counted: impl Fn(&str) -> bool,
) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for line in lines.iter().filter(|line| !counted(line)) {
        *kinds.entry(kind(line).unwrap_or_default()).or_default() += 1;
    }
    kinds.retain(|kind: &String, times| {
        let theirs = kind.starts_with("librdkafka:");
        *times
            > if theirs {
                OF_LIBRDKAFKA.most(within)
            } else {
                FEW
            }
    });
    kinds
}

/// What a warning or an error says, whoever it speaks of: its words without numbers, up to the first field.
fn kind(line: &str) -> Option<String> {
    let (_time, rest) = line.split_once(' ')?;
    let (level, said) = rest.trim_start().split_once(' ')?;
    let words = said.split(' ').take_while(|word| !word.contains('='));
    let words = words.collect::<Vec<_>>().join(" ");
    let is_loud = matches!(level, "WARN" | "ERROR");
    is_loud.then(|| words.replace(|c: char| c.is_ascii_digit(), ""))
}

#[test]
fn lines_that_differ_in_numbers_and_fields_are_of_a_kind() {
    let line = |level: &str, said: &str| format!("2026-01-31T12:00:00.5Z {level} pelton: {said}");
    assert_eq!(kind(&line(" INFO", "all is well")), None);
    let said = kind(&line(" WARN", "o/0 stands still for 65 s handler=a in=b"));
    assert_eq!(said.as_deref(), Some("pelton: o/ stands still for  s"));
    let none = BTreeMap::new();
    let floods = |lines: &[String], counted| {
        floods(lines, Duration::ZERO, |line: &str| line.contains(counted))
    };
    let mut lines = vec![line("ERROR", "fine"); FEW];
    assert_eq!(floods(&lines, "n="), none);
    lines.push(line("ERROR", "fine n=1"));
    assert_eq!(floods(&lines, "n="), none, "one is counted elsewhere");
    let flood = BTreeMap::from([("pelton: fine".to_owned(), FEW + 1)]);
    assert_eq!(floods(&lines, "x="), flood);
    let theirs = line(" WARN", "x").replace("pelton:", "librdkafka:");
    assert_eq!(floods(&vec![theirs.clone(); 20], "x="), none);
    assert_eq!(floods(&vec![theirs; 21], "x=").len(), 1);
}

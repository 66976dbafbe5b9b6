//! Whatever text comes in, it becomes a configuration or a report: never a panic, never an endless loop.
//! `PELTON_FUZZ_ROUNDS=100000 cargo test -p pelton-config --test robust` goes on for longer than every run does.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    reason = "a test program: its helpers fail as loudly as its tests"
)]

use std::{fs, path::Path};

use pelton_config::{Error, parse};
use proptest::prelude::*;

fn rounds() -> u32 {
    let rounds = std::env::var("PELTON_FUZZ_ROUNDS").ok();
    rounds.and_then(|text| text.parse().ok()).unwrap_or(400)
}

/// Parts that a configuration is made of, and what stands around them.
fn part() -> impl Strategy<Value = String> {
    let schema = pelton_config::json_schema().to_string();
    let words = schema.split('"').filter(|word| word.len() < 24);
    let mut parts: Vec<String> = words.map(str::to_owned).collect();
    parts.sort();
    parts.dedup();
    let marks = "[ ] [[ ]] = . , { } \" ' ''' # \n ${ ${A} ${A:-b} $${ \\ \\u0000 \u{feff} -1 1e999 9223372036854775808 0x1 nan 07:32:00";
    parts.extend(marks.split(' ').map(str::to_owned));
    prop::sample::select(parts)
}

fn survives(text: &str) {
    let outcome = parse(text, Path::new("fuzz.toml"), &|name| {
        Some(name.to_lowercase())
    });
    if let Err(Error::Invalid(report)) = &outcome {
        assert!(
            !report.problems().is_empty(),
            "refused without a reason:\n{text}"
        );
        assert!(!report.to_string().is_empty());
    }
}

/// Everything that the other tests read: soil for mutations.
fn corpus() -> Vec<String> {
    let folders =
        ["tests/broken", "tests/valid"].map(|folder| fs::read_dir(folder).expect("a folder"));
    let files = folders
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path());
    let tomls = files.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    tomls
        .map(|path| fs::read_to_string(path).expect("a readable file"))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(rounds()))]

    #[test]
    fn any_text_is_survived(text in "\\PC*") {
        survives(&text);
    }

    #[test]
    fn toml_like_text_is_survived(
        lines in proptest::collection::vec("(\\[\\[?[a-z.\" -]{0,20}\\]?\\]|[a-z.-]{1,12} ?= ?(\"[^\"]{0,12}\"|[0-9]{1,3}|\\[.{0,8}\\]|\\{.{0,12}\\}|true|1979-05-27|nan))?", 0..12)
    ) {
        survives(&lines.join("\n"));
    }

    #[test]
    fn parts_in_any_order_are_survived(parts in proptest::collection::vec(part(), 0..30)) {
        survives(&parts.concat());
        survives(&parts.join(" "));
    }

    #[test]
    fn two_configurations_spliced_are_survived(
        one in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
    ) {
        let corpus = corpus();
        let lines = |which: prop::sample::Index| -> Vec<&str> { which.get(&corpus).lines().collect() };
        let (mut one, other) = (lines(one), lines(other));
        one.truncate(at.index(one.len()));
        one.extend(&other[from.index(other.len())..]);
        survives(&one.join("\n"));
    }

    #[test]
    fn a_damaged_configuration_is_survived(
        which in any::<prop::sample::Index>(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}=\"'a-z0-9.$ä\n]{0,3}"), 1..6),
    ) {
        let corpus = corpus();
        let mut text: Vec<char> = which.get(&corpus).chars().collect();
        for (at, replacement) in cuts {
            let at = at.index(text.len());
            text.splice(at..=at, replacement.chars());
        }
        survives(&text.into_iter().collect::<String>());
    }
}

#[test]
fn every_key_with_every_kind_of_value_is_survived() {
    let values = [
        "\"text\"",
        "-1",
        "9223372036854775807",
        "1.5",
        "inf",
        "true",
        "1979-05-27",
        "[]",
        "[[1]]",
        "{}",
        "{ a = { b = 1 } }",
    ];
    let schema = pelton_config::json_schema();
    let mut keys = Vec::new();
    for definition in schema["$defs"]
        .as_object()
        .expect("definitions")
        .values()
        .chain([&schema])
    {
        keys.extend(
            definition["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| key.clone()),
        );
    }
    for key in &keys {
        for value in values {
            for table in [
                "",
                "[clusters.default]",
                "[handlers.x]",
                "[handlers.x.retry]",
                "[handlers.x.limits]",
                "[admin]",
                "[log]",
                "[daemon]",
            ] {
                survives(&format!("{table}\n{key} = {value}\n"));
            }
        }
    }
}

#[test]
fn deep_nesting_is_survived() {
    survives(&format!("a = {}", "[".repeat(10_000)));
    survives(&format!("a = {}", "{a=".repeat(10_000)));
    survives(&format!("{}a = 1", "a.".repeat(10_000)));
    survives(&format!(
        "[handlers.x.settings]\n{}a = \"${{A}}\"",
        "a.".repeat(10_000)
    ));
    survives(&format!("[{}a]", "a.".repeat(10_000)));
}

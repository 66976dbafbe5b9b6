//! Broken configurations, each with the exact message a user gets.
//!
//! `broken/NAME.toml` is read, and `broken/NAME.err` holds what is said about it. `UPDATE_EXPECT=1` writes what is
//! said now: read the difference before committing it.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    reason = "a test program: its helpers fail as loudly as its tests"
)]

use std::{collections::BTreeSet, fs, path::Path};

use pelton_config::{Error, check, parse};

const FOLDER: &str = "tests/broken";

fn environment(name: &str) -> Option<String> {
    (name == "PELTON_TEST_SECRET").then(|| "hunter2".to_owned())
}

fn said_about(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a readable file");
    let component_file = file
        .file_stem()
        .is_some_and(|stem| stem == "component_file_missing");
    let outcome = if component_file {
        check(file)
    } else {
        parse(&text, file, &environment)
    };
    match outcome {
        Ok(config) => panic!("{} is not broken: {config:?}", file.display()),
        Err(error @ Error::Invalid(_)) => format!("{error}\n"),
        Err(other) => panic!("{other}"),
    }
}

fn names(extension: &str) -> BTreeSet<String> {
    let files = fs::read_dir(FOLDER)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path());
    let of_kind = files.filter(|path| path.extension().is_some_and(|found| found == extension));
    of_kind
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

#[test]
fn every_broken_configuration_gets_its_message() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for name in names("toml") {
        let file = Path::new(FOLDER).join(format!("{name}.toml"));
        let twin = file.with_extension("err");
        let said = said_about(&file);
        assert!(!said.contains("hunter2"), "{name} tells a secret");
        if update {
            fs::write(&twin, &said).expect("the message is written");
        } else if fs::read_to_string(&twin).ok().as_deref() != Some(said.as_str()) {
            wrong.push(format!("{}:\n{said}", twin.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "not what is expected (UPDATE_EXPECT=1 accepts it):\n{}",
        wrong.join("\n")
    );
    assert_eq!(
        names("toml"),
        names("err"),
        "each .toml has an .err and the other way round"
    );
    assert!(names("toml").len() >= 20);
}

#[test]
fn every_message_names_file_line_and_column() {
    for name in names("toml") {
        let file = Path::new(FOLDER).join(format!("{name}.toml"));
        let text = fs::read_to_string(&file).expect("a readable file");
        let Err(Error::Invalid(report)) = parse(&text, &file, &environment) else {
            assert_eq!(name, "component_file_missing");
            continue;
        };
        assert!(!report.problems().is_empty(), "{name}");
        for problem in report.problems() {
            let place = problem.places.first().expect("a place");
            let named = format!("{}:{}:{}", file.display(), place.line, place.column);
            assert!(
                report.to_string().contains(&named),
                "{name}: {named} is not in\n{report}"
            );
        }
    }
}

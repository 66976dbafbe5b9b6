//! The program as a person or a script meets it: exit codes, and what stands on the screen.
#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a test program: its helpers fail as loudly as its tests"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn pelton(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pelton"))
        .args(args)
        .current_dir(folder)
        .env("PELTON_TEST_SECRET", "hunter2")
        .env("CACHE_DIRECTORY", scratch("cache"))
        .output()
        .expect("pelton runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn config_room() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config")
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The messages themselves are compared in the config room; here it is that they reach the screen, with the code.
#[test]
fn every_broken_configuration_is_told_in_full_and_exits_with_78() {
    let mut checked = 0;
    for entry in fs::read_dir(config_room().join("tests/broken")).expect("the folder") {
        let file = entry.expect("an entry").path();
        if file.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let output = pelton(
            &config_room(),
            &["check", "-c", &format!("tests/broken/{name}")],
        );
        let expected = fs::read_to_string(file.with_extension("err")).expect("its message");
        assert_eq!(output.status.code(), Some(78), "{name}");
        let first = expected.lines().next().expect("a line");
        assert!(
            said(&output).contains(first),
            "{name} says\n{}\nand not\n{expected}",
            said(&output)
        );
        checked += 1;
    }
    assert!(checked >= 20);
}

#[test]
fn a_configuration_that_cannot_be_read_exits_with_78_and_says_why() {
    let folder = scratch("unreadable");
    fs::write(folder.join("binary.toml"), [0xff, 0xfe, 0x00]).expect("written");
    for (args, expected) in [
        (["run", "-c", "missing.toml"], "No such file"),
        (["check", "-c", "binary.toml"], "not UTF-8"),
        (["dev", "-c", "."], "irectory"),
    ] {
        let output = pelton(&folder, &args);
        assert_eq!(
            output.status.code(),
            Some(78),
            "{args:?}: {}",
            said(&output)
        );
        assert!(
            said(&output).contains(expected),
            "{args:?}: {}",
            said(&output)
        );
    }
}

#[test]
fn where_no_configuration_is_named_or_found_all_places_are_told() {
    let installed = Path::new("/etc/pelton/pelton.toml");
    if installed.exists() {
        return;
    }
    for args in [&["check"][..], &["status"], &["dlq", "list", "orders"]] {
        let output = pelton(&scratch("nowhere"), args);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(78), "{args:?}: {told}");
        for part in ["pelton.toml, then /etc/pelton/pelton.toml", "-c FILE"] {
            assert!(told.contains(part), "{args:?}: {told}");
        }
    }
}

#[test]
fn where_the_daemon_s_address_can_not_be_read_its_flag_is_told() {
    let folder = scratch("address");
    fs::write(folder.join("pelton.toml"), "[admin]\nlisten = 5\n").expect("written");
    for args in [&["status"][..], &["health"], &["reload"]] {
        let output = pelton(&folder, args);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(78), "{args:?}: {told}");
        for part in ["pelton.toml:2:10", "name it by --admin"] {
            assert!(told.contains(part), "{args:?}: {told}");
        }
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [
        &[][..],
        &["nonsense"],
        &["inspect"],
        &["run", "--no-such-flag"],
    ] {
        assert_eq!(
            pelton(&scratch("usage"), args).status.code(),
            Some(2),
            "{args:?}"
        );
    }
}

#[test]
fn files_that_are_no_component_are_refused_in_plain_words() {
    let folder = scratch("no-component");
    fs::write(folder.join("empty.wasm"), []).expect("written");
    fs::write(folder.join("text.wasm"), "hello").expect("written");
    fs::write(folder.join("truncated.wasm"), b"\0asm\x0d\0\x01\0\x07").expect("written");
    fs::write(folder.join("core.wasm"), b"\0asm\x01\0\0\0").expect("written");
    for (file, expected) in [
        ("empty.wasm", "is empty"),
        ("text.wasm", "text.wasm"),
        ("truncated.wasm", "truncated.wasm"),
        ("core.wasm", "component-type"),
        ("missing.wasm", "can't be read"),
        (".", "can't be read"),
    ] {
        for command in ["inspect", "invoke"] {
            let output = pelton(&folder, &[command, file]);
            assert_eq!(output.status.code(), Some(1), "{command} {file}");
            assert!(
                said(&output).contains(expected),
                "{command} {file}: {}",
                said(&output)
            );
        }
    }
}

#[test]
fn check_names_the_handler_whose_component_is_bad() {
    let folder = scratch("check");
    fs::write(folder.join("bad.wasm"), "hello").expect("written");
    let config = "[clusters.default]\nbootstrap-servers = \"embedded\"\n[handlers.shout]\ncomponent = \"bad.wasm\"\ntopics = [\"a\"]\n";
    fs::write(folder.join("pelton.toml"), config).expect("written");
    let output = pelton(&folder, &["check"]);
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    assert!(
        said(&output).contains("handler shout: ") && said(&output).contains("bad.wasm"),
        "{}",
        said(&output)
    );
}

#[test]
fn check_names_the_handler_whose_kafka_properties_are_bad() {
    let folder = scratch("check-properties");
    fs::write(folder.join("bad.wasm"), "hello").expect("written");
    let handler = "component = \"bad.wasm\"\ntopics = [\"a\"]\n";
    for (properties, expected) in [
        (
            "consumer-properties = { \"fetch.wait.max.mss\" = 5 }",
            "fetch.wait.max.mss",
        ),
        (
            "producer-properties = { \"linger.ms\" = \"soon\" }",
            "linger.ms",
        ),
        (
            "[clusters.default.properties]\n\"security.protocol\" = \"ssl\"\n\"ssl.ca.location\" = \"/none\"",
            "ssl.ca.location",
        ),
    ] {
        let config = format!(
            "[clusters.default]\nbootstrap-servers = [\"127.0.0.1:1\"]\n[handlers.shout]\n{handler}{properties}\n"
        );
        fs::write(folder.join("pelton.toml"), config).expect("written");
        let output = pelton(&folder, &["check"]);
        assert_eq!(output.status.code(), Some(78), "{}", said(&output));
        let told = said(&output);
        let line = told.lines().find(|line| line.contains(expected));
        assert!(
            line.is_some_and(|line| line.starts_with("handler shout: pelton.toml")),
            "{told}"
        );
        assert!(told.contains("1 of 1 handlers"), "{told}");
    }
}

#[test]
fn the_schema_is_json() {
    let output = pelton(&scratch("schema"), &["config", "schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(schema["properties"]["handlers"].is_object());
}

//! The day of a handler's author: a project is made, built, tested and checked, and what goes wrong is told.

#[path = "author/dev.rs"]
mod dev;
#[path = "author/examples.rs"]
mod examples;
#[path = "author/mistakes.rs"]
mod mistakes;
#[path = "author/remembering.rs"]
mod remembering;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use pelton_harness::paths;
use serde_json::Value;

/// What a run of the program left behind.
struct Said {
    code: i32,
    out: String,
    error: String,
}

impl Said {
    fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("no JSON: {}", self.out))
    }

    /// It ended with this code, and its output has these words.
    fn tells(&self, code: i32, words: &str) -> Result<()> {
        let Self {
            code: ended, out, ..
        } = self;
        ensure!(
            *ended == code && out.contains(words),
            "{ended}, without {words:?}: {out}"
        );
        Ok(())
    }
}

fn pelton(folder: &Path, arguments: &[&str]) -> Result<Said> {
    let output = Command::new(paths::pelton()?)
        .args(arguments)
        .current_dir(folder)
        // The standard library is built for the guests there already.
        .env(
            "CARGO_TARGET_DIR",
            paths::repository().join("plugins/target"),
        )
        .env("CACHE_DIRECTORY", folder.join("target/cache"))
        .env_remove("PELTON_SDK")
        .output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = Said {
        code: output.status.code().context("it was ended by a signal")?,
        out: text(&output.stdout),
        error: text(&output.stderr),
    };
    eprintln!(
        "pelton {arguments:?}: {}\n{}{}",
        said.code, said.out, said.error
    );
    Ok(said)
}

/// A folder with a handler of this guest's, called `tested`, from `in` to `out`.
fn handler(name: &str, guest: &str, further: &str) -> Result<PathBuf> {
    let folder = paths::fresh_folder(name)?;
    fs::copy(paths::guest(guest)?, folder.join("tested.wasm"))?;
    let config = format!(
        "[clusters.default]\nbootstrap-servers = \"embedded\"\n[handlers.tested]\ncomponent = \"tested.wasm\"\n\
         topics = [\"in\"]\noutputs = [\"out\"]\n{further}"
    );
    fs::write(folder.join("pelton.toml"), config)?;
    fs::create_dir(folder.join("fixtures"))?;
    Ok(folder)
}

fn fixture(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let file = folder.join("fixtures").join(format!("{name}.toml"));
    fs::write(&file, text)?;
    Ok(file)
}

fn out(value: &str) -> String {
    format!("[[expect.outputs]]\ntopic = \"out\"\nvalue = \"{value}\"\n")
}

#[test]
fn a_new_project_is_built_tested_and_checked() -> Result<()> {
    let folder = paths::fresh_folder("new")?;
    let sdk = paths::repository()
        .join("plugins/sdk")
        .display()
        .to_string();
    let made = pelton(&folder, &["new", "loud-shop", "--sdk", &sdk])?;
    assert_eq!(made.code, 0);
    let project = folder.join("loud-shop");
    let built = pelton(&project, &["build"])?;
    assert_eq!((built.code, built.out.trim()), (0, "./loud_shop.wasm"));
    let tested = pelton(&project, &["test"])?;
    ensure!(
        tested.code == 0
            && tested
                .out
                .starts_with("loud-shop: 3 passed of 3 in ./fixtures"),
        "{}",
        tested.out
    );
    let checked = pelton(&project, &["check"])?;
    ensure!(
        checked.code == 0 && checked.out.contains("pelton.toml: fine"),
        "{}",
        checked.error
    );
    let inspected = pelton(&project, &["inspect", "--json", "loud_shop.wasm"])?.json()?;
    assert_eq!(inspected["world"], "pelton:handler/packed@0.1.0");
    assert_eq!(inspected["needs-grants"], Value::Array(Vec::new()));
    ensure!(
        inspected["producers"]
            .to_string()
            .contains("language: Rust"),
        "{inspected}"
    );
    let given = [
        "invoke",
        "loud_shop.wasm",
        "--message",
        "fixtures/shouts.toml",
        "--json",
    ];
    let invoked = pelton(&project, &given)?.json()?;
    assert_eq!(invoked["outputs"][0]["value"], "HELLO");
    assert_eq!(invoked["outputs"][0]["key"], "user-123");

    // Another source is built before it is tested, and what it does otherwise is seen.
    let source = project.join("src/lib.rs");
    let text = fs::read_to_string(&source)?;
    fs::write(&source, text.replace("to_uppercase", "to_lowercase"))?;
    let tested = pelton(&project, &["test"])?;
    assert_eq!(tested.code, 1);
    ensure!(
        tested
            .out
            .contains("    - value = \"HELLO\"\n    + value = \"hello\"\n"),
        "{}",
        tested.out
    );

    // A trap is told with the line of the source, by what `build` has put beside the component.
    let trapping = text.replace("text.to_uppercase()", "[text][text.len()]");
    fs::write(&source, &trapping)?;
    assert_eq!(pelton(&project, &["build"])?.code, 0);
    let invoked = pelton(&project, &given[..4])?;
    let line = trapping
        .lines()
        .position(|line| line.contains("[text]["))
        .map_or(0, |n| n + 1);
    ensure!(
        invoked.code == 1
            && format!("{}{}", invoked.out, invoked.error).contains(&format!("lib.rs:{line}")),
        "no line {line}: {}{}",
        invoked.out,
        invoked.error
    );
    Ok(())
}

#[test]
fn what_cannot_be_made_is_refused_in_plain_words() -> Result<()> {
    let folder = paths::fresh_folder("refused")?;
    let sdk = paths::repository()
        .join("plugins/sdk")
        .display()
        .to_string();
    fs::create_dir(folder.join("there"))?;
    for (arguments, code, expected) in [
        (
            &["there", "--sdk", &sdk][..],
            1,
            "there is there already; choose another name",
        ),
        (
            &["No Name"],
            2,
            "the name \"No Name\" has 'N' in it; a handler's name begins with",
        ),
        (&["../up"], 2, "has '.' in it"),
        (&["self"], 2, "is taken by Rust"),
        (
            &["x", "--sdk", "."],
            1,
            "Pelton's SDK is not in .; name the folder plugins/sdk",
        ),
    ] {
        let arguments = [&["new"], arguments].concat();
        let said = pelton(&folder, &arguments)?;
        ensure!(
            said.code == code && said.error.contains(expected),
            "{arguments:?}: {}",
            said.error
        );
    }
    assert_eq!(fs::read_dir(&folder)?.count(), 1, "nothing is left behind");
    Ok(())
}

#[test]
fn an_update_writes_what_the_handler_does_and_nothing_else() -> Result<()> {
    let folder = handler("update", "misbehave", "")?;
    let message = "# Mine.\n[message] # in\nkey = \"k\"\nvalue = 'say \"hi\"'\n";
    let one = fixture(&folder, "one", message)?;
    let two = fixture(
        &folder,
        "within",
        "[message]\nvalue = \"reject:no\"\n\n# Why.\n[expect]\noutputs = []\n",
    )?;
    let fine = "[message]\nvalue='a'\n[[expect.outputs]]\nvalue='a' # as it came\n";
    let three = fixture(&folder, "fine", fine)?;
    let said = pelton(&folder, &["test"])?;
    said.tells(1, "nothing is expected yet")?;
    assert_eq!(
        fs::read_to_string(&one)?,
        message,
        "a test alone changes no file"
    );
    let said = pelton(&folder, &["test", "--update"])?;
    said.tells(0, "1 passed, 2 updated of 3")?;
    let told = "\n[[expect.outputs]]\ntopic = \"out\"\nkey = \"k\"\nvalue = 'say \"hi\"'\n";
    assert_eq!(fs::read_to_string(one)?, format!("{message}{told}"));
    assert_eq!(
        fs::read_to_string(two)?,
        "[message]\nvalue = \"reject:no\"\n\n# Why.\n[expect.failure]\nkind = \"reject\"\ntext = \"no\"\n"
    );
    assert_eq!(fs::read_to_string(three)?, fine);
    assert_eq!(pelton(&folder, &["test"])?.code, 0);
    Ok(())
}

#[test]
fn a_trap_a_loop_and_a_broken_fixture_end_nothing_else() -> Result<()> {
    let further = "[handlers.tested.limits]\ntime-per-message = \"100ms\"\n";
    let folder = handler("failing", "misbehave", further)?;
    let fails = |value: &str, kind: &str| {
        format!("[message]\nvalue = \"{value}\"\n\n[expect.failure]\nkind = \"{kind}\"\n")
    };
    fixture(&folder, "trap", &fails("trap", "trap"))?;
    fixture(&folder, "loop", &fails("loop", "time-limit"))?;
    fixture(&folder, "wrong", &fails("fine", "reject"))?;
    fixture(
        &folder,
        "zz",
        &format!("[message]\nvalue = \"last\"\n\n{}", out("last")),
    )?;
    fs::write(
        folder.join("fixtures/broken.toml"),
        b"[message]\nvalue = \"\xff\"\n",
    )?;
    let report = folder.join("report.xml").display().to_string();
    let said = pelton(&folder, &["test", "--json", "--junit", &report])?;
    assert_eq!(said.code, 1);
    let told = said.json()?;
    let ended: Vec<String> = told["handlers"][0]["fixtures"]
        .as_array()
        .context("no fixtures")?
        .iter()
        .map(|case| format!("{} {}", case["name"], case["ended"]).replace('"', ""))
        .collect();
    assert_eq!(
        ended,
        [
            "broken broken",
            "loop passed",
            "trap passed",
            "wrong failed",
            "zz passed"
        ]
    );
    let broken = &told["handlers"][0]["fixtures"][0]["problems"][0]["what"];
    ensure!(
        broken.to_string().contains("broken.toml:2: not UTF-8 text"),
        "{broken}"
    );
    let xml = fs::read_to_string(report)?;
    ensure!(
        xml.contains("tests=\"5\" errors=\"1\" failures=\"1\"") && xml.contains("name=\"wrong\""),
        "{xml}"
    );
    Ok(())
}

#[test]
fn wrong_usage_and_missing_folders_have_codes_of_their_own() -> Result<()> {
    let folder = handler("usage", "passthrough", "")?;
    fs::remove_dir(folder.join("fixtures"))?;
    for (arguments, code, expected) in [
        (
            &["test"][..],
            78,
            "handler tested: there is no folder fixtures with fixtures",
        ),
        (
            &["test", "--fixtures", "none"],
            2,
            "there is no folder none with fixtures",
        ),
        (&["test", "--fixtures", "."], 1, "pelton: broken"),
        (
            &["test", "other"],
            2,
            "pelton.toml has no handler other; it has tested",
        ),
        (
            &["test", "-c", "none.toml"],
            78,
            "can't read the configuration file none.toml",
        ),
    ] {
        let said = pelton(&folder, arguments)?;
        let all = format!("{}{}", said.out, said.error);
        ensure!(
            said.code == code && all.contains(expected),
            "{arguments:?}: {} {all}",
            said.code
        );
    }
    fs::create_dir(folder.join("fixtures"))?;
    let said = pelton(&folder, &["test"])?;
    ensure!(
        said.code == 78 && said.error.contains("no fixture is in fixtures"),
        "{}",
        said.error
    );
    fs::write(folder.join("tested.wasm"), "hello")?;
    let said = pelton(&folder, &["test"])?;
    ensure!(
        said.code == 78
            && said
                .error
                .contains("handler tested: tested.wasm: not a WebAssembly file"),
        "{}",
        said.error
    );
    Ok(())
}

#[test]
fn a_thousand_fixtures_pass_in_one_run() -> Result<()> {
    let folder = handler("thousand", "passthrough", "")?;
    for number in 0..1000 {
        let text = format!(
            "[message]\nvalue = \"{number}\"\n\n{}",
            out(&number.to_string())
        );
        fixture(&folder, &format!("n{number}"), &text)?;
    }
    let begun = Instant::now();
    let said = pelton(&folder, &["test"])?;
    println!(
        "a thousand fixtures, delivered again and after a crash: {:?}",
        begun.elapsed()
    );
    said.tells(0, "1000 passed of 1000")?;
    Ok(())
}

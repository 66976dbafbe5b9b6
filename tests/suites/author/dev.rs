//! `pelton dev`: builds, swaps, shows messages, and gives fixtures to what it has swapped in.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use pelton_harness::{DaemonOptions, TestDaemon, paths};

use super::pelton;

pub(super) const LIMIT: Duration = Duration::from_secs(120);

/// `pelton dev` in this folder, with further arguments.
pub(super) fn dev(options: DaemonOptions, arguments: &[&str]) -> Result<TestDaemon> {
    let target = paths::repository().join("plugins/target");
    let options = options
        .instead(paths::pelton()?)
        .environment("CARGO_TARGET_DIR", &target.display().to_string())
        .argument("dev");
    let options = arguments
        .iter()
        .fold(options, |options, argument| options.argument(argument));
    options.start()
}

/// A new project in this folder, of this name.
pub(super) fn project(folder: &Path, name: &str) -> Result<PathBuf> {
    let sdk = paths::repository().join("plugins/sdk");
    let made = pelton(folder, &["new", name, "--sdk", &sdk.display().to_string()])?;
    ensure!(made.code == 0, "no project");
    Ok(folder.join(name))
}

/// What a line about an output says.
pub(super) fn out(topic: &str, value: &str) -> String {
    format!("to=\"{topic}\" key=\"user-123\" value=\"{value}\"")
}

/// Replaces the one expression of the source that makes the output.
pub(super) fn edit(project: &Path, expression: &str) -> Result<()> {
    let source = project.join("src/lib.rs");
    let text = fs::read_to_string(&source)?;
    let (before, rest) = text.split_once(".value(").context("no value is set")?;
    let (_, after) = rest.split_once(") // …").context("no value is set")?;
    Ok(fs::write(
        source,
        format!("{before}.value({expression}) // …{after}"),
    )?)
}

#[test]
fn fixtures_are_given_to_the_first_revision_and_to_each_that_is_swapped_in() -> Result<()> {
    let options = DaemonOptions::new("dev")?;
    let project = project(options.folder(), "fed")?;
    let fixtures = project.join("fixtures");
    let config = "[clusters.default]\nbootstrap-servers = [\"localhost:1\"]\n[handlers.fed]\ncomponent = \"fed/fed.wasm\"\n\
                  source = \"fed\"\ntopics = [\"fed-in\"]\noutputs = [\"fed-out\"]\n";
    let mut dev = dev(options.config(config)?, &["--fixtures", "fed/fixtures"])?;
    dev.wait_for_log(&out("fed-out", "HELLO"), LIMIT)?;
    edit(&project, "text.to_lowercase()")?;
    dev.wait_for_log(&out("fed-out", "hello"), LIMIT)?;

    // What is wrong is told and passed over.
    fs::write(fixtures.join("broken.toml"), "[message]\nvalue = 5\n")?;
    fs::write(
        fixtures.join("stray.toml"),
        "[message]\ntopic = \"elsewhere\"\nvalue = \"x\"\n",
    )?;
    edit(&project, "text.repeat(2)")?;
    dev.wait_for_log(&out("fed-out", "hellohello"), LIMIT)?;
    assert_eq!(dev.log_count("fixture not given"), 2);
    assert_eq!(dev.log_count("broken.toml:2:"), 1);
    assert_eq!(
        dev.log_count("its topic is elsewhere, and the handler reads fed-in"),
        1
    );

    // So is a folder that is gone.
    fs::rename(&fixtures, project.join("away"))?;
    edit(&project, "text.repeat(3)")?;
    dev.wait_for_log("no fixtures are given: there is no folder", LIMIT)?;
    fs::rename(project.join("away"), &fixtures)?;
    edit(&project, "text.repeat(4)")?;
    dev.wait_for_log(&out("fed-out", &"hello".repeat(4)), LIMIT)?;
    dev.wait_for_log_times("revision has answered its first message", 4, LIMIT)?;
    let log = fs::read_to_string(dev.folder().join("stderr.log"))?;
    for line in log.lines().filter(|line| line.contains("answered its")) {
        println!("{line}");
    }
    assert_eq!(dev.log_count("after_compiler="), 4);
    assert_eq!(dev.log_count(" given="), 4, "once for each revision");
    assert_eq!(dev.log_count(&out("fed-out", "hello")), 1);
    assert_eq!(dev.stop(LIMIT)?, 0);
    Ok(())
}

#[test]
fn each_of_several_handlers_is_given_its_own_fixtures() -> Result<()> {
    let options = DaemonOptions::new("dev-several")?.component("passthrough")?;
    let mut config = "[clusters.default]\nbootstrap-servers = [\"localhost:1\"]\n".to_owned();
    for name in ["one", "two"] {
        // Where nothing is committed and the group begins at the end, what came before it began is not for it.
        let handler = format!(
            "[handlers.{name}]\ncomponent = \"passthrough.wasm\"\ntopics = [\"{name}-in\"]\noutputs = [\"{name}-out\"]\n\
             start = \"latest\"\ntest = {{ fixtures = \"{name}\" }}\n"
        );
        config.push_str(&handler);
        let folder = options.folder().join(name);
        fs::create_dir(&folder)?;
        let text = format!("[message]\nkey = \"user-123\"\nvalue = \"for {name}\"\n");
        fs::write(folder.join("its.toml"), text)?;
    }
    let options = options.config(&config)?;
    let refused = pelton(options.folder(), &["dev", "--fixtures", "one"])?;
    ensure!(
        refused.code == 2 && refused.error.contains("pelton.toml has one, two"),
        "{}: {}",
        refused.code,
        refused.error
    );
    let mut dev = dev(options, &["--fixtures"])?;
    for name in ["one", "two"] {
        dev.wait_for_log(&out(&format!("{name}-out"), &format!("for {name}")), LIMIT)?;
    }
    assert_eq!(dev.log_count("out handler="), 2);
    assert_eq!(dev.stop(LIMIT)?, 0);
    Ok(())
}

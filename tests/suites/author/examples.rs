//! The examples, by the fixtures that stand beside them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use pelton_harness::paths;

use super::pelton;

/// The names of the examples, which are those of their handlers.
fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(paths::repository().join("examples"))? {
        let path = entry?.path();
        if path.join("Cargo.toml").is_file() {
            let name = path.file_name().context("a folder's name")?;
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// A copy of an example as it is deployed: its component, its fixtures and its configuration, which may be that of
/// several, without the source. What has none is tested as it is.
fn example(name: &str) -> Result<PathBuf> {
    let folder = paths::fresh_folder(name)?;
    let examples = paths::repository().join("examples");
    let (own, shared) = (
        examples.join(name).join("pelton.toml"),
        examples.join("pelton.toml"),
    );
    let (config, source) = match own.is_file() {
        true => (own, "."),
        false => (shared, name),
    };
    let source = format!("source = \"{source}\"\n");
    let text = fs::read_to_string(config)?;
    ensure!(text.contains(&source), "{name} has no source");
    fs::write(folder.join("pelton.toml"), text.replace(&source, ""))?;
    let component = name.replace('-', "_");
    fs::copy(
        paths::guest(&component)?,
        folder.join(format!("{component}.wasm")),
    )?;
    copy(
        &examples.join(name).join("fixtures"),
        &folder.join("fixtures"),
    )?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("no {}", from.display()))? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[test]
fn every_example_passes_its_fixtures() -> Result<()> {
    let names = names()?;
    ensure!(names.len() >= 4, "{names:?}");
    for name in names {
        let folder = example(&name)?;
        let fixtures = fs::read_dir(folder.join("fixtures"))?.count();
        let tested = pelton(&folder, &["test", &name])?;
        tested.tells(0, &format!("{name}: {fixtures} passed of {fixtures}"))?;
    }
    Ok(())
}

#[test]
fn http_requests_are_answered_by_fixtures_and_by_nothing_else() -> Result<()> {
    let folder = example("enrich")?;
    let tested = pelton(&folder, &["test"])?;
    tested.tells(0, "enrich: 4 passed of 4")?;
    let inspected = pelton(&folder, &["inspect", "enrich.wasm"])?;
    inspected.tells(0, "http = [\"https://HOST\"] in [handlers.NAME.grants]")?;
    // What is asked for and not answered is told, and so is what is answered and not asked for.
    let known = folder.join("fixtures/known.toml");
    let text = fs::read_to_string(&known)?;
    fs::write(&known, text.replace("v1/user-7", "v2/user-7"))?;
    let tested = pelton(&folder, &["test"])?;
    tested.tells(1, "+ GET https://users.example.com/v1/user-7")?;
    tested.tells(1, "- GET https://users.example.com/v2/user-7")?;
    let updated = pelton(&folder, &["test", "--update"])?;
    updated.tells(1, "- GET https://users.example.com/v2/user-7")?;
    // Without the grant there is no handler to test.
    let config = folder.join("pelton.toml");
    let text = fs::read_to_string(&config)?;
    fs::write(&config, text.replace("http = [", "# http = ["))?;
    let refused = pelton(&folder, &["test"])?;
    ensure!(
        refused.code == 78 && refused.error.contains("in [handlers.enrich.grants]"),
        "{}: {}",
        refused.code,
        refused.error
    );
    Ok(())
}

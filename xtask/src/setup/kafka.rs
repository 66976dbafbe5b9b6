//! Apache Kafka's jars, by Maven, as the poms in `tests/harness/kafka` pin them.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{paths, shell};

/// Each Kafka the tests run: its folder under `target/kafka`, and its pom.
const KAFKAS: &[(&str, &str)] = &[("4", "pom.xml"), ("3.9", "pom-3.9.xml")];

/// Fetches what isn't there.
///
/// # Errors
/// When Maven fails.
pub fn jars() -> Result<()> {
    KAFKAS.iter().try_for_each(|(name, pom)| fetch(name, pom))
}

/// Fetches one Kafka. The pom is copied beside the jars at the end: so a changed pom, or a fetch that
/// was interrupted, is fetched again.
fn fetch(name: &str, pom: &str) -> Result<()> {
    let pom = paths::root().join("tests/harness/kafka").join(pom);
    let wanted = fs::read(&pom).with_context(|| format!("can't read {}", pom.display()))?;
    let folder = paths::target().join("kafka").join(name);
    let stamp = folder.join("pom.xml");
    if fs::read(&stamp).is_ok_and(|fetched| fetched == wanted) {
        println!("kafka {name}: there");
        return Ok(());
    }
    println!("kafka {name}: fetching its jars by Maven (55 MB, 5 to 60 s)");
    remove(&folder)?;
    let mut maven = shell::command(
        "mvn",
        &[
            "-q",
            "-B",
            "-ntp",
            "-Dstyle.color=never",
            "dependency:copy-dependencies",
            "-f",
        ],
    );
    maven.arg(&pom).arg(format!(
        "-DoutputDirectory={}",
        folder.join("libs").display()
    ));
    shell::run("maven", maven, None)?;
    fs::write(&stamp, wanted).with_context(|| format!("can't write {}", stamp.display()))
}

/// Removes a folder, if there is one.
fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("can't remove {}", folder.display()))?;
    }
    Ok(())
}

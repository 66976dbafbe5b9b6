//! Component files: how they are named, and whether they are there; and the fixtures that stand beside them.

use std::path::{Path, PathBuf};

use crate::{
    Component, Config,
    findings::{Finding, Findings},
    key::Key,
};

pub(super) fn validate(
    at: &Key,
    raw: Option<String>,
    file: &Path,
    findings: &mut Findings<'_>,
) -> Component {
    let table = at.parent().unwrap_or_default();
    let written = raw.unwrap_or_else(|| {
        let finding = Finding::new(format!("`{table}` has no `component`")).name(at, "");
        findings.refuse(
            finding.help("add component = \"handler.wasm\", found from this file's folder"),
        );
        ".".to_owned()
    });
    if written.is_empty() {
        let finding = Finding::new(format!("`{at}` is empty")).value(at, "");
        findings.refuse(finding.help("name the .wasm file, found from this file's folder"));
    } else if written.contains("://") {
        let finding = Finding::new(format!("`{at}` is not a file")).value(at, "");
        findings.refuse(finding.help(
            "fetch the component into a file; other sources are not available in this version",
        ));
    }
    let path = file.parent().unwrap_or(Path::new("")).join(&written);
    Component { path, written }
}

/// Where a handler's fixtures are: as given, or else beside what they test.
pub(super) fn fixtures(
    given: Option<String>,
    file: &Path,
    source: Option<&Path>,
    component: &Component,
) -> PathBuf {
    if let Some(given) = given {
        return file.parent().unwrap_or(Path::new("")).join(given);
    }
    let beside = source.or_else(|| component.path.parent());
    beside.unwrap_or(Path::new("")).join("fixtures")
}

/// Whether each component file is there.
pub(crate) fn components(config: &Config, findings: &mut Findings<'_>) {
    for handler in config.handlers.values() {
        let key = Key::new(["handlers", &handler.name, "component"]);
        let path = handler.component.path.as_path();
        let wrong = match path.metadata() {
            Ok(found) if found.is_file() => continue,
            Ok(_) => "is not a file".to_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                "does not exist".to_owned()
            }
            Err(error) => format!("can't be read: {error}"),
        };
        let finding = Finding::new(format!(
            "the component of handler `{}` {wrong}",
            handler.name
        ));
        findings.refuse(
            finding
                .value(&key, format!("this is {}", path.display()))
                .help("build it, or correct the path; it is found from the configuration file's folder"),
        );
    }
}

//! What `${…}` stands for: the environment, files, and systemd's credentials.

use std::{
    env,
    fs::{File, Metadata},
    io::Read,
    path::{Path, PathBuf},
};

/// What is longer than this is no secret, but some other file.
const LARGEST: u64 = 64 << 10;
/// Names the folder of the credentials that systemd hands a service (`LoadCredential`).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// What a name in the configuration file at `config` stands for; `None` where it stands for nothing.
pub(crate) fn value(config: &Path, name: &str) -> Option<String> {
    let beside = config.parent().unwrap_or(Path::new(""));
    match path(name) {
        None => env::var(name).ok(),
        Some(path) => content(&beside.join(path?)),
    }
}

/// The file that a name means, if it means one.
fn path(name: &str) -> Option<Option<PathBuf>> {
    if let Some(path) = name.strip_prefix("file:") {
        return Some(Some(path.into()));
    }
    let credential = name.strip_prefix("credential:")?;
    let plain = !credential.is_empty() && !credential.contains('/') && credential != "..";
    let folder = env::var_os(CREDENTIALS).filter(|_| plain);
    Some(folder.map(|folder| Path::new(&folder).join(credential)))
}

/// Text without the newline that editors put at its end.
fn content(path: &Path) -> Option<String> {
    // A pipe would be waited for.
    path.metadata().ok().filter(Metadata::is_file)?;
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    (text.len() as u64 <= LARGEST).then(|| text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_found_from_the_configuration_and_its_last_newline_is_no_part_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("pelton.toml");
        fs::write(folder.path().join("secret"), "two words\n").unwrap();
        assert_eq!(value(&config, "file:secret").as_deref(), Some("two words"));
        assert_eq!(value(&config, "file:missing"), None);
        assert_eq!(value(&config, "credential:secret"), None);
        fs::write(folder.path().join("large"), "x".repeat(70_000)).unwrap();
        assert_eq!(value(&config, "file:large"), None);
    }
}

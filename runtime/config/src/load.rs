//! The way in: a file or a text becomes a [`Config`], or everything that is wrong with it.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{
    Admin, Config, Error, findings::Findings, key::Key, outside, problem::Report, read::read,
    validate,
};

/// Where a configuration is looked for that nobody names: where somebody works, then where a package puts it.
const PLACES: [&str; 2] = ["pelton.toml", "/etc/pelton/pelton.toml"];

/// A configuration is written by hand: what is larger than this is some other file.
const LARGEST_FILE: u64 = 1 << 20;

/// The configuration file where nobody names one: `pelton.toml` in the current folder, or else
/// `/etc/pelton/pelton.toml`.
///
/// # Errors
/// [`Error::Nowhere`] where there is neither.
pub fn find() -> Result<PathBuf, Error> {
    found(&PLACES.map(PathBuf::from))
}

/// The first that is there, whatever it is: reading it says what is wrong with it.
fn found(places: &[PathBuf]) -> Result<PathBuf, Error> {
    let is_there = |place: &&PathBuf| {
        let found = fs::symlink_metadata(place);
        !found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let first = places.iter().find(is_there).cloned();
    first.ok_or_else(|| Error::Nowhere {
        looked_for: places.to_vec(),
    })
}

/// Reads and checks a configuration file, with the process's environment and the files that it names.
///
/// Component files may be missing, as while they are being built; [`check`] asks for them too.
///
/// # Errors
/// [`Error::Read`] where the file can't be read, [`Error::Invalid`] with everything that is wrong with it.
pub fn load(path: &Path) -> Result<Config, Error> {
    parse(&text_of(path)?, path, &|name| outside::value(path, name))
}

/// As [`load`], and every component file must be there.
///
/// # Errors
/// As [`load`].
pub fn check(path: &Path) -> Result<Config, Error> {
    let text = text_of(path)?;
    examine(&text, path, &|name| outside::value(path, name), true)
}

/// Reads where the daemon of a file is asked, also where something else is wrong with the file: a daemon that refuses it
/// goes on at the address that it had.
///
/// # Errors
/// As [`load`], where that doesn't stand there.
pub fn admin(path: &Path) -> Result<Admin, Error> {
    let text = text_of(path)?;
    let (raw, mut findings) = read(&text, &|name| outside::value(path, name));
    let config = raw.map(|raw| validate::validate(raw, path, &mut findings));
    let (problems, _) = findings.into_parts();
    let admin = Key::new(["admin"]);
    match config {
        Some(config) if !problems.iter().any(|problem| problem.is_about(&admin)) => {
            Ok(config.admin)
        }
        _ => {
            let name = path.display().to_string();
            Err(Error::Invalid(Report::new(name, text, problems)))
        }
    }
}

/// Reads and checks a configuration from a text, as if it stood in the file of that name.
///
/// # Errors
/// [`Error::Invalid`] with everything that is wrong with it.
pub fn parse(
    text: &str,
    file: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Error> {
    examine(text, file, environment, false)
}

fn examine(
    text: &str,
    file: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    with_components: bool,
) -> Result<Config, Error> {
    let name = file.display().to_string();
    let (raw, mut findings) = read(text, environment);
    let config = raw.map(|raw| {
        let config = validate::validate(raw, file, &mut findings);
        if with_components {
            validate::components(&config, &mut findings);
        }
        config
    });
    finish(name, text, config, findings)
}

fn finish(
    name: String,
    text: &str,
    config: Option<Config>,
    findings: Findings<'_>,
) -> Result<Config, Error> {
    let (problems, warnings) = findings.into_parts();
    match config {
        Some(config) if problems.is_empty() => Ok(Config { warnings, ..config }),
        _ => Err(Error::Invalid(Report::new(name, text.to_owned(), problems))),
    }
}

pub(crate) fn text_of(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(Error::TooLarge {
            path: path.to_owned(),
        });
    }
    String::from_utf8(bytes).map_err(|error| Error::NotText {
        path: path.to_owned(),
        line: error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_that_is_there_is_found_and_else_all_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let places = ["here.toml", "there.toml"].map(|name| folder.path().join(name));
        let told = found(&places).unwrap_err().to_string();
        for place in &places {
            assert!(told.contains(&place.display().to_string()), "{told}");
        }
        for place in places.iter().rev() {
            fs::write(place, "").unwrap();
            assert_eq!(&found(&places).unwrap(), place);
        }
    }
}

//! A new handler's folder, made of the files in `project/`.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// The files, each with its path in the project.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../project/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("../project/lib.rs")),
    ("pelton.toml", include_str!("../project/pelton.toml")),
    ("README.md", include_str!("../project/README.md")),
    (".gitignore", include_str!("../project/gitignore")),
    (
        "fixtures/shouts.toml",
        include_str!("../project/fixtures/shouts.toml"),
    ),
    (
        "fixtures/not-text.toml",
        include_str!("../project/fixtures/not-text.toml"),
    ),
    (
        "fixtures/tombstone.toml",
        include_str!("../project/fixtures/tombstone.toml"),
    ),
];

/// Longest name: topics, groups and files are named after it.
const LONGEST: usize = 64;

/// Names that Rust or the SDK has taken, as crates' names are written.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "pelton_sdk",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// What is wrong with a name, and what would be right; `None` if nothing is.
pub fn wrong_name(name: &str) -> Option<String> {
    let rule = "a handler's name begins with one of the letters a to z, and goes on with such letters, digits, `-` and `_`";
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() {
        return Some(format!("the name is empty; {rule}"));
    }
    if let Some(wrong) = name.chars().find(|c| !allowed(*c)) {
        return Some(format!("the name {name:?} has {wrong:?} in it; {rule}"));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some(format!("the name {name:?} begins with no letter; {rule}"));
    }
    if name.len() > LONGEST {
        let length = name.len();
        return Some(format!(
            "the name has {length} characters, and {LONGEST} are the most; choose a shorter one"
        ));
    }
    TAKEN
        .contains(&crate_name(name).as_str())
        .then(|| format!("the name {name:?} is taken by Rust or by Pelton's SDK; choose another"))
}

/// Makes the folder `name` in `parent`, with a handler that builds and passes its test. `sdk` is the SDK's folder.
/// Returns the folder.
///
/// # Errors
/// Something of that name is there, or a file can't be written.
pub fn create(parent: &Path, name: &str, sdk: &Path) -> Result<PathBuf> {
    let folder = parent.join(name);
    if let Err(error) = fs::create_dir(&folder) {
        let shown = folder.display();
        match error.kind() {
            ErrorKind::AlreadyExists => {
                bail!("{shown} is there already; choose another name, or move it away first")
            }
            ErrorKind::PermissionDenied => bail!(
                "{shown} can't be made: no permission to write in {}; make it in a folder of your own",
                here(parent)?.display()
            ),
            _ => return Err(error).with_context(|| format!("{shown} can't be made")),
        }
    }
    // The versions that the SDK is tested with; cargo drops what the project has no use for.
    let lock = sdk.with_file_name("Cargo.lock");
    if lock.is_file() {
        let copy = folder.join("Cargo.lock");
        fs::copy(&lock, &copy).with_context(|| format!("{} can't be written", copy.display()))?;
    }
    let sdk = relative(&here(&folder)?, sdk)?;
    for (file, text) in FILES {
        let path = folder.join(file);
        let text = text
            .replace("{{name}}", name)
            .replace("{{crate}}", &crate_name(name))
            .replace("{{sdk}}", &sdk);
        let written = match path.parent() {
            Some(within) => fs::create_dir_all(within).and_then(|()| fs::write(&path, text)),
            None => fs::write(&path, text),
        };
        written.with_context(|| format!("{} can't be written", path.display()))?;
    }
    Ok(folder)
}

/// The SDK's folder: the one that is given, `PELTON_SDK`, or the one of a clone of Pelton's repository that the current
/// folder or the running program is in, or that stands beside the current folder.
///
/// # Errors
/// None of them is there.
pub fn find_sdk(given: Option<&Path>) -> Result<PathBuf> {
    let from_environment = env::var_os("PELTON_SDK").map(PathBuf::from);
    if let Some(folder) = given.map(Path::to_owned).or(from_environment) {
        if is_sdk(&folder) {
            return here(&folder);
        }
        // The repository itself is easily meant.
        let within = folder.join("plugins/sdk");
        let hint = match is_sdk(&within) {
            true => format!("did you mean {}?", within.display()),
            false => "name the folder plugins/sdk of a clone of Pelton's repository".to_owned(),
        };
        bail!("Pelton's SDK is not in {}; {hint}", folder.display());
    }
    let current = env::current_dir().context("the current folder can't be found")?;
    let program = env::current_exe().unwrap_or_default();
    let places = current.ancestors().chain(program.ancestors());
    let clones = places.map(Path::to_owned).chain([current.join("pelton")]);
    let beside = current.parent().map(|parent| parent.join("pelton"));
    clones
        .chain(beside)
        .map(|clone| clone.join("plugins/sdk"))
        .find(|folder| is_sdk(folder))
        .context(
            "Pelton's SDK can't be found; clone Pelton's repository and name its folder plugins/sdk with --sdk FOLDER (or PELTON_SDK)",
        )
}

fn is_sdk(folder: &Path) -> bool {
    fs::read_to_string(folder.join("Cargo.toml"))
        .is_ok_and(|manifest| manifest.contains("name = \"pelton-sdk\""))
}

fn crate_name(name: &str) -> String {
    name.replace('-', "_")
}

fn here(folder: &Path) -> Result<PathBuf> {
    // An empty path is the current folder to everything but this.
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    fs::canonicalize(folder).with_context(|| format!("{} can't be found", folder.display()))
}

/// The way from one folder to another, as a manifest writes it: like `cargo add --path`, so that both can move
/// together.
fn relative(from: &Path, to: &Path) -> Result<String> {
    let (mut from, mut to) = (from.components().peekable(), to.components().peekable());
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    let up = from.map(|_| "..".to_owned());
    let down = to.map(|part| part.as_os_str().to_string_lossy().into_owned());
    let path = up.chain(down).collect::<Vec<_>>().join("/");
    let odd = |c: char| matches!(c, '"' | '\\' | '\u{fffd}') || c.is_control();
    if path.contains(odd) {
        bail!(
            "the path {path:?} to Pelton's SDK can't be written into Cargo.toml; move it to one without such characters"
        );
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_with_the_reason() {
        for (name, expected) in [
            ("", "is empty"),
            ("Shout", "has 'S' in it"),
            ("../shout", "has '.' in it"),
            ("a b", "has ' ' in it"),
            ("größe", "has 'ö' in it"),
            ("7up", "begins with no letter"),
            ("-x", "begins with no letter"),
            ("test", "is taken"),
            ("pelton-sdk", "is taken"),
        ] {
            let wrong = wrong_name(name).unwrap();
            assert!(wrong.contains(expected), "{name}: {wrong}");
        }
        assert!(
            wrong_name(&"a".repeat(65))
                .unwrap()
                .contains("64 are the most")
        );
        assert_eq!(wrong_name("order-processing_2"), None);
    }

    #[test]
    fn the_way_to_the_sdk_is_relative() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to)).unwrap();
        assert_eq!(
            way("/a/shout", "/a/pelton/plugins/sdk"),
            "../pelton/plugins/sdk"
        );
        assert_eq!(way("/a", "/a/sdk"), "sdk");
        assert!(relative(Path::new("/a"), Path::new("/b\"c")).is_err());
    }
}

//! Building again when a source has changed.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result};

use crate::{CargoOutput, Toolchain, strip};

/// Builds one handler's folder as often as its sources change, and puts the file where the daemon looks for it.
#[derive(Clone, Debug)]
pub struct Rebuilder {
    toolchain: Toolchain,
    folder: PathBuf,
    component: PathBuf,
    built: Option<u64>,
}

impl Rebuilder {
    /// For the sources in `folder`, to become the file `component`. Nothing is built yet.
    pub fn new(
        toolchain: Toolchain,
        folder: impl Into<PathBuf>,
        component: impl Into<PathBuf>,
    ) -> Self {
        Self {
            toolchain,
            folder: folder.into(),
            component: component.into(),
            built: None,
        }
    }

    /// The folder with the sources.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a source differs from what [`rebuild`](Self::rebuild) last tried to build. Cheap enough to
    /// ask every half second: it looks at the names, sizes and times of the folder's files, not into them.
    pub fn is_stale(&self) -> bool {
        self.built != Some(fingerprint(&self.folder))
    }

    /// Builds the handler, and replaces the component if something else came out. Says whether it did.
    ///
    /// # Errors
    /// The build fails, or the file can't be written. Until a source changes it is not stale all the same:
    /// another try would end alike.
    pub fn rebuild(&mut self, output: CargoOutput) -> Result<bool> {
        let file = self.compile(output)?;
        self.place(&file)
    }

    /// The first half of [`rebuild`](Self::rebuild): what the compiler makes, where cargo leaves it.
    ///
    /// # Errors
    /// The build fails.
    pub fn compile(&mut self, output: CargoOutput) -> Result<PathBuf> {
        self.built = Some(fingerprint(&self.folder));
        self.toolchain.build(&self.folder, output)
    }

    /// The second half: that file becomes the component. Says whether it is another than before.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn place(&self, file: &Path) -> Result<bool> {
        place(file, &self.component)
    }
}

/// Whether a component is missing, or older than one of its sources. Files in `besides` are no sources.
pub fn is_behind(component: &Path, folder: &Path, besides: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|entry| entry.modified()).ok();
    let Some(built) = modified(component) else {
        return true;
    };
    let mut files = Vec::new();
    list(folder, &mut files);
    files
        .iter()
        .filter(|file| !file.starts_with(besides))
        .filter_map(|file| modified(file))
        .any(|changed| changed > built)
}

/// Makes `component` a copy of the file that was built, in one step, so that no one sees half of it. Where it
/// is that already nothing is written. Says whether something was. What the file has of debug information comes to stand
/// beside it, in `NAME.debug.wasm`.
///
/// # Errors
/// The one can't be read or the other can't be written.
pub fn place(file: &Path, component: &Path) -> Result<bool> {
    let mut built = fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
    if let Some(stripped) = strip::without_debug(&built) {
        // It first: whoever sees the component finds it.
        put(&built, &component.with_extension("debug.wasm"))?;
        built = stripped;
    }
    if fs::read(component).is_ok_and(|there| there == built) {
        // Newer than its sources all the same, or `is_behind` would call for another build for ever.
        let touched = fs::File::options().append(true).open(component);
        let _ = touched.and_then(|file| file.set_modified(SystemTime::now()));
        return Ok(false);
    }
    put(&built, component)?;
    Ok(true)
}

/// Writes a file in one step.
fn put(bytes: &[u8], file: &Path) -> Result<()> {
    let write = || {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut name = file.as_os_str().to_owned();
        name.push(".new");
        fs::write(&name, bytes)?;
        fs::rename(&name, file)
    };
    write().with_context(|| format!("could not write {}", file.display()))
}

/// A hash of names, sizes and times of all files in a folder, but for those that a build makes.
fn fingerprint(folder: &Path) -> u64 {
    let mut files = Vec::new();
    list(folder, &mut files);
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        if let Ok(entry) = fs::metadata(&file) {
            (entry.len(), entry.modified().ok()).hash(&mut hasher);
        }
        file.hash(&mut hasher);
    }
    hasher.finish()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        if !is_source(&name.to_string_lossy()) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&path, files),
            Ok(_) => files.push(path),
            Err(_) => {}
        }
    }
}

/// Not what begins with a dot (editors' and version control's own), and not what a build or a run writes.
fn is_source(name: &str) -> bool {
    !name.starts_with('.')
        && !["target", "Cargo.lock"].contains(&name)
        && ![".wasm", ".wasm.new", ".log"]
            .iter()
            .any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_placed_once() {
        let folder = tempfile::tempdir().unwrap();
        let (file, component) = (
            folder.path().join("built"),
            folder.path().join("deep/handler.wasm"),
        );
        fs::write(&file, "one").unwrap();
        assert!(place(&file, &component).unwrap());
        assert!(!place(&file, &component).unwrap());
        fs::write(&file, "two").unwrap();
        assert!(place(&file, &component).unwrap());
        assert_eq!(fs::read_to_string(&component).unwrap(), "two");
        assert_eq!(
            fs::read_dir(component.parent().unwrap()).unwrap().count(),
            1
        );
    }

    #[test]
    fn a_component_is_behind_until_it_is_newer_than_its_sources() {
        let folder = tempfile::tempdir().unwrap();
        let (source, component) = (folder.path().join("lib.rs"), folder.path().join("h.wasm"));
        let fixtures = folder.path().join("fixtures");
        let behind = || is_behind(&component, folder.path(), &fixtures);
        assert!(behind());
        fs::write(&source, "").unwrap();
        fs::write(&component, "built").unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        let touch = |path: &Path, time| {
            let file = fs::File::options().append(true).open(path).unwrap();
            file.set_modified(time).unwrap();
        };
        touch(&component, later);
        assert!(!behind());
        fs::create_dir(&fixtures).unwrap();
        fs::write(fixtures.join("a.toml"), "").unwrap();
        touch(
            &fixtures.join("a.toml"),
            later + std::time::Duration::from_secs(5),
        );
        assert!(!behind());
        touch(&source, later + std::time::Duration::from_secs(5));
        assert!(behind());
    }

    #[test]
    fn sources_make_it_stale_and_what_a_build_writes_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("src/lib.rs", "fn one() {}");
        let before = fingerprint(folder.path());
        for name in [
            "target/x",
            "Cargo.lock",
            ".git/index",
            "handler.wasm",
            "run.log",
        ] {
            write(name, "x");
        }
        assert_eq!(fingerprint(folder.path()), before);
        write("src/lib.rs", "fn one_and_two() {}");
        assert_ne!(fingerprint(folder.path()), before);
    }
}

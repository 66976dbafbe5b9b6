//! The folder's files: read, put into place, and removed again when they are too many.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::process::geteuid;
use tempfile::NamedTempFile;

use super::{CacheSettings, name::Name};

/// What the name of a file begins with that is being written.
pub(super) const BEGUN: &str = ".new-";
/// What the name of a file ends with that is kept.
const KEPT: &str = ".code";
/// A file that was begun so long ago was left behind.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);

/// A folder of this process's user.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    max_bytes: u64,
}

impl Folder {
    pub(super) fn open(settings: &CacheSettings) -> io::Result<Self> {
        let path = settings.folder.clone();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)?;
        let found = fs::metadata(&path)?;
        if found.uid() != geteuid().as_raw() {
            return Err(io::Error::other("the folder belongs to another user"));
        }
        if found.mode() & 0o022 != 0 {
            return Err(io::Error::other(
                "others than its owner may write to the folder; `chmod go-w` it",
            ));
        }
        Ok(Self {
            path,
            max_bytes: settings.max_bytes,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The content of a file, which counts as used now; `None` if there is none.
    pub(super) fn read(&self, name: &Name) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.file(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut content = Vec::new();
        (&file).take(self.max_bytes).read_to_end(&mut content)?;
        // A file system that doesn't note it forgets by age instead.
        let _ = file.set_modified(SystemTime::now());
        Ok(Some(content))
    }

    /// Puts a file into place, and removes others if they are too many.
    pub(super) fn write(&self, name: &Name, parts: [&[u8]; 2]) -> io::Result<()> {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        if bytes as u64 > self.max_bytes {
            return Ok(());
        }
        let mut file = NamedTempFile::with_prefix_in(BEGUN, &self.path)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.persist(self.file(name))?;
        self.trim()
    }

    /// Writes so many bytes, and removes them again.
    pub(super) fn has_room(&self, bytes: usize) -> io::Result<()> {
        let mut file = NamedTempFile::with_prefix_in(BEGUN, &self.path)?;
        io::copy(&mut io::repeat(0).take(bytes as u64), &mut file)?;
        Ok(())
    }

    /// One that is gone already, by another process's doing, is no matter.
    pub(super) fn remove(&self, name: &Name) {
        let _ = fs::remove_file(self.file(name));
    }

    fn file(&self, name: &Name) -> PathBuf {
        self.path.join(format!("{name}{KEPT}"))
    }

    /// Removes what was not used for the longest time, and what was begun and left behind.
    fn trim(&self) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // Another process may have removed it.
            let Ok(found) = entry.metadata() else {
                continue;
            };
            let (name, used) = (entry.file_name(), found.modified()?);
            let name = name.to_string_lossy();
            if name.ends_with(KEPT) {
                kept.push((used, found.len(), entry.path()));
            } else if name.starts_with(BEGUN) && used.elapsed().is_ok_and(|age| age > LEFT_BEHIND) {
                let _ = fs::remove_file(entry.path());
            }
        }
        kept.sort();
        let mut bytes: u64 = kept.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in kept {
            if bytes <= self.max_bytes {
                break;
            }
            let _ = fs::remove_file(path);
            bytes -= size;
        }
        Ok(())
    }
}

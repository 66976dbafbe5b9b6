//! What is kept of a handler for the next life of the daemon: its last good component, and what was rolled back.
//!
//! Invariants: a file is written under another name, synced and renamed, so that what is there is whole; content
//! is believed only if it has the digest that it is named by; nobody but the owner reads or writes any of it.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use pelton_revisions::{Digest, Memory, Refusal};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::report::hex;

/// The name of the index.
const INDEX: &str = "revisions.json";
/// The largest index that is read.
const LARGEST_INDEX: u64 = 1 << 20;
/// How contents are named after their digest.
const CONTENT: &str = "wasm";
/// What the name of a file begins with that is being written.
const BEGUN: &str = ".new-";

/// The folder of one handler.
pub(super) struct Store {
    folder: PathBuf,
}

/// The index as it stands in its file: digests in hexadecimal, for people.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Index {
    good: Option<String>,
    rolled_back: Option<RolledBack>,
}

#[derive(Serialize, Deserialize)]
struct RolledBack {
    component: String,
    why: String,
}

impl Store {
    /// Makes the folder, if it isn't there.
    pub(super) fn open(state_folder: &Path, handler: &str) -> io::Result<Self> {
        let folder = state_folder.join(handler);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        // Whoever can write there says what runs.
        let found = fs::symlink_metadata(&folder)?;
        if !found.is_dir() || found.uid() != geteuid().as_raw() {
            return Err(wrong(&folder, "is not this user's own; remove it"));
        }
        if found.mode() & 0o022 != 0 {
            return Err(wrong(
                &folder,
                "may be written to by others; `chmod go-w` it",
            ));
        }
        Ok(Self { folder })
    }

    /// What was written down; nothing, if nothing was. Content that isn't there can't be good.
    pub(super) fn memory(&self) -> io::Result<Memory> {
        let text = match File::open(self.folder.join(INDEX)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Memory::default()),
            opened => io::read_to_string(opened?.take(LARGEST_INDEX))?,
        };
        let index: Index = serde_json::from_str(&text)?;
        let good = index.good.as_deref().map(digest).transpose()?;
        let rolled_back = index.rolled_back.map(|RolledBack { component, why }| {
            digest(&component).map(|digest| Refusal { digest, why })
        });
        Ok(Memory {
            good: good.filter(|digest| self.content_path(digest).exists()),
            rolled_back: rolled_back.transpose()?,
        })
    }

    /// Writes down what the next life should know, and drops all contents but what that names and these.
    pub(super) fn remember(&self, memory: &Memory, needed: &[Digest]) -> io::Result<()> {
        let rolled_back = memory.rolled_back.as_ref().map(|refusal| RolledBack {
            component: hex(&refusal.digest),
            why: refusal.why.clone(),
        });
        let index = Index {
            good: memory.good.as_ref().map(|digest| hex(digest)),
            rolled_back,
        };
        self.write(
            &self.folder.join(INDEX),
            &serde_json::to_vec_pretty(&index)?,
        )?;
        let kept = needed.iter().chain(&memory.good);
        let kept: Vec<PathBuf> = kept.map(|digest| self.content_path(digest)).collect();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let is_content = path.extension().is_some_and(|ending| ending == CONTENT);
            let is_begun = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(BEGUN));
            if (is_content && !kept.contains(&path)) || is_begun {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Keeps content, unless it is kept already.
    pub(super) fn put(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        if self.content(digest, bytes.len()).is_ok() {
            return Ok(());
        }
        self.write(&self.content_path(digest), bytes)
    }

    /// Content of at most so many bytes.
    pub(super) fn content(&self, digest: &Digest, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(self.content_path(digest))?;
        file.take(most as u64).read_to_end(&mut bytes)?;
        if <[u8; 32]>::from(Sha256::digest(&bytes)) == *digest {
            Ok(bytes)
        } else {
            Err(invalid("what is kept of it is damaged"))
        }
    }

    fn content_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(hex(digest)).with_extension(CONTENT)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::with_prefix_in(BEGUN, &self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(&self.folder)?.sync_all()
    }
}

fn digest(text: &str) -> io::Result<Digest> {
    let mut digest = [0; 32];
    let wrong = || invalid("the index names no digest");
    if text.len() != 2 * digest.len() {
        return Err(wrong());
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        let pair = text.get(2 * at..2 * at + 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(digest)
}

fn wrong(folder: &Path, how: &str) -> io::Error {
    io::Error::other(format!("{} {how}", folder.display()))
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests;

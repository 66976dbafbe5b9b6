//! What is kept of a handler in the state folder.
//!
//! Invariants: a file is written under another name, synced and renamed, so that what is there is whole; content
//! is believed only if it has the digest that it is named by; nobody but the owner reads or writes any of it.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use pelton_engine::HandlerEnv;
use pelton_revisions::{Digest, Memory, Refusal, RolledBack};
use pelton_types::hex;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::Record;

/// The name of the index.
const INDEX: &str = "revisions.json";
/// The largest index that is read.
const LARGEST_INDEX: u64 = 16 << 20;
/// What the name of content ends with, after its digest.
const CONTENT: &str = ".wasm";
/// What the name of a file begins with that is being written.
const BEGUN: &str = ".new-";

/// The folder of one handler.
pub(in crate::component) struct Folder {
    path: PathBuf,
    /// The file that the handler's component comes from: what is kept of another one says nothing of it.
    component: String,
    /// Contents come while others are dropped.
    writing: Mutex<()>,
}

/// The index as it stands in its file: digests in hexadecimal, for people.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Index {
    file: String,
    good: Option<String>,
    /// How that was configured. Settings may be secrets, as in the file that they come from.
    configured: Option<serde_json::Value>,
    rolled_back: Option<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    component: String,
    configuration: Option<String>,
    why: String,
}

impl Refused {
    fn of(rolled_back: &RolledBack) -> Self {
        let RolledBack {
            refusal,
            configuration,
        } = rolled_back;
        Self {
            component: hex(&refusal.digest),
            configuration: configuration.as_ref().map(|it| hex(it)),
            why: refusal.why.clone(),
        }
    }

    fn read(self) -> io::Result<RolledBack> {
        Ok(RolledBack {
            refusal: Refusal {
                digest: digest(&self.component)?,
                why: self.why,
            },
            configuration: self.configuration.as_deref().map(digest).transpose()?,
        })
    }
}

impl Folder {
    /// Makes the folder, if it isn't there.
    pub(in crate::component) fn open(
        state_folder: &Path,
        handler: &str,
        component: &Path,
    ) -> io::Result<Self> {
        let path = state_folder.join(handler);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)?;
        // Whoever can write there says what runs.
        let found = fs::symlink_metadata(&path)?;
        if !found.is_dir() || found.uid() != geteuid().as_raw() {
            let text = format!("{} is not this user's own; remove it", path.display());
            return Err(io::Error::other(text));
        }
        // A kubelet lets a pod's group write to all of a volume.
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        remove(&path, |name| name.starts_with(BEGUN))?;
        Ok(Self {
            path,
            component: component.display().to_string(),
            writing: Mutex::new(()),
        })
    }

    /// What was written down; nothing, if nothing was. Content that isn't there can't be good.
    pub(in crate::component) fn record(&self) -> io::Result<Record> {
        let text = match open(&self.path.join(INDEX)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Record::default()),
            opened => io::read_to_string(opened?.take(LARGEST_INDEX))?,
        };
        let index: Index = serde_json::from_str(&text)?;
        if index.file != self.component {
            return Ok(Record::default());
        }
        let good = index.good.as_deref().map(digest).transpose()?;
        // What another version has written counts as unknown.
        let env = index.configured.map(serde_json::from_value::<HandlerEnv>);
        let env = env.and_then(Result::ok);
        let memory = Memory {
            good: good.filter(|digest| self.content_path(digest).exists()),
            configuration: env.as_ref().map(HandlerEnv::digest),
            rolled_back: index.rolled_back.map(Refused::read).transpose()?,
        };
        Ok(Record::new(memory, env))
    }

    /// Writes down what the next life should know.
    pub(in crate::component) fn remember(&self, Record { memory, env }: &Record) -> io::Result<()> {
        let index = Index {
            file: self.component.clone(),
            good: memory.good.as_ref().map(|digest| hex(digest)),
            configured: env.as_ref().map(serde_json::to_value).transpose()?,
            rolled_back: memory.rolled_back.as_ref().map(Refused::of),
        };
        let _writing = self.writing.lock();
        self.write(&self.path.join(INDEX), &serde_json::to_vec_pretty(&index)?)
    }

    /// Drops all contents but these.
    pub(in crate::component) fn keep_only(&self, needed: &[Digest]) -> io::Result<()> {
        let _writing = self.writing.lock();
        let kept: Vec<String> = needed.iter().map(name).collect();
        remove(&self.path, |name| {
            name.ends_with(CONTENT) && kept.iter().all(|kept| kept != name)
        })
    }

    /// Keeps content, unless it is kept already.
    pub(in crate::component) fn put(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        if self.content(digest, bytes.len()).is_ok() {
            return Ok(());
        }
        let _writing = self.writing.lock();
        self.write(&self.content_path(digest), bytes)
    }

    /// Content of at most so many bytes.
    pub(in crate::component) fn content(
        &self,
        digest: &Digest,
        most: usize,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = open(&self.content_path(digest))?;
        file.take(most as u64).read_to_end(&mut bytes)?;
        if <[u8; 32]>::from(Sha256::digest(&bytes)) == *digest {
            Ok(bytes)
        } else {
            Err(invalid("what is kept of it is damaged"))
        }
    }

    fn content_path(&self, digest: &Digest) -> PathBuf {
        self.path.join(name(digest))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::with_prefix_in(BEGUN, &self.path)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(&self.path)?.sync_all()
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

fn name(digest: &Digest) -> String {
    hex(digest) + CONTENT
}

/// Opens a file, and nothing that holds up its reader or leads elsewhere.
fn open(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a regular file")),
    }
}

/// Removes the files whose names are such.
fn remove(folder: &Path, is_such: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_such(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests;

//! Who put it there: a seal that only those can make who can read the folder's key.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

use blake3::{Hash, Hasher};
use rustix::process::geteuid;
use tempfile::NamedTempFile;

use super::{folder::BEGUN, name::Name};

/// The file with the key, which only the folder's owner may read.
const KEY: &str = "key";
const KEY_BYTES: usize = 32;
/// Bytes of a seal, which stand behind the code.
const SEAL_BYTES: usize = 32;

/// Makes and checks seals.
#[derive(Clone)]
pub(super) struct Seal([u8; KEY_BYTES]);

impl Seal {
    /// The folder's own, made at first use.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(KEY);
        let key = match read_key(&path)? {
            Some(key) => key,
            None => make_key(folder, &path)?,
        };
        Ok(Self(key))
    }

    /// The seal of code under a name.
    pub(super) fn tag(&self, name: &Name, code: &[u8]) -> [u8; SEAL_BYTES] {
        *self.over(name, code).as_bytes()
    }

    /// Takes the seal off, if it fits.
    pub(super) fn open(&self, name: &Name, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let (code, tag) = sealed.split_last_chunk::<SEAL_BYTES>()?;
        // The comparison takes the same time whatever differs.
        if self.over(name, code) != Hash::from_bytes(*tag) {
            return None;
        }
        sealed.truncate(sealed.len() - SEAL_BYTES);
        Some(sealed)
    }

    fn over(&self, name: &Name, code: &[u8]) -> Hash {
        // A name is of one length, so that nothing of it could be taken for code.
        let mut hasher = Hasher::new_keyed(&self.0);
        hasher.update(name.to_string().as_bytes()).update(code);
        hasher.finalize()
    }
}

/// The key is nobody's business.
impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

/// The key; `None` if there is none to be trusted. One that others may have read or put there, or that was cut, is removed: then
/// nothing fits that was sealed by it.
fn read_key(path: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut key = [0; KEY_BYTES];
    let found = file.metadata()?;
    // Root reads what others have put there too.
    let secret = found.mode() & 0o077 == 0 && found.uid() == geteuid().as_raw();
    if secret && file.read_exact(&mut key).is_ok() {
        return Ok(Some(key));
    }
    fs::remove_file(path)?;
    Ok(None)
}

/// Two processes may be at this at once: the first one's key is both's.
fn make_key(folder: &Path, path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Readable by its owner alone.
    let mut file = NamedTempFile::with_prefix_in(BEGUN, folder)?;
    file.write_all(&key)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
            let other = read_key(path)?;
            other.ok_or_else(|| io::Error::other("its key came and went"))
        }
        Err(refused) => Err(refused.error),
    }
}

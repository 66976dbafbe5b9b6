//! Machine code that was made before, kept in a folder.
//!
//! Invariants: what comes out of the folder is what a Pelton of this user put in, under the same name, byte for
//! byte, or nothing comes out; and whatever is wrong with the folder costs a compilation and never more.
//!
//! Any number of processes may share a folder. A file of it is never written to: it appears whole, under a name that
//! stands for its content, and goes whole. Nothing is synced to the disk: what a power cut leaves of a file has no
//! seal that fits.

mod folder;
mod name;
mod seal;

use std::{io, path::PathBuf};

use parking_lot::Mutex;
use tracing::{info, warn};

pub(crate) use self::name::Name;
use self::{folder::Folder, seal::Seal};

/// Where machine code is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// The folder. Where there is none it is made, for its owner alone.
    pub folder: PathBuf,
    /// Bytes of all files together; beyond them those go that were not used for the longest time.
    pub max_bytes: u64,
}

/// What a look into the cache found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Code, as it was put in.
    Code(Vec<u8>),
    /// None of that name.
    Nothing,
    /// Something that was not put in like this. It is gone now.
    Damaged,
}

/// An open cache.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: Folder,
    seal: Seal,
    /// What could not be kept last, which was said. The next file would meet the same.
    unkept: Mutex<Option<Unkept>>,
}

/// Code that found no place.
#[derive(Debug)]
struct Unkept {
    bytes: usize,
    why: String,
}

impl Cache {
    /// Opens the folder.
    ///
    /// # Errors
    /// It can't be used, which is said too.
    pub(crate) fn open(settings: &CacheSettings) -> Result<Self, String> {
        let opened = Folder::open(settings).and_then(|folder| {
            let seal = Seal::of(folder.path())?;
            let unkept = Mutex::default();
            Ok(Self {
                folder,
                seal,
                unkept,
            })
        });
        let say = |error: &io::Error| {
            warn!(folder = %settings.folder.display(), %error,
                "compiled code can't be kept: each start compiles anew; name another folder as daemon.cache-folder, \
                 or switch the cache off with daemon.cache = false");
        };
        let why = |error: io::Error| format!("{}: {error}", settings.folder.display());
        opened.inspect_err(say).map_err(why)
    }

    /// Looks for code of this name.
    pub(crate) fn read(&self, name: &Name) -> Found {
        let sealed = match self.folder.read(name) {
            Ok(None) => return Found::Nothing,
            Ok(Some(sealed)) => sealed,
            // That says nothing of the file: it stays.
            Err(error) => {
                warn!(folder = %self.folder.path().display(), file = %name, %error,
                    "kept code can't be read; the component is compiled anew");
                return Found::Nothing;
            }
        };
        if let Some(code) = self.seal.open(name, sealed) {
            return Found::Code(code);
        }
        warn!(folder = %self.folder.path().display(), file = %name,
            "kept code is damaged, its seal doesn't fit, and it is not used; the component is compiled anew");
        self.folder.remove(name);
        Found::Damaged
    }

    /// Keeps code under a name.
    pub(crate) fn write(&self, name: &Name, code: &[u8]) {
        let tag = self.seal.tag(name, code);
        let kept = self.folder.write(name, [code, &tag]);
        let Err(error) = kept else {
            self.keeps_again();
            return;
        };
        let folder = self.folder.path().display();
        let unkept = Unkept {
            bytes: code.len() + tag.len(),
            why: format!("{folder}: {error}"),
        };
        if self.unkept.lock().replace(unkept).is_none() {
            warn!(%folder, %error,
                "compiled code can't be kept; the daemon goes on without, and the next start compiles anew");
        }
    }

    /// Why nothing can be kept at the moment.
    pub(crate) fn unkept(&self) -> Option<String> {
        self.unkept.lock().as_ref().map(|unkept| unkept.why.clone())
    }

    /// Sees whether there is room by now for what could not be kept last.
    pub(crate) fn try_again(&self) {
        let bytes = self.unkept.lock().as_ref().map(|unkept| unkept.bytes);
        if bytes.is_some_and(|bytes| self.folder.has_room(bytes).is_ok()) {
            self.keeps_again();
        }
    }

    fn keeps_again(&self) {
        if self.unkept.lock().take().is_some() {
            info!(folder = %self.folder.path().display(), "compiled code can be kept again");
        }
    }
}

#[cfg(test)]
mod tests;

//! What is kept of a handler in the process, where there is no state folder: a handler that begins anew in it, because its
//! configuration changed, knows what it knew.

use std::{
    collections::HashMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use pelton_revisions::{Digest, Memory};

/// The part of one handler.
#[derive(Default)]
pub(crate) struct Process(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    memory: Memory,
    contents: HashMap<Digest, Bytes>,
}

impl Process {
    pub(in crate::component) fn memory(&self) -> Memory {
        self.lock().memory.clone()
    }

    pub(in crate::component) fn remember(&self, memory: &Memory, needed: &[Digest]) {
        let mut kept = self.lock();
        kept.memory = memory.clone();
        let is_needed = |digest: &Digest| needed.contains(digest) || memory.good == Some(*digest);
        kept.contents.retain(|digest, _| is_needed(digest));
    }

    pub(in crate::component) fn put(&self, digest: &Digest, bytes: &Bytes) {
        self.lock().contents.insert(*digest, bytes.clone());
    }

    pub(in crate::component) fn content(&self, digest: &Digest) -> io::Result<Bytes> {
        let content = self.lock().contents.get(digest).cloned();
        content.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

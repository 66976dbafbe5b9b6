//! What is kept of a handler in the process, where there is no state folder: a handler that begins anew in it, because its
//! configuration changed, knows what it knew.

use std::{collections::HashMap, io};

use bytes::Bytes;
use parking_lot::Mutex;
use pelton_revisions::Digest;

use super::Record;

/// The part of one handler.
#[derive(Default)]
pub(crate) struct Process(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    record: Record,
    contents: HashMap<Digest, Bytes>,
}

impl Process {
    pub(in crate::component) fn record(&self) -> Record {
        self.0.lock().record.clone()
    }

    pub(in crate::component) fn remember(&self, record: &Record) {
        self.0.lock().record = record.clone();
    }

    pub(in crate::component) fn keep_only(&self, needed: &[Digest]) {
        let mut kept = self.0.lock();
        kept.contents.retain(|digest, _| needed.contains(digest));
    }

    pub(in crate::component) fn put(&self, digest: &Digest, bytes: &Bytes) {
        self.0.lock().contents.insert(*digest, bytes.clone());
    }

    pub(in crate::component) fn content(&self, digest: &Digest) -> io::Result<Bytes> {
        let content = self.0.lock().contents.get(digest).cloned();
        content.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

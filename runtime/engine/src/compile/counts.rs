//! What was compiled, and what didn't have to be.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often an engine compiled, and what looking into its cache came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compilations {
    /// Files that were compiled.
    pub compiled: u64,
    /// Files whose code was in the cache.
    pub hits: u64,
    /// Files whose code wasn't.
    pub misses: u64,
    /// Files whose code was there but damaged, so that they were compiled all the same.
    pub rejects: u64,
}

/// The same while it is being counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) compiled: Count,
    pub(super) hits: Count,
    pub(super) misses: Count,
    pub(super) rejects: Count,
}

#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    pub(super) fn now(&self) -> Compilations {
        Compilations {
            compiled: self.compiled.get(),
            hits: self.hits.get(),
            misses: self.misses.get(),
            rejects: self.rejects.get(),
        }
    }
}

//! The memory limit of an instance.
//!
//! A guest that may not grow is told so and goes on, mostly into a trap of its allocator. That the limit was
//! hit is remembered, so that such a trap can be told from others.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use wasmtime::ResourceLimiter;

use crate::env::Limits;

/// The linear memory of all living instances of a revision, in bytes. Copies are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<AtomicU64>);

impl Memory {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn change(&self, from: usize, to: usize) {
        let (from, to) = (from as u64, to as u64);
        // In the ring of numbers a difference may be negative.
        self.0.fetch_add(to.wrapping_sub(from), Ordering::Relaxed);
    }
}

/// Counts the linear memory of one instance, all memories together.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_limit: usize,
    table_limit: usize,
    memory: usize,
    /// That of its revision, of which this is a part.
    all: Memory,
    refused: Option<String>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits, all: Memory) -> Self {
        Self {
            memory_limit: limits.memory_bytes,
            table_limit: limits.table_elements,
            memory: 0,
            all,
            refused: None,
        }
    }

    /// Forgets earlier refusals: what fails from here on has another reason.
    pub(crate) fn forget(&mut self) {
        self.refused = None;
    }

    /// What was refused last, for people.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.all.change(self.memory, 0);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.memory_limit {
            let limit = self.memory_limit;
            self.refused = Some(format!(
                "wanted {total} bytes of memory, and {limit} is the limit"
            ));
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.all.change(self.memory, total);
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table_limit {
            let limit = self.table_limit;
            self.refused = Some(format!(
                "wanted a table of {desired} elements, and {limit} is the limit"
            ));
            return Ok(false);
        }
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }
}

//! Machine code for a component: where it is made, and what making it may cost.
//!
//! Invariant: this is the one place that decides, and whatever comes out was made by this program's own compiler
//! from the bytes that were given.

mod answer;
mod child;
mod component;
mod counts;
mod described;
mod descriptors;
mod gate;
pub(crate) mod sections;
mod serve;
mod waiter;

use std::{path::PathBuf, time::Duration};

pub(crate) use self::waiter::Waiter;
use self::{
    component::compile,
    counts::{Count, Counts},
    gate::Gate,
};
pub use self::{
    counts::Compilations,
    serve::{Bounds, serve},
    waiter::Waits,
};
use crate::{
    cache::{Cache, CacheSettings, Found, Name},
    error::LoadError,
    file::ComponentFile,
};

/// Children that compile at once, for all components of an engine together. More than one, so that a file that keeps
/// the compiler busy holds up nobody else; few, because each may take all of its memory.
const AT_ONCE: usize = 4;

/// In the environment of a process that compiles: its allocator takes no more than it needs. By itself it takes a gibibyte
/// at once, all of which counts against the bound of the memory.
pub const FRUGAL: (&str, &str) = ("MIMALLOC_ARENA_EAGER_COMMIT", "0");

/// Where components are compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// In a process of its own, which ends with whatever a file does to a compiler.
    Child(ChildCompiler),
    /// In this process, where nothing bounds time and memory: for tests and benches, whose components are their own.
    InProcess,
}

/// The process that compiles, and what it may use up for one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildCompiler {
    /// A program that calls [`serve`] when its first argument is `compile`.
    pub program: PathBuf,
    /// How long it may take.
    pub time: Duration,
    /// How much memory it may take.
    pub memory_bytes: u64,
    /// Where its code is kept for the next time.
    pub cache: Option<CacheSettings>,
}

/// Compiles for one engine.
#[derive(Debug)]
pub(crate) struct Workshop {
    compiler: Compiler,
    gate: Gate,
    cache: Option<Cache>,
    /// Why there is no cache although there should be one.
    unusable: Option<String>,
    counts: Counts,
}

impl Workshop {
    pub(crate) fn new(compiler: Compiler) -> Self {
        let opened = match &compiler {
            Compiler::Child(ChildCompiler { cache, .. }) => cache.as_ref().map(Cache::open),
            Compiler::InProcess => None,
        };
        let (cache, unusable) = match opened {
            Some(Ok(cache)) => (Some(cache), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        Self {
            compiler,
            gate: Gate::new(AT_ONCE),
            cache,
            unusable,
            counts: Counts::default(),
        }
    }

    /// The machine code for a file, as this version of wasmtime reads it: kept from before, or made now and kept.
    pub(crate) fn code(
        &self,
        wasm: &wasmtime::Engine,
        file: &ComponentFile<'_>,
        waiter: &Waiter,
    ) -> Result<Vec<u8>, LoadError> {
        let digest = file.digest();
        let Some(cache) = &self.cache else {
            let _pass = self.gate.pass(digest);
            return self.make(wasm, file, waiter);
        };
        let name = Name::new(wasm, digest);
        let missed = match self.kept(cache, &name) {
            Ok(code) => return Ok(code),
            Err(missed) => missed,
        };
        let _pass = self.gate.pass(digest);
        // Somebody may have made it meanwhile: many handlers of one component begin at once.
        if let Ok(code) = self.kept(cache, &name) {
            return Ok(code);
        }
        missed.one_more();
        let code = self.make(wasm, file, waiter)?;
        cache.write(&name, &code);
        Ok(code)
    }

    /// What was kept, or what it counts as that there is nothing.
    fn kept(&self, cache: &Cache, name: &Name) -> Result<Vec<u8>, &Count> {
        match cache.read(name) {
            Found::Code(code) => {
                self.counts.hits.one_more();
                Ok(code)
            }
            Found::Nothing => Err(&self.counts.misses),
            Found::Damaged => Err(&self.counts.rejects),
        }
    }

    fn make(
        &self,
        wasm: &wasmtime::Engine,
        file: &ComponentFile<'_>,
        waiter: &Waiter,
    ) -> Result<Vec<u8>, LoadError> {
        let code = match &self.compiler {
            Compiler::InProcess => compile(wasm, file),
            Compiler::Child(compiler) => child::compile(compiler, file, waiter),
        }?;
        self.counts.compiled.one_more();
        Ok(code)
    }

    /// Why nothing can be kept at the moment.
    pub(crate) fn unkept(&self) -> Option<String> {
        let cache = self.cache.as_ref();
        cache.map_or_else(|| self.unusable.clone(), Cache::unkept)
    }

    /// Sees whether what could not be kept could be now.
    pub(crate) fn try_to_keep(&self) {
        if let Some(cache) = &self.cache {
            cache.try_again();
        }
    }

    /// What it has done so far.
    pub(crate) fn compilations(&self) -> Compilations {
        self.counts.now()
    }
}

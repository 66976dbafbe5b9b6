//! Machine code for a component: where it is made, and what making it may cost.
//!
//! Invariant: this is the one place that decides, and whatever comes out was made by this program's own compiler
//! from the bytes that were given.

mod answer;
mod child;
mod component;
mod described;
mod descriptors;
mod gate;
mod sections;
mod serve;

use std::{path::PathBuf, time::Duration};

pub use self::serve::{Bounds, serve};
use self::{component::compile, gate::Gate};
use crate::{error::LoadError, file::ComponentFile};

/// Children that compile at once, for all components of an engine together. More than one, so that a file that keeps
/// the compiler busy holds up nobody else; few, because each may take all of its memory.
const AT_ONCE: usize = 4;

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
}

/// Compiles for one engine.
#[derive(Debug)]
pub(crate) struct Workshop {
    compiler: Compiler,
    gate: Gate,
}

impl Workshop {
    pub(crate) fn new(compiler: Compiler) -> Self {
        Self {
            compiler,
            gate: Gate::new(AT_ONCE),
        }
    }

    /// The machine code for a file, as this version of wasmtime reads it.
    pub(crate) fn code(
        &self,
        wasm: &wasmtime::Engine,
        file: &ComponentFile<'_>,
    ) -> Result<Vec<u8>, LoadError> {
        match &self.compiler {
            Compiler::InProcess => compile(wasm, file),
            Compiler::Child(compiler) => {
                let _pass = self.gate.pass();
                child::compile(compiler, file)
            }
        }
    }
}

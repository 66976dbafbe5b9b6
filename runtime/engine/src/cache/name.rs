//! What code is kept under: all that it depends on.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use pelton_types::hex;
use sha2::{Digest, Sha256};

/// The digest of a component's file, of what compiles it and of how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn new(wasm: &wasmtime::Engine, file: [u8; 32]) -> Self {
        let mut hash = Hashing(Sha256::new());
        hash.write(b"pelton code 1\n");
        // What makes a component of a core module is of this version too.
        hash.write(env!("CARGO_PKG_VERSION").as_bytes());
        // wasmtime's version, its settings, the target and what the CPU can do.
        wasm.precompile_compatibility_hash().hash(&mut hash);
        hash.write(&file);
        Self(hex(&hash.0.finalize()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Lets what can only be hashed by the standard library's interface be hashed by a digest that lasts.
struct Hashing(Sha256);

impl Hasher for Hashing {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Asked for by nobody: the digest is taken whole.
    fn finish(&self) -> u64 {
        0
    }
}

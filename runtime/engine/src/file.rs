//! A component's file before anything is made of it: what can be told from its length and its first bytes.

use pelton_types::hex;
use sha2::{Digest, Sha256};

use crate::error::LoadError;

/// What every WebAssembly file begins with, and what follows it in a module and in a component.
const MAGIC: &[u8] = b"\0asm";
const MODULE: &[u8] = &[1, 0, 0, 0];
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];

/// The bytes of a file that begins like WebAssembly and isn't too large.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ComponentFile<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) form: Form,
}

/// What the file's head says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Component,
    CoreModule,
}

impl<'b> ComponentFile<'b> {
    pub(crate) fn new(bytes: &'b [u8], limit: usize) -> Result<Self, LoadError> {
        if bytes.is_empty() {
            return Err(LoadError::Empty);
        }
        if bytes.len() > limit {
            return Err(LoadError::TooLarge {
                bytes: bytes.len(),
                limit,
            });
        }
        if !bytes.starts_with(MAGIC) && !MAGIC.starts_with(bytes) {
            return Err(LoadError::NotWasm {
                begins: begins(bytes),
            });
        }
        let form = match bytes.get(4..8) {
            Some(MODULE) => Form::CoreModule,
            Some(COMPONENT) => Form::Component,
            Some(other) => {
                let reason = format!("{} is no version that is known", hex(other));
                return Err(LoadError::Invalid { reason });
            }
            None => {
                let reason = format!("it ends after {} bytes", bytes.len());
                return Err(LoadError::Invalid { reason });
            }
        };
        Ok(Self { bytes, form })
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.bytes).into()
    }
}

/// The first bytes, for people: as text where they are some.
fn begins(bytes: &[u8]) -> String {
    let first = &bytes[..bytes.len().min(16)];
    match str::from_utf8(first) {
        Ok(text) => format!("{text:?}"),
        Err(_) => hex(first),
    }
}

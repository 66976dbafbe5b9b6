//! Components as files: how an operator, an editor or a build puts a new revision into place.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// The same component with another digest: a custom section is added, which changes nothing that runs.
pub fn variant(component: &[u8], mark: u32) -> Vec<u8> {
    let name = b"pelton-test-mark";
    let mut section = vec![0, 1 + name.len() as u8 + 4, name.len() as u8];
    section.extend_from_slice(name);
    section.extend_from_slice(&mark.to_le_bytes());
    [component, &section].concat()
}

/// Puts a file into place as a careful deployment does: written beside it, then renamed over it.
///
/// # Errors
/// When the file system refuses.
pub fn replace(file: &Path, bytes: &[u8]) -> Result<()> {
    let beside = file.with_extension("next");
    fs::write(&beside, bytes).with_context(|| format!("can't write {}", beside.display()))?;
    fs::rename(&beside, file).with_context(|| format!("can't rename to {}", file.display()))
}

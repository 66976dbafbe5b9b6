//! Components as files: how an operator, an editor or a build puts a new revision into place.

use std::{fs, os::unix::fs::symlink, path::Path};

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

/// Puts a file into place as a kubelet does with a ConfigMap: it lies in a folder of its own, and the link `..data`, which
/// the file's name leads through, is turned to that by a rename.
///
/// # Errors
/// When the file system refuses.
pub fn turn(folder: &Path, revision: &str, file: &str, bytes: &[u8]) -> Result<()> {
    fs::create_dir(folder.join(revision))?;
    fs::write(folder.join(revision).join(file), bytes)?;
    symlink(revision, folder.join("..next"))?;
    Ok(fs::rename(folder.join("..next"), folder.join("..data"))?)
}

/// A core module without the names of its functions, as `wasm-strip` would leave it; `None` if the file breaks off.
pub fn without_names(module: &[u8]) -> Option<Vec<u8>> {
    let (head, mut rest) = module.split_at_checked(8)?;
    let mut kept = head.to_vec();
    while let Some((&id, after)) = rest.split_first() {
        let (length, digits) = number(after)?;
        let (section, after) = rest.split_at_checked(1 + digits + length)?;
        // A custom section's content begins with its name.
        if id != 0 || !section[1 + digits..].starts_with(b"\x04name") {
            kept.extend_from_slice(section);
        }
        rest = after;
    }
    Some(kept)
}

/// A number as WebAssembly writes one (LEB128), and its digits.
fn number(bytes: &[u8]) -> Option<(usize, usize)> {
    let digits = bytes.iter().take(5).position(|byte| byte & 0x80 == 0)? + 1;
    let value = bytes[..digits].iter().rev();
    let value = value.fold(0, |value, byte| value << 7 | usize::from(byte & 0x7F));
    Some((value, digits))
}

/// A component of so many nested blocks. A hundred thousand keep a compiler busy for minutes.
pub fn nested_blocks(blocks: usize) -> Vec<u8> {
    let section = |id: u8, content: &[u8]| [&[id], counted(content).as_slice()].concat();
    let mut body = vec![0];
    body.extend([0x02, 0x40].repeat(blocks));
    body.extend(vec![0x0b; blocks + 1]);
    let module = [
        b"\0asm\x01\0\0\0".as_slice(),
        &section(1, b"\x01\x60\0\0"),
        &section(3, b"\x01\0"),
        &section(10, &[b"\x01", counted(&body).as_slice()].concat()),
    ]
    .concat();
    [b"\0asm\x0d\0\x01\0".as_slice(), &section(1, &module)].concat()
}

/// The bytes behind their number.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let mut counted = Vec::new();
    let mut left = bytes.len();
    while left >= 0x80 {
        counted.push((left & 0x7F) as u8 | 0x80);
        left >>= 7;
    }
    counted.push(left as u8);
    counted.extend_from_slice(bytes);
    counted
}

//! The sections of a WebAssembly file: enough of the format to look at one before a compiler does.

use integer_encoding::VarInt;

/// A section that means nothing to WebAssembly itself.
pub(crate) const CUSTOM: u8 = 0;
/// A section with a component within the component.
const COMPONENT: u8 = 4;
/// Components within components that are accepted. Compilers' output has two or three levels, and wasmtime takes
/// minutes for a file of 200 KB with twenty thousand.
pub(crate) const LEVELS: usize = 50;

/// Identifiers and bodies of the sections, up to where the file breaks off.
pub(crate) fn sections(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&id, after) = rest.split_first()?;
        let (body, after) = counted(after)?;
        rest = after;
        Some((id, body))
    })
}

/// Whether components are nested deeper than [`LEVELS`].
pub(crate) fn too_deep(component: &[u8]) -> bool {
    let mut level = vec![component];
    for _ in 0..=LEVELS {
        level = level
            .into_iter()
            .flat_map(sections)
            .filter(|(id, _)| *id == COMPONENT)
            .map(|(_, body)| body)
            .collect();
        if level.is_empty() {
            return false;
        }
    }
    true
}

/// So many bytes as the number before them says, and what follows them.
pub(crate) fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, digits) = usize::decode_var(bytes)?;
    bytes.get(digits..)?.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_and_lengths_that_lie_end_the_search() {
        let module = b"\0asm\x01\0\0\0\x00\x02xy\x01\x01\0";
        let found: Vec<_> = sections(module).collect();
        assert_eq!(found, [(0, &b"xy"[..]), (1, &b"\0"[..])]);
        assert_eq!(
            sections(b"\0asm\x01\0\0\0\x00\xff\xff\xff\xff\xff").count(),
            0
        );
        assert_eq!(sections(b"\0asm\x01\0\0\0\x00\x7f").count(), 0);
        assert_eq!(sections(b"\0asm").count(), 0);
    }
}

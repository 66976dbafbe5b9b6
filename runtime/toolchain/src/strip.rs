//! Debug information is taken out of a component and put beside it: messages are handled without, traps are told with.

use integer_encoding::VarInt;

/// What every core module begins with.
const HEAD: &[u8] = b"\0asm\x01\0\0\0";
/// A section that means nothing to WebAssembly itself.
const CUSTOM: u8 = 0;

/// A core module without its DWARF; `None` if it has none, or is no core module.
pub(crate) fn without_debug(module: &[u8]) -> Option<Vec<u8>> {
    let mut rest = module.strip_prefix(HEAD)?;
    let mut kept = HEAD.to_vec();
    while let Some((&id, after)) = rest.split_first() {
        let (body, after) = counted(after)?;
        let section = &rest[..rest.len() - after.len()];
        let is_debug =
            id == CUSTOM && counted(body).is_some_and(|(name, _)| name.starts_with(b".debug_"));
        if !is_debug {
            kept.extend_from_slice(section);
        }
        rest = after;
    }
    (kept.len() < module.len()).then_some(kept)
}

/// So many bytes as the number before them says, and what follows them.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, digits) = usize::decode_var(bytes)?;
    bytes.get(digits..)?.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dwarf_goes_and_all_else_stays() {
        let types = b"\x01\x04\x01\x60\0\0".as_slice();
        let (name, lines) = (b"\0\x06\x04namef".as_slice(), b"\0\x0d\x0b.debug_linex");
        let module = [HEAD, types, lines, name].concat();
        let stripped = without_debug(&module);
        assert_eq!(stripped, Some([HEAD, types, name].concat()));
        assert_eq!(without_debug(&stripped.unwrap_or_default()), None);
        assert_eq!(without_debug(&module[..module.len() - 1]), None);
        assert_eq!(without_debug(b"not wasm"), None);
    }
}

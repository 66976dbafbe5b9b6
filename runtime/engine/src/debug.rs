//! Debug information in a file of its own: the same component, with source lines and names left in.
//!
//! Invariant: it is compiled in the component's place only if it is the component in everything that runs.

use crate::compile::sections::{CUSTOM, LEVELS, counted, sections};

/// What every WebAssembly file begins with.
const MAGIC: &[u8] = b"\0asm";
/// Bytes of a file's head.
const HEAD: usize = 8;

/// A section's identifier and content.
type Section<'f> = (u8, &'f [u8]);

/// Whether two files differ in nothing but names and DWARF.
pub(crate) fn describes(debug: &[u8], component: &[u8]) -> bool {
    same(debug, component, LEVELS)
}

fn same(one: &[u8], other: &[u8], levels: usize) -> bool {
    let head = one.get(..HEAD);
    if !one.starts_with(MAGIC) || head != other.get(..HEAD) {
        return false;
    }
    // What is within a section is a file again where it begins like one: modules and components in a component.
    let alike = |one: Section<'_>, other: Section<'_>| {
        one == other || one.0 == other.0 && levels > 0 && same(one.1, other.1, levels - 1)
    };
    let (mut ones, mut others) = (telling(one), telling(other));
    // Nothing is collected: a file may have millions of sections.
    loop {
        match (ones.next(), others.next()) {
            (Some(one), Some(other)) if alike(one, other) => {}
            (None, None) => return is_whole(one) && is_whole(other),
            _ => return false,
        }
    }
}

/// The sections that mean something, up to where the file breaks off.
fn telling(file: &[u8]) -> impl Iterator<Item = Section<'_>> {
    sections(file).filter(|(id, body)| *id != CUSTOM || !is_debug(body))
}

/// Whether the file doesn't break off.
fn is_whole(file: &[u8]) -> bool {
    let end = sections(file).last().map_or(HEAD, |(_, body)| {
        body.as_ptr_range().end.addr() - file.as_ptr().addr()
    });
    end == file.len()
}

/// Whether a custom section is DWARF, or the names of functions.
fn is_debug(body: &[u8]) -> bool {
    counted(body).is_some_and(|(name, _)| name == b"name" || name.starts_with(b".debug_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(id: u8, body: &[u8]) -> Vec<u8> {
        [&[id, u8::try_from(body.len()).unwrap()], body].concat()
    }

    fn custom(name: &str, data: &[u8]) -> Vec<u8> {
        let length = u8::try_from(name.len()).unwrap();
        section(CUSTOM, &[&[length], name.as_bytes(), data].concat())
    }

    fn module(sections: &[Vec<u8>]) -> Vec<u8> {
        [b"\0asm\x01\0\0\0".as_slice(), &sections.concat()].concat()
    }

    fn component(module: &[u8]) -> Vec<u8> {
        [b"\0asm\x0d\0\x01\0".as_slice(), &section(1, module)].concat()
    }

    #[test]
    fn only_names_and_dwarf_may_differ() {
        let types = section(1, b"\x01\x60\0\0");
        let world = custom("component-type:x", b"world");
        let plain = module(&[types.clone(), world.clone()]);
        let dwarf = custom(".debug_line", b"lines");
        let debug = module(&[types.clone(), custom("name", b"f"), world.clone(), dwarf]);
        assert!(describes(&debug, &plain) && describes(&plain, &plain));
        assert!(describes(&component(&debug), &component(&plain)));
        for other in [
            module(&[section(1, b"\x01\x60\x01\0"), world.clone()]),
            module(&[types.clone(), custom("component-type:x", b"other")]),
            module(std::slice::from_ref(&types)),
            module(&[world, types]),
            plain[..plain.len() - 1].to_vec(),
            component(&plain),
            Vec::new(),
        ] {
            assert!(!describes(&other, &plain), "{other:?}");
            assert!(
                !describes(&component(&other), &component(&plain)),
                "{other:?}"
            );
        }
        assert!(!describes(b"", b""));
    }
}

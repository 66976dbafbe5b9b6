//! Making machine code executable where the system lets no memory gain that right, as systemd's
//! `MemoryDenyWriteExecute` has it.
//!
//! Invariant: no memory is ever writable and executable at once, and code that runs can't be written to by anybody.
#![expect(
    unsafe_code,
    reason = "wasmtime hands over addresses; this file says why they may be mapped anew"
)]

use std::{ffi::c_void, fs::File, io::Write, slice};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    io::Errno,
    mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mprotect},
    param::page_size,
};
use wasmtime::{CustomCodeMemory, Error, Result};

/// Changes the rights in place where that is allowed, and else puts an executable copy in the same place.
pub(crate) struct CodeMemory;

impl CustomCodeMemory for CodeMemory {
    fn required_alignment(&self) -> usize {
        page_size()
    }

    fn publish_executable(&self, ptr: *const u8, len: usize) -> Result<()> {
        let rights = MprotectFlags::READ | MprotectFlags::EXEC;
        // SAFETY: wasmtime owns these pages and asks for exactly this.
        match unsafe { mprotect(ptr.cast_mut().cast(), len, rights) } {
            // What a filter of system calls answers, and what the kernel's own refusal does.
            Err(Errno::PERM | Errno::ACCESS) => copy_in_place(ptr, len),
            done => done.map_err(Error::from),
        }
    }

    /// Nothing: the pages are given back right after, and wasmtime takes a refusal here for a reason to panic.
    fn unpublish_executable(&self, _: *const u8, _: usize) -> Result<()> {
        Ok(())
    }
}

/// Puts a copy that is executable from the beginning where the code lies.
fn copy_in_place(ptr: *const u8, len: usize) -> Result<()> {
    // SAFETY: wasmtime owns these pages, has written them, and writes no more.
    let code = unsafe { slice::from_raw_parts(ptr, len) };
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = memfd_create("pelton-code", flags)?;
    let mut file = File::from(file);
    file.write_all(code)?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    let at: *mut c_void = ptr.cast_mut().cast();
    let (rights, flags) = (
        ProtFlags::READ | ProtFlags::EXEC,
        MapFlags::PRIVATE | MapFlags::FIXED,
    );
    // SAFETY: the pages are wasmtime's, aligned as it was asked to, and hold the same bytes afterwards; nobody holds a
    // reference to them but the slice above, which is read no more.
    let mapped = unsafe { mmap(at, len, rights, flags, &file, 0) }?;
    (mapped == at)
        .then_some(())
        .ok_or_else(|| Error::msg("the code was mapped elsewhere"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_in_place_is_executable_and_holds_the_same_bytes() {
        let len = 2 * page_size();
        let flags = MapFlags::PRIVATE;
        // SAFETY: a new mapping of this test's own.
        let at = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                flags,
            )
        }
        .unwrap()
        .cast::<u8>();
        // SAFETY: it is that long and writable, and nobody else knows of it.
        unsafe { slice::from_raw_parts_mut(at, len) }.fill(0xC3);
        copy_in_place(at, len).unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps
            .lines()
            .find(|line| line.starts_with(&format!("{:x}-", at as usize)));
        assert!(
            line.is_some_and(|line| line.contains("r-xp") && line.contains("pelton-code")),
            "{maps}"
        );
        // SAFETY: still mapped and readable.
        assert!(
            unsafe { slice::from_raw_parts(at, len) }
                .iter()
                .all(|byte| *byte == 0xC3)
        );
    }
}

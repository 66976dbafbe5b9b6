//! A process begins with whatever its parent left open; one that reads what strangers wrote keeps its pipes alone.
#![expect(
    unsafe_code,
    reason = "closing a descriptor by its number may close what somebody owns; this file says why nobody does"
)]

use std::{fs, io};

/// Standard input, output and error.
const LAST_STANDARD: i32 = 2;

/// Closes all descriptors but the standard ones. Only for the beginning of a process, before it has opened anything.
pub(super) fn close_inherited() -> io::Result<()> {
    let mut inherited = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let number = entry?.file_name().to_string_lossy().parse().unwrap_or(0);
        if number > LAST_STANDARD {
            inherited.push(number);
        }
    }
    for number in inherited {
        // The folder that was read is among them, and closed by now.
        if fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok() {
            // SAFETY: the process has just begun. It has opened nothing that is still open, so this is its parent's.
            unsafe { rustix::io::close(number) };
        }
    }
    Ok(())
}

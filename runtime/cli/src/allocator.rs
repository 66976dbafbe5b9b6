//! The allocator of the whole program, librdkafka included.
//!
//! By itself it gives everything that is free back to the system once a second. At a full rate that is what the next
//! fetch needs a moment later, and the kernel clears each page of it anew: a seventh of the program's CPU.

use std::{env, ffi::c_long};

use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay`, in milliseconds, which the crate has no name for.
const PURGE_DELAY: mi_option_t = 15;
/// Who sets it otherwise: mimalloc reads it itself.
const SAID: &str = "MIMALLOC_PURGE_DELAY";
const OURS: c_long = 10_000;

/// Has free memory given back every ten seconds, unless the environment says something else.
#[allow(unsafe_code, reason = "mimalloc's options have no safe interface")]
pub(crate) fn begin() {
    if env::var_os(SAID).is_none() {
        // SAFETY: it may be called at any time and from any thread.
        unsafe { mi_option_set(PURGE_DELAY, OURS) }
    }
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    #[allow(unsafe_code, reason = "mimalloc's options have no safe interface")]
    fn free_memory_is_given_back_every_ten_seconds() {
        // SAFETY: as above.
        let option = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(option(), 1000, "the option has another number, or default");
        begin();
        assert_eq!(option(), OURS);
    }
}

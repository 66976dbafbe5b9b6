//! What a life of the process has: its threads and its name.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io,
    num::NonZeroUsize,
    sync::Arc,
    thread,
};

use pelton_config::Daemon;
use tokio::runtime::{Builder, Runtime};

/// The threads that guests run on.
pub(super) fn threads(daemon: &Daemon) -> io::Result<Runtime> {
    let threads = daemon
        .worker_threads
        .or_else(|| thread::available_parallelism().ok());
    Builder::new_multi_thread()
        .worker_threads(threads.map_or(1, NonZeroUsize::get))
        .thread_name("pelton-guest")
        .enable_time()
        // The sockets of guests' HTTP requests.
        .enable_io()
        .build()
}

/// A name that no other process has, nor another life of this one: 128 random bits.
pub(super) fn random_name() -> Arc<str> {
    // Each state has keys of its own, from the system's source of randomness.
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random()).into()
}

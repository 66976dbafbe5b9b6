//! What a life of the process has: its threads, who watches over those of guests, and its name.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use pelton_config::Daemon;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use crate::liveness::{self, Liveness};

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

/// Has watch kept over the loops, and over the threads of guests by ticks on them: a guest gives its thread back every
/// millisecond, so however busy they are the ticks get their turn.
pub(super) fn watch(liveness: &Liveness, guests: &Runtime, tasks: &mut JoinSet<()>) {
    tasks.spawn(liveness::keep_watch(liveness.clone()));
    let ticks = Arc::new(AtomicU64::new(0));
    let held = Arc::downgrade(&ticks);
    let turns = move || Some(held.upgrade()?.load(Ordering::Relaxed));
    liveness.watch("the runtime pelton-guest".to_owned(), turns);
    tasks.spawn_on(liveness::tick(ticks), guests.handle());
}

/// A name that no other process has, nor another life of this one: 128 random bits.
pub(super) fn random_name() -> Arc<str> {
    // Each state has keys of its own, from the system's source of randomness.
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random()).into()
}

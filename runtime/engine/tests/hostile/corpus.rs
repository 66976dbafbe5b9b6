//! All entries.

use crate::{answers, entry::Entry, files, floods, loops, memory, results, traps, wasi};

pub fn corpus() -> Vec<Entry> {
    [
        answers::entries(),
        files::entries(),
        floods::entries(),
        loops::entries(),
        memory::entries(),
        results::entries(),
        traps::entries(),
        wasi::entries(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

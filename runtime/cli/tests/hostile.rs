//! The hostile corpus of the engine, by way of the compiler that ships: what comes of each file is the same as in
//! process, and no process, thread or descriptor is left.
#![allow(
    missing_docs,
    dead_code,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test program of which most belongs to another one"
)]

#[path = "../../engine/tests/hostile/answers.rs"]
mod answers;
#[path = "../../engine/tests/hostile/corpus.rs"]
mod corpus;
#[path = "../../engine/tests/hostile/entry.rs"]
mod entry;
#[path = "../../engine/tests/hostile/files.rs"]
mod files;
#[path = "../../engine/tests/hostile/floods.rs"]
mod floods;
#[path = "../../engine/tests/hostile/guest.rs"]
mod guest;
#[path = "../../engine/tests/hostile/loops.rs"]
mod loops;
#[path = "../../engine/tests/hostile/memory.rs"]
mod memory;
#[path = "../../engine/tests/hostile/results.rs"]
mod results;
#[path = "../../engine/tests/hostile/traps.rs"]
mod traps;
#[path = "../../engine/tests/hostile/wasi.rs"]
mod wasi;
#[path = "../../engine/tests/hostile/watch.rs"]
mod watch;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use entry::{Entry, Subject, check, engine_with};
use pelton_engine::{ChildCompiler, Compiler, Engine};
use watch::{Holdings, Watchdog};

/// Far beyond what compiling any of them takes.
const LONG: Duration = Duration::from_secs(120);

fn compiler() -> Compiler {
    Compiler::Child(ChildCompiler {
        program: Path::new(env!("CARGO_BIN_EXE_pelton")).to_owned(),
        time: LONG,
        memory_bytes: 1 << 30,
        cache: None,
    })
}

/// Processes that this one has started and not taken leave of.
fn children() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of = |task: fs::DirEntry| fs::read_to_string(task.path().join("children"));
    let lists = tasks.filter_map(|task| of(task.ok()?).ok());
    lists.map(|list| list.split_whitespace().count()).sum()
}

async fn play(engine: &Engine, entry: &Entry, watchdog: &Watchdog) -> Option<String> {
    watchdog.begin(&entry.name);
    let came = Subject::load(engine, entry).play(engine).await;
    watchdog.end();
    check(entry, &came).err()
}

#[tokio::test]
async fn what_comes_of_the_corpus_is_the_same_and_no_compiler_is_left() {
    let engine = engine_with(1, compiler());
    let watchdog = Watchdog::start(2 * LONG, |name| panic!("it hangs at {name}"));
    let corpus = corpus::corpus();
    assert!(corpus.len() > 100, "{} entries", corpus.len());
    let mut wrong = Vec::new();
    // What is made once and stays is made by the first.
    wrong.extend(play(&engine, &corpus[0], &watchdog).await);
    let before = Holdings::now();
    for entry in &corpus {
        wrong.extend(play(&engine, entry, &watchdog).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A thread that has told what came of a compilation is about to end.
    let began = Instant::now();
    while Holdings::now().threads > before.threads && began.elapsed() < LONG {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let after = Holdings::now();
    assert_eq!(
        (
            children(),
            after.threads,
            after.descriptors,
            engine.instances()
        ),
        (0, before.threads, before.descriptors, 0)
    );
}

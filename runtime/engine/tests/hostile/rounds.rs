//! The corpus, ten thousand rounds of it, with a neighbour in the same engine.

use std::{
    io::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use pelton_engine::Revision;
use pelton_types::Verdict;

use crate::{
    corpus,
    entry::{Subject, check, engine, entry, give},
    guest::packed,
    watch::{Holdings, Watchdog},
};

const ROUNDS: usize = 10_000;
/// An entry whose first round took longer is played this often.
const COSTLY: Duration = Duration::from_millis(3);
const COSTLY_ROUNDS: usize = 2;
/// Far beyond what any round takes, on however busy a machine.
const HANGS: Duration = Duration::from_secs(120);
/// What the allocators may keep beyond what they had after the first rounds.
const SLACK_BYTES: usize = 48 << 20;

/// Tests that count what the process holds must not run beside others of this program that load components.
pub static ALONE: Mutex<()> = Mutex::new(());

pub fn watchdog() -> Watchdog {
    Watchdog::start(HANGS, |name| {
        // Not `eprintln!`, which the test runner would keep to itself.
        let _ = writeln!(std::io::stderr(), "the corpus hangs at the entry: {name}");
        std::process::exit(101);
    })
}

#[test]
fn ten_thousand_rounds_end_as_they_must_and_leave_nothing_behind() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(storm());
}

async fn storm() {
    let (corpus, engine, watchdog) = (corpus(), engine(3), watchdog());
    let neighbour = entry("neighbour", packed().module(), "done 1", "");
    let neighbour = Subject::load(&engine, &neighbour).revision();
    let stop = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(serve(neighbour, stop.clone(), served.clone()));
    let mut subjects = Vec::new();
    let mut wrong = Vec::new();
    for hostile in &corpus {
        watchdog.begin(&hostile.name);
        let subject = Subject::load(&engine, hostile);
        let began = Instant::now();
        let came = subject.play(&engine).await;
        let took = began.elapsed();
        wrong.extend(check(hostile, &came).err());
        subjects.push((subject, took));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut rounds = corpus.len();
    let mut lap = 1;
    let mut before = None;
    while rounds < ROUNDS {
        for (subject, took) in &subjects {
            if lap >= COSTLY_ROUNDS && *took > COSTLY {
                continue;
            }
            watchdog.begin(&subject.entry().name);
            let came = subject.play(&engine).await;
            check(subject.entry(), &came).unwrap_or_else(|objection| panic!("{objection}"));
            rounds += 1;
        }
        lap += 1;
        if rounds > ROUNDS / 5 {
            before.get_or_insert_with(Holdings::now);
        }
    }
    watchdog.end();
    stop.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    drop(subjects);
    let (before, after) = (before.unwrap(), Holdings::now());
    assert_eq!(engine.instances(), 0, "instances are left");
    assert!(
        after.resident_bytes < before.resident_bytes + SLACK_BYTES,
        "{before:?} {after:?}"
    );
    assert!(
        after.descriptors <= before.descriptors,
        "{before:?} {after:?}"
    );
    assert!(after.threads <= before.threads, "{before:?} {after:?}");
    assert!(
        served.load(Ordering::Relaxed) > 100,
        "the neighbour was hardly served"
    );
}

/// A neighbour that is right all the time: each message comes out as it went in.
async fn serve(revision: Revision, stop: Arc<AtomicBool>, served: Arc<AtomicUsize>) {
    while !stop.load(Ordering::Relaxed) {
        let outcome = give(&revision, b"the neighbour's").await;
        assert_eq!(outcome.verdict, Verdict::Done { outputs: 1 });
        assert_eq!(outcome.outputs[0].key.as_deref(), Some(&b"key"[..]));
        assert_eq!(
            outcome.outputs[0].value.as_deref(),
            Some(&b"the neighbour's"[..])
        );
        served.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

//! The corpus, ten thousand rounds of it, with a neighbour in the same engine.

use std::{
    fs::File,
    io::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use pelton_engine::{Engine, Revision};
use pelton_types::Verdict;

use crate::{
    corpus::corpus,
    entry::{Entry, Subject, check, engine, entry, give},
    flips,
    guest::packed,
    watch::{Holdings, Watchdog},
};

const ROUNDS: usize = 10_000;
/// An entry whose first round took longer is played as often as [`COSTLY_ROUNDS`] says.
const COSTLY: Duration = Duration::from_millis(3);
const COSTLY_ROUNDS: usize = 2;
/// Seeds of files with flipped bits that are played with them.
const FLIPPED: u64 = 10;
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
    let flipped = flips::entries(FLIPPED);
    let left = Storm {
        corpus: corpus().into_iter().chain(flipped).collect(),
        rounds: ROUNDS,
        costly: COSTLY,
    }
    .blow(|_| ());
    assert_eq!(left.objections(), [""; 0]);
    assert!(left.served > 100, "the neighbour was hardly served");
}

/// The check's own control: of whatever each round leaves one behind, that it objects to, and to nothing else.
#[test]
fn what_rounds_leave_behind_is_objected_to() {
    let storm = || Storm {
        corpus: vec![
            entry("answers", packed().module(), "done 1", ""),
            entry(
                "traps",
                packed().first("(unreachable)").module(),
                "failed trap",
                "",
            ),
            entry("no-file", Vec::new(), "refused empty", ""),
        ],
        rounds: 150,
        costly: Duration::MAX,
    };
    assert_eq!(storm().blow(|_| ()).objections(), [""; 0]);

    let mut files = Vec::new();
    let left = storm().blow(|_| files.push(File::open("/dev/null").unwrap()));
    assert_eq!(left.objections(), ["descriptors"], "{left:?}");
    drop(files);

    let (mut threads, lives) = (Vec::new(), Arc::new(Mutex::new(())));
    let life = lives.lock().unwrap();
    let left = storm().blow(|_| {
        let lives = lives.clone();
        threads.push(std::thread::spawn(move || drop(lives.lock())));
    });
    assert_eq!(left.objections(), ["threads"], "{left:?}");
    drop(life);
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());

    let mut bytes = Vec::new();
    let left = storm().blow(|_| bytes.push(vec![1_u8; 1 << 20]));
    assert_eq!(left.objections(), ["memory"], "{left:?}");
    drop(bytes);

    let mut revisions = Vec::new();
    let left = storm().blow(|subject| revisions.extend(subject.loaded()));
    assert_eq!(left.objections(), ["instances"], "{left:?}");
}

/// Entries, played round after round.
struct Storm {
    corpus: Vec<Entry>,
    rounds: usize,
    /// An entry whose first round took longer is played [`COSTLY_ROUNDS`] times.
    costly: Duration,
}

/// What the process holds after the first rounds and after the last, and what is left when all is over.
#[derive(Debug)]
struct Left {
    before: Holdings,
    after: Holdings,
    instances: u32,
    served: usize,
}

impl Left {
    /// Of what there is more than there must be.
    fn objections(&self) -> Vec<&'static str> {
        let Self { before, after, .. } = self;
        let grown = after.resident_bytes >= before.resident_bytes + SLACK_BYTES;
        [
            ("instances", self.instances > 0),
            ("memory", grown),
            ("descriptors", after.descriptors > before.descriptors),
            ("threads", after.threads > before.threads),
        ]
        .into_iter()
        .filter_map(|(what, more)| more.then_some(what))
        .collect()
    }
}

impl Storm {
    /// Plays the rounds, each with what `besides` does after it.
    fn blow(self, besides: impl FnMut(&Subject<'_>)) -> Left {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(self.play(besides))
    }

    async fn play(&self, mut besides: impl FnMut(&Subject<'_>)) -> Left {
        let (engine, watchdog) = (engine(3), watchdog());
        let neighbour = entry("neighbour", packed().module(), "done 1", "");
        let neighbour = Subject::load(&engine, &neighbour).revision();
        let stop = Arc::new(AtomicBool::new(false));
        let served = Arc::new(AtomicUsize::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(serve(neighbour, stop.clone(), served.clone()));
        let subjects = self.first_round(&engine, &watchdog).await;
        let mut rounds = subjects.len();
        let mut lap = 1;
        let mut before = None;
        while rounds < self.rounds {
            for (subject, took) in &subjects {
                if lap >= COSTLY_ROUNDS && *took > self.costly {
                    continue;
                }
                watchdog.begin(&subject.entry().name);
                let came = subject.play(&engine).await;
                check(subject.entry(), &came).unwrap_or_else(|objection| panic!("{objection}"));
                besides(subject);
                rounds += 1;
            }
            lap += 1;
            if rounds > self.rounds / 5 {
                before.get_or_insert_with(Holdings::now);
            }
        }
        watchdog.end();
        stop.store(true, Ordering::Relaxed);
        tasks.join_all().await;
        drop(subjects);
        Left {
            before: before.unwrap(),
            after: Holdings::now(),
            instances: engine.instances(),
            served: served.load(Ordering::Relaxed),
        }
    }

    /// Loads and plays each entry once, and says how long that took. All that goes wrong is told together.
    async fn first_round(
        &self,
        engine: &Engine,
        watchdog: &Watchdog,
    ) -> Vec<(Subject<'_>, Duration)> {
        let mut subjects = Vec::new();
        let mut wrong = Vec::new();
        for hostile in &self.corpus {
            watchdog.begin(&hostile.name);
            let subject = Subject::load(engine, hostile);
            let began = Instant::now();
            let came = subject.play(engine).await;
            let took = began.elapsed();
            wrong.extend(check(hostile, &came).err());
            subjects.push((subject, took));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        subjects
    }
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

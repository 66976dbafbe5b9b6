//! Runs seeds, one or many, and reports the first that fails.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use pelton_dispatch::{RecordingHeader, Step};

use super::{coverage::Coverage, trace::Trace, world::World};
use crate::{
    machine::{Machine, NewMachine, machine},
    model::Violation,
};

/// The recording of one assignment.
pub type Recorded = (RecordingHeader, Vec<Step>);

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Let the model judge each step, besides the ledger.
    pub model: bool,
    /// Print everything that happens.
    pub verbose: bool,
    /// Keep what each machine was told and commanded.
    pub record: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: true,
            verbose: false,
            record: false,
        }
    }
}

/// A seed that fails.
#[derive(Debug)]
pub struct Failure {
    /// Which one.
    pub seed: u64,
    /// At which event given to a machine.
    pub step: u64,
    /// What is wrong.
    pub violation: Violation,
    /// The last things that happened.
    pub last: Vec<String>,
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {} fails at step {}: {}",
            self.seed, self.step, self.violation
        )?;
        writeln!(f, "the last things that happened:")?;
        self.last
            .iter()
            .try_for_each(|line| writeln!(f, "  {line}"))?;
        write!(f, "see everything with --seed {}", self.seed)
    }
}

/// Runs one seed. A failing one is run a second time to tell its story.
pub fn run_seed<M: Machine>(
    seed: u64,
    options: Options,
) -> Result<(Coverage, Vec<Recorded>), Box<Failure>> {
    run_one(machine::<M>(), seed, options)
}

fn run_one(
    new_machine: NewMachine,
    seed: u64,
    options: Options,
) -> Result<(Coverage, Vec<Recorded>), Box<Failure>> {
    let trace = options.verbose.then(|| Trace::new(true));
    let mut world = World::new(new_machine, seed, options, trace);
    let Err(violation) = guarded(&mut world) else {
        let recordings = world
            .assignments
            .into_iter()
            .filter_map(|assignment| assignment.recording);
        return Ok((world.coverage, recordings.collect()));
    };
    let step = world.steps;
    let mut world = World::new(
        new_machine,
        seed,
        Options {
            verbose: false,
            ..options
        },
        Some(Trace::new(false)),
    );
    let _ = guarded(&mut world);
    let last = world.trace.map(Trace::into_lines).unwrap_or_default();
    Err(Box::new(Failure {
        seed,
        step,
        violation,
        last,
    }))
}

/// A machine that panics has failed like any other.
fn guarded(world: &mut World) -> Result<(), Violation> {
    catch_unwind(AssertUnwindSafe(|| world.run()))
        .unwrap_or_else(|_| Err(Violation("a panic, see above".to_owned())))
}

/// Runs seeds `from` to `from + count` on so many threads; reports the lowest that failed first.
pub fn run_many<M: Machine>(
    from: u64,
    count: u64,
    threads: usize,
    options: Options,
    progress: impl Fn(u64) + Sync,
) -> Result<Coverage, Box<Failure>> {
    let run = |seed| run_seed::<M>(seed, options).map(|(seen, _)| seen);
    spread(from, count, threads, progress, run, Coverage::merge)
}

/// Spreads seeds over threads, and merges what they saw.
pub(super) fn spread<C: Default + Send>(
    from: u64,
    count: u64,
    threads: usize,
    progress: impl Fn(u64) + Sync,
    run: impl Fn(u64) -> Result<C, Box<Failure>> + Sync,
    merge: impl Fn(&mut C, &C) + Sync,
) -> Result<C, Box<Failure>> {
    let next = AtomicU64::new(from);
    let end = from.saturating_add(count);
    let total = Mutex::new((C::default(), None::<Box<Failure>>));
    let work = || {
        let mut coverage = C::default();
        let mut failed = None;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                break;
            }
            match run(seed) {
                Ok(seen) => merge(&mut coverage, &seen),
                Err(failure) => {
                    next.store(end, Ordering::Relaxed);
                    failed = Some(failure);
                    break;
                }
            }
            progress(seed - from + 1);
        }
        let mut total = total
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        merge(&mut total.0, &coverage);
        total.1 = [total.1.take(), failed]
            .into_iter()
            .flatten()
            .min_by_key(|failure| failure.seed);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    match total
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
    {
        (coverage, None) => Ok(coverage),
        (_, Some(failure)) => Err(failure),
    }
}

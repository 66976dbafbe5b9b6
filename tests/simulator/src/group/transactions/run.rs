//! Runs seeds, one or many, and reports the first that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    seen::Coverage,
    world::{Machines, World},
};
use crate::{
    group::{
        run::{Failure, Recorded, spread},
        trace::Trace,
    },
    machine::{Machine, Transactions, machine, transactions},
    model::Violation,
};

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Let the model judge each step, besides the judge of what is visible.
    pub model: bool,
    /// Print everything that happens.
    pub verbose: bool,
    /// Keep what each machine was told and commanded.
    pub record: bool,
    /// What the driver does wrong.
    pub fault: Option<DriverFault>,
}

/// Something that the driver of the machines does wrong, for the negative control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverFault {
    /// It believes what a call returns, though a request of it was never answered (delivery rule 35).
    BelievesUnanswered,
    /// It hands on what partitions said before they heard of an abort.
    BelievesStaleWords,
    /// It commits offsets beside the transaction (delivery rule 29).
    OffsetsOutside,
    /// It starts from offsets while a transaction that changes them is not ended (delivery rule 29).
    FetchesUnstable,
    /// A member hears of lost partitions after its process has joined the group's next generation.
    TellsOfLossLate,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: true,
            verbose: false,
            record: false,
            fault: None,
        }
    }
}

/// Runs one seed. A failing one is run a second time to tell its story.
pub fn run_seed<M: Machine, T: Transactions>(
    seed: u64,
    options: Options,
) -> Result<(Coverage, Vec<Recorded>), Box<Failure>> {
    let machines = Machines {
        partition: machine::<M>(),
        member: transactions::<T>(),
    };
    run_one(machines, seed, options)
}

fn run_one(
    machines: Machines,
    seed: u64,
    options: Options,
) -> Result<(Coverage, Vec<Recorded>), Box<Failure>> {
    let trace = options.verbose.then(|| Trace::new(true));
    let mut world = World::new(machines, seed, options, trace);
    let Err(violation) = guarded(&mut world) else {
        let recordings = world.seats.into_iter().filter_map(|seat| seat.recording);
        return Ok((world.coverage, recordings.collect()));
    };
    let step = world.steps;
    let mut world = World::new(
        machines,
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
pub fn run_many<M: Machine, T: Transactions>(
    from: u64,
    count: u64,
    threads: usize,
    options: Options,
    progress: impl Fn(u64) + Sync,
) -> Result<Coverage, Box<Failure>> {
    let run = |seed| run_seed::<M, T>(seed, options).map(|(seen, _)| seen);
    spread(from, count, threads, progress, run, Coverage::merge)
}

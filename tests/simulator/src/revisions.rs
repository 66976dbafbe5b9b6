//! One handler's component over many lives of its daemon: files and configurations that change, loads and trials that fail, messages
//! that a revision can't handle, and restarts, from a seed.
//!
//! The judge (`judge`) keeps its own account of what each content is and of who spoke against whom; it shares no
//! reasoning with the machine.

mod judge;
mod world;

use std::time::Duration;

use pelton_revisions::{Command, Configuration, Event, Probation, Revisions};
use pelton_types::RevisionId;

pub use self::world::run_seed;

/// A machine of one handler's component.
pub trait Machine {
    /// As [`Revisions::new`].
    fn new(configuration: Configuration, probation: Option<Probation>) -> Self;
    /// As [`Revisions::handle`].
    fn handle(&mut self, now: Duration, event: Event, commands: &mut Vec<Command>);
    /// As [`Revisions::running`].
    fn running(&self) -> Option<RevisionId>;
    /// As [`Revisions::fallback`].
    fn fallback(&self) -> Option<RevisionId>;
}

impl Machine for Revisions {
    fn new(configuration: Configuration, probation: Option<Probation>) -> Self {
        Self::new(configuration, probation)
    }

    fn handle(&mut self, now: Duration, event: Event, commands: &mut Vec<Command>) {
        self.handle(now, event, commands);
    }

    fn running(&self) -> Option<RevisionId> {
        self.running()
    }

    fn fallback(&self) -> Option<RevisionId> {
        self.fallback()
    }
}

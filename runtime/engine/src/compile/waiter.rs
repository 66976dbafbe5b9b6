//! For whom something is compiled. Where nobody waits for it any more, the process that compiles it is killed: it would
//! take its time and memory, and one of the few places.

use std::{process::Child, sync::Arc};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

/// Who waits; by default somebody who always does. Copies are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    gone: bool,
    /// The process that compiles for it: one after the other does.
    served_by: Option<Pid>,
}

/// Somebody waits for what an engine loads, until this is dropped.
#[derive(Debug)]
#[must_use = "dropped, nobody waits"]
pub struct Waits(Waiter);

/// A process that compiles. To be dropped before it is waited for: its id may be another's then.
#[derive(Debug)]
pub(super) struct Serving<'w>(&'w Waiter);

impl Waiter {
    pub(crate) fn new() -> (Self, Waits) {
        let waiter = Self::default();
        (waiter.clone(), Waits(waiter))
    }

    pub(super) fn is_gone(&self) -> bool {
        self.0.lock().gone
    }

    pub(super) fn served_by(&self, child: &Child) -> Serving<'_> {
        let mut state = self.0.lock();
        state.served_by = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if state.gone {
            state.kill();
        }
        Serving(self)
    }
}

impl State {
    fn kill(&self) {
        if let Some(child) = self.served_by {
            // One that has ended by itself needs none.
            let _ = kill_process(child, Signal::KILL);
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.gone = true;
        state.kill();
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.0.0.lock().served_by = None;
    }
}

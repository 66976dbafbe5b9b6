//! So many at once and no more.

use std::sync::{Condvar, Mutex, PoisonError};

/// Counts who is inside.
#[derive(Debug)]
pub(super) struct Gate {
    free: Mutex<usize>,
    left: Condvar,
}

/// Lets the next one in when it is dropped.
#[derive(Debug)]
pub(super) struct Pass<'g>(&'g Gate);

impl Gate {
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            free: Mutex::new(at_once),
            left: Condvar::new(),
        }
    }

    /// Waits for a place.
    pub(super) fn pass(&self) -> Pass<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.left.wait_while(free, |free| *free == 0);
        *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
        Pass(self)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{self, RecvTimeoutError},
        thread,
        time::Duration,
    };

    use super::*;

    #[test]
    fn one_more_waits_until_one_has_left() {
        let gate = Gate::new(2);
        let (first, _second) = (gate.pass(), gate.pass());
        let (told, heard) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _third = gate.pass();
                told.send("third").unwrap();
            });
            let waits = heard.recv_timeout(Duration::from_millis(100));
            assert_eq!(waits, Err(RecvTimeoutError::Timeout));
            drop(first);
            assert_eq!(heard.recv(), Ok("third"));
        });
    }
}

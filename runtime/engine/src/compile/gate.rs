//! So many at once and no more, and each thing once at a time.

use parking_lot::{Condvar, Mutex};

/// What a component is known by.
type Digest = [u8; 32];

/// Knows who is inside.
#[derive(Debug)]
pub(super) struct Gate {
    inside: Mutex<Vec<Digest>>,
    at_once: usize,
    left: Condvar,
}

/// Lets others in when it is dropped.
#[derive(Debug)]
pub(super) struct Pass<'g> {
    gate: &'g Gate,
    digest: Digest,
}

impl Gate {
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            inside: Mutex::default(),
            at_once,
            left: Condvar::new(),
        }
    }

    /// Waits for a place, and until nobody is inside with the same.
    pub(super) fn pass(&self, digest: Digest) -> Pass<'_> {
        let is_full =
            |inside: &mut Vec<_>| inside.len() == self.at_once || inside.contains(&digest);
        let mut inside = self.inside.lock();
        self.left.wait_while(&mut inside, is_full);
        inside.push(digest);
        Pass { gate: self, digest }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate
            .inside
            .lock()
            .retain(|inside| *inside != self.digest);
        // They wait for different things.
        self.gate.left.notify_all();
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

    const A: Digest = [1; 32];
    const B: Digest = [2; 32];

    /// Whether a third one is let in only when the first has left.
    fn waits(at_once: usize, third: Digest) {
        let gate = Gate::new(at_once);
        let (first, _second) = (gate.pass(A), gate.pass(B));
        let (told, heard) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _third = gate.pass(third);
                told.send("third").unwrap();
            });
            let waits = heard.recv_timeout(Duration::from_millis(100));
            assert_eq!(waits, Err(RecvTimeoutError::Timeout));
            drop(first);
            assert_eq!(heard.recv(), Ok("third"));
        });
    }

    #[test]
    fn one_more_waits_until_one_has_left() {
        waits(2, [3; 32]);
    }

    #[test]
    fn the_same_waits_though_there_is_room() {
        waits(9, A);
    }
}

//! How a revocation is answered, and how the poll thread waits for that.

use std::{fmt, sync::Arc, time::Instant};

use parking_lot::{Condvar, Mutex};

use super::Commit;
use crate::{Turns, turns::STEP};

/// The answer to a revocation. Dropping it means that there is nothing to commit.
pub struct RevokeAck {
    pub(super) slot: Arc<AckSlot>,
}

impl RevokeAck {
    /// Everything under way has ended: commit this and give the partitions up.
    /// Returns whether it was in time; otherwise nothing of it is committed.
    pub fn finish(self, commits: Vec<Commit>) -> bool {
        self.slot.answer(commits)
    }
}

impl Drop for RevokeAck {
    fn drop(&mut self) {
        self.slot.answer(Vec::new());
    }
}

impl fmt::Debug for RevokeAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RevokeAck")
    }
}

/// Where the poll thread waits for a [`RevokeAck`].
#[derive(Default)]
pub(super) struct AckSlot {
    state: Mutex<AckState>,
    changed: Condvar,
}

#[derive(Default)]
enum AckState {
    #[default]
    Waiting,
    Answered(Vec<Commit>),
    /// The answer was taken, or came too late.
    Over,
}

impl AckSlot {
    fn answer(&self, commits: Vec<Commit>) -> bool {
        let mut state = self.state.lock();
        if !matches!(*state, AckState::Waiting) {
            return false;
        }
        *state = AckState::Answered(commits);
        self.changed.notify_all();
        true
    }

    /// The answer, or `None` when the time is up: from then on answers are refused.
    pub(super) fn wait(&self, until: Instant, turns: &Turns) -> Option<Vec<Commit>> {
        let mut state = self.state.lock();
        loop {
            // A drain takes as long as it is given, which is no hang.
            turns.turn();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !matches!(*state, AckState::Waiting) {
                break;
            }
            self.changed.wait_for(&mut state, left.min(STEP));
        }
        match std::mem::replace(&mut *state, AckState::Over) {
            AckState::Answered(commits) => Some(commits),
            AckState::Waiting | AckState::Over => None,
        }
    }
}

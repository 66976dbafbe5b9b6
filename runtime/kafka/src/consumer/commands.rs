//! What the handle leaves for the poll thread: the latest word counts, so nothing can pile up.
//!
//! Invariant: at most one commit, one pause state and one seek for each partition wait here.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use pelton_types::{Offset, TopicPartition};
use tokio::sync::watch;

use super::{Epoch, transit::Way};
use crate::{
    Turns,
    native::{Client, Queue},
};

/// What is to be committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WantedCommit {
    pub(super) epoch: Epoch,
    pub(super) next: Offset,
    pub(super) metadata: String,
}

/// What is to be done on the next round.
#[derive(Default)]
pub(super) struct Commands {
    pub(super) commits: HashMap<TopicPartition, WantedCommit>,
    pub(super) pauses: HashMap<TopicPartition, (Epoch, bool)>,
    pub(super) seeks: HashMap<TopicPartition, (Epoch, Offset)>,
}

impl Commands {
    pub(super) fn is_empty(&self) -> bool {
        self.commits.is_empty() && self.pauses.is_empty() && self.seeks.is_empty()
    }
}

/// What handle and thread share.
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) ended: watch::Sender<bool>,
    pub(super) way: Arc<Way>,
    /// Rises each time before something is given up.
    pub(super) ownership: AtomicU64,
    pub(super) turns: Turns,
}

struct State {
    commands: Commands,
    stopping: bool,
    /// To wake the thread from a poll; `None` when the consumer is over.
    queue: Option<Queue>,
}

impl Shared {
    pub(super) fn new(queue: Queue, way: Arc<Way>) -> Self {
        let state = State {
            commands: Commands::default(),
            stopping: false,
            queue: Some(queue),
        };
        Self {
            state: Mutex::new(state),
            ended: watch::Sender::new(false),
            way,
            ownership: AtomicU64::new(0),
            turns: Turns::default(),
        }
    }

    /// Something is given up from here on.
    pub(super) fn give_up_ownership(&self) {
        self.ownership.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn stop(&self) {
        let mut state = self.state.lock();
        state.stopping = true;
        state.wake();
    }

    /// What was left since last time.
    pub(super) fn take(&self) -> Commands {
        std::mem::take(&mut self.state.lock().commands)
    }

    /// The commits left since last time; other words stay.
    pub(super) fn take_commits(&self) -> HashMap<TopicPartition, WantedCommit> {
        std::mem::take(&mut self.state.lock().commands.commits)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.state.lock().stopping
    }

    /// The client, while the consumer isn't over.
    pub(super) fn client(&self) -> Option<Arc<Client>> {
        self.state.lock().queue.as_ref().map(Queue::client)
    }

    /// Gives the queue back, so that the thread can destroy the client.
    pub(super) fn give_up_queue(&self) -> Option<Queue> {
        self.state.lock().queue.take()
    }

    /// Says that the client is destroyed.
    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Leaves word for the thread.
    pub(super) fn leave(&self, leave: impl FnOnce(&mut Commands)) {
        let mut state = self.state.lock();
        let first = state.commands.is_empty();
        leave(&mut state.commands);
        if first {
            state.wake();
        }
    }
}

impl State {
    fn wake(&self) {
        if let Some(queue) = &self.queue {
            queue.wake();
        }
    }
}

/// Keeps the highest offset of the newest epoch (epochs only rise), and of several words for it the latest: what is
/// finished behind one watermark only grows.
pub(super) fn merge(
    commits: &mut HashMap<TopicPartition, WantedCommit>,
    partition: &TopicPartition,
    wanted: WantedCommit,
) {
    match commits.get_mut(partition) {
        Some(held) if (held.epoch, held.next) > (wanted.epoch, wanted.next) => {}
        Some(held) => *held = wanted,
        None => {
            commits.insert(partition.clone(), wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What waits after these words: epoch, next offset, metadata.
    fn merged(words: &[(u64, Offset, &str)]) -> (u64, Offset, String) {
        let partition = TopicPartition::new("orders", 0);
        let mut commits = HashMap::new();
        for (epoch, next, metadata) in words {
            let wanted = WantedCommit {
                epoch: Epoch(*epoch),
                next: *next,
                metadata: (*metadata).to_owned(),
            };
            merge(&mut commits, &partition, wanted);
        }
        let held = &commits[&partition];
        (held.epoch.0, held.next, held.metadata.clone())
    }

    #[test]
    fn the_highest_offset_of_the_newest_epoch_is_committed() {
        let words = [(1, 90, "a"), (2, 40, "b"), (2, 30, "c"), (1, 95, "d")];
        assert_eq!(merged(&words), (2, 40, "b".to_owned()));
    }

    #[test]
    fn the_latest_metadata_of_one_offset_is_committed() {
        let words = [(1, 40, "a"), (1, 40, "b"), (1, 39, "c")];
        assert_eq!(merged(&words), (1, 40, "b".to_owned()));
    }
}

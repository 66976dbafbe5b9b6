//! A member of a consumer group: what it is told, and the handle to it.
//!
//! A thread of its own polls librdkafka and turns everything it says into [`ConsumerEvent`]s. The handle's
//! methods only leave word for that thread, which acts on the next round; so commits, pauses and rebalances
//! happen in one order, and a word for a partition that has been given up since is dropped.
//!
//! Invariant: an offset is committed for a partition only under the epoch under which it is owned.

mod ack;
mod commands;
mod commits;
mod convert;
mod ends;
mod errors;
mod event;
mod positions;
mod rebalance;
mod settings;
mod start;
mod thread;
mod transit;

use std::sync::{Arc, atomic::Ordering};

use pelton_types::{Offset, TopicPartition};
use tokio::sync::mpsc;

use self::{
    ack::AckSlot,
    commands::{Shared, WantedCommit, merge},
};
pub use self::{
    ack::RevokeAck,
    event::{Assignment, Commit, CommitError, ConsumerEvent, End, Epoch},
    settings::{ConsumerMemory, ConsumerSettings, Protocol, Start, Topics},
    transit::Transit,
};
pub(crate) use self::{convert::Round, thread::subscribe};
use crate::{Error, Turns, native::Client};

/// A handle to a consumer. Cheap to clone; the consumer ends with [`close`](Self::close), or when the
/// receiver of its events is dropped.
#[derive(Clone)]
pub struct Consumer {
    shared: Arc<Shared>,
}

impl Consumer {
    /// Joins the group. Needs no broker yet: one that isn't there is waited for, with a
    /// [`ConsumerEvent::Trouble`].
    ///
    /// # Errors
    /// Properties librdkafka refuses, a pattern that isn't a regular expression, no thread.
    pub fn start(
        settings: ConsumerSettings,
    ) -> Result<(Self, mpsc::Receiver<ConsumerEvent>), Error> {
        let (shared, events) = thread::start(settings)?;
        Ok((Self { shared }, events))
    }

    /// Leaves word to commit this next offset, and this metadata beside it (see [`Commit::metadata`]). Of several
    /// words the highest offset counts, and of several for one offset the latest. Dropped when the partition
    /// isn't owned under this epoch any more, else answered by [`ConsumerEvent::Committed`] for that offset
    /// or a higher one.
    pub fn commit(&self, partition: &TopicPartition, epoch: Epoch, next: Offset, metadata: String) {
        let wanted = WantedCommit {
            epoch,
            next,
            metadata,
        };
        self.shared
            .leave(|commands| merge(&mut commands.commits, partition, wanted));
    }

    /// Leaves word to fetch no more of this partition. A few messages may still follow.
    pub fn pause(&self, partition: &TopicPartition, epoch: Epoch) {
        self.leave_pause(partition, (epoch, true));
    }

    /// Leaves word to go on fetching after the last message that was handed out.
    pub fn resume(&self, partition: &TopicPartition, epoch: Epoch) {
        self.leave_pause(partition, (epoch, false));
    }

    fn leave_pause(&self, partition: &TopicPartition, pause: (Epoch, bool)) {
        self.shared.leave(|commands| {
            commands.pauses.insert(partition.clone(), pause);
        });
    }

    /// Leaves word to go on at another offset; the way out of [`ConsumerEvent::OutOfRange`].
    pub fn seek(&self, partition: &TopicPartition, epoch: Epoch, offset: Offset) {
        self.shared.leave(|commands| {
            commands.seeks.insert(partition.clone(), (epoch, offset));
        });
    }

    /// Lets no more than so many bytes of one partition wait to be taken in; one message always may.
    pub fn hand_on_each(&self, bytes: u64) {
        self.shared.way.limit_each(bytes);
    }

    /// Changes each time before partitions are given up: as long as it is the same, what was owned still is.
    pub fn ownership(&self) -> u64 {
        self.shared.ownership.load(Ordering::Acquire)
    }

    /// The turns of its thread.
    pub fn turns(&self) -> Turns {
        self.shared.turns.clone()
    }

    /// The client, for questions from other threads; `None` when the consumer is over. Whoever holds it last destroys
    /// it: never on an async runtime.
    pub(crate) fn client(&self) -> Option<Arc<Client>> {
        self.shared.client()
    }

    /// Leaves word to leave the group: owned partitions are revoked as in a rebalance
    /// ([`ConsumerEvent::Revoked`]), and the stream of events ends.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Waits until the consumer is over and its memory given back.
    pub async fn stopped(&self) {
        // An error can't be: the sender is in `shared`.
        let _ = self.shared.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// [`stop`](Self::stop), then [`stopped`](Self::stopped). The events must be received meanwhile.
    pub async fn close(self) {
        self.stop();
        self.stopped().await;
    }
}

//! How `[daemon] memory` is shared out (delivery rule 38).
//!
//! Messages take memory in five places: fetched by librdkafka, on their way to their partition's task, held by
//! it until they are finished, copied for a call, and in the producer's queue. Each place has a share. That of
//! the held ones is divided among the partitions that the process has right now, the others among handlers.
//!
//! Invariant: the shares add up to the memory. Each place takes one message whatever its share, so a bound
//! that is too small makes the daemon slow, and never makes it stand still.

use std::{
    num::NonZeroU64,
    sync::{Arc, Mutex, PoisonError},
};

use pelton_config::{Handler, Properties};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Parts of a hundred.
const FETCHED: u64 = 20;
const HANDED_ON: u64 = 10;
const HELD: u64 = 35;
const CALLS: u64 = 20;
const PRODUCER: u64 = 15;

/// How often the bytes of a call are copied: for the engine, into the guest, and out of it.
const COPIES_OF_A_CALL: u64 = 3;
/// How many of the largest batches are called at once.
const CALLS_AT_ONCE: u64 = 2;
/// What a permit for calls stands for.
const PERMIT_BYTES: u64 = 1024;

/// The memory of the process.
#[derive(Debug)]
pub(crate) struct Budget {
    memory: u64,
    handlers: u64,
    partitions: Mutex<u64>,
    each: watch::Sender<u32>,
}

/// What one handler may hold, its partitions' messages aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandlerShare {
    pub fetched: u64,
    pub handed_on: u64,
    pub calls: u64,
    pub producer: u64,
}

impl HandlerShare {
    /// The most bytes in one call, so that several fit in.
    pub(crate) fn batch(self) -> u32 {
        let bytes = self.calls / COPIES_OF_A_CALL / CALLS_AT_ONCE;
        u32::try_from(bytes).unwrap_or(u32::MAX).max(1)
    }
}

/// A partition's claim to a share. Given up when dropped.
#[derive(Debug)]
pub(crate) struct Claim(Arc<Budget>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.count(|partitions| partitions.saturating_sub(1));
    }
}

impl Budget {
    pub(crate) fn new(memory: NonZeroU64, handlers: usize) -> Arc<Self> {
        let memory = memory.get();
        let handlers = u64::try_from(handlers).unwrap_or(u64::MAX).max(1);
        Arc::new(Self {
            memory,
            handlers,
            partitions: Mutex::new(0),
            each: watch::Sender::new(share_of_each(memory, 0)),
        })
    }

    /// What each handler may hold.
    pub(crate) fn of_handler(&self) -> HandlerShare {
        let share = |parts| part(self.memory, parts) / self.handlers;
        HandlerShare {
            fetched: share(FETCHED),
            handed_on: share(HANDED_ON),
            calls: share(CALLS),
            producer: share(PRODUCER),
        }
    }

    /// Counts one more partition.
    pub(crate) fn claim(self: &Arc<Self>) -> Claim {
        self.count(|partitions| partitions + 1);
        Claim(self.clone())
    }

    /// The bytes that each partition may hold, as they change.
    pub(crate) fn of_partition(&self) -> watch::Receiver<u32> {
        self.each.subscribe()
    }

    fn count(&self, change: impl FnOnce(u64) -> u64) {
        let mut partitions = self
            .partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *partitions = change(*partitions);
        let each = share_of_each(self.memory, *partitions);
        self.each
            .send_if_modified(|known| std::mem::replace(known, each) != each);
    }
}

fn part(memory: u64, parts: u64) -> u64 {
    // Without an overflow, whatever the memory.
    memory / 100 * parts + memory % 100 * parts / 100
}

fn share_of_each(memory: u64, partitions: u64) -> u32 {
    u32::try_from(part(memory, HELD) / partitions.max(1)).unwrap_or(u32::MAX)
}

/// Properties that decide how much librdkafka holds.
const OF_LIBRDKAFKA: [&str; 6] = [
    "queued.max.messages.kbytes",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "max.partition.fetch.bytes",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
];

/// The properties of a handler by which librdkafka holds more, or less, than its share.
pub(crate) fn beside<'a>(
    handler: &'a Handler,
    cluster: &'a Properties,
) -> impl Iterator<Item = &'a str> {
    [
        cluster,
        &handler.consumer_properties,
        &handler.producer_properties,
    ]
    .into_iter()
    .flat_map(Properties::iter)
    .map(|(name, _)| name)
    .filter(|name| OF_LIBRDKAFKA.contains(name))
}

/// The limit of one partition, which leaves room for the message that goes over it.
///
/// A partition takes one message more when it is just below its limit, so what it was told is its share less
/// the largest message it has met; but a quarter of it at least, for those that meet a large one now and then.
#[derive(Debug)]
pub(crate) struct PartitionShare {
    bytes: u32,
    largest: u32,
    told: Option<u32>,
}

impl PartitionShare {
    pub(crate) fn new(bytes: u32) -> Self {
        Self {
            bytes,
            largest: 0,
            told: None,
        }
    }

    /// The share is another from now on.
    pub(crate) fn change(&mut self, bytes: u32) {
        self.bytes = bytes;
    }

    /// Messages came, the largest of this size.
    pub(crate) fn met(&mut self, largest: u32) {
        self.largest = self.largest.max(largest);
    }

    /// The limit, when it is another than it was.
    pub(crate) fn limit(&mut self) -> Option<u32> {
        let room = self.bytes.saturating_sub(self.largest);
        let limit = room.max(self.bytes / 4).max(1);
        (self.told.replace(limit) != Some(limit)).then_some(limit)
    }
}

/// Memory for a handler's calls, and for what they return until the producer has taken it.
#[derive(Debug)]
pub(crate) struct CallMemory {
    permits: Arc<Semaphore>,
    all: u32,
}

impl CallMemory {
    pub(crate) fn new(bytes: u64) -> Self {
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let all = u32::try_from(bytes / PERMIT_BYTES).unwrap_or(most);
        let all = all.clamp(1, most);
        Self {
            permits: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// Waits until there is memory for a call with so many bytes. One that is larger than all there is has it
    /// for itself.
    pub(crate) async fn take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let permits = bytes.saturating_mul(COPIES_OF_A_CALL) / PERMIT_BYTES;
        let permits = u32::try_from(permits)
            .unwrap_or(u32::MAX)
            .clamp(1, self.all);
        // It fails only when the semaphore is closed, and nobody closes it.
        self.permits.clone().acquire_many_owned(permits).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn budget(mib: u64, handlers: usize) -> Arc<Budget> {
        Budget::new(NonZeroU64::new(mib * MIB).unwrap(), handlers)
    }

    #[test]
    fn the_shares_are_the_memory_and_no_more() {
        assert_eq!(FETCHED + HANDED_ON + HELD + CALLS + PRODUCER, 100);
        for (mib, handlers, partitions) in [(16, 1, 1), (256, 8, 96), (512, 3, 7), (100_000, 1, 1)]
        {
            let budget = budget(mib, handlers);
            let claims: Vec<Claim> = (0..partitions).map(|_| budget.claim()).collect();
            let HandlerShare {
                fetched,
                handed_on,
                calls,
                producer,
            } = budget.of_handler();
            let each = u64::from(*budget.of_partition().borrow());
            let all = (fetched + handed_on + calls + producer) * handlers as u64
                + each * claims.len() as u64;
            assert!(all <= mib * MIB, "{all} of {mib} MiB");
            // A partition's limit is a number of 32 bits.
            assert!(all >= mib * MIB / 100 * 99 || each == u64::from(u32::MAX));
        }
    }

    #[test]
    fn a_partition_s_share_follows_their_number() {
        let budget = budget(100, 2);
        let mut each = budget.of_partition();
        let whole = *each.borrow_and_update();
        let first = budget.claim();
        assert_eq!(*each.borrow_and_update(), whole, "one has it all");
        let others: Vec<Claim> = (0..3).map(|_| budget.claim()).collect();
        assert!(each.has_changed().unwrap());
        assert_eq!(*each.borrow_and_update(), whole / 4);
        drop(others);
        assert_eq!(*each.borrow_and_update(), whole);
        drop(first);
        assert_eq!(*each.borrow_and_update(), whole);
    }

    #[test]
    fn a_partition_stops_before_the_message_that_would_go_over_its_share() {
        let mut share = PartitionShare::new(1_000);
        assert_eq!(share.limit(), Some(1_000));
        share.met(100);
        assert_eq!(share.limit(), Some(900));
        share.met(50);
        assert_eq!(share.limit(), None, "nothing new");
        share.met(990);
        assert_eq!(share.limit(), Some(250));
        share.change(4_000);
        assert_eq!(share.limit(), Some(3_010));
        share.change(0);
        assert_eq!(share.limit(), Some(1), "one message whatever the share");
    }

    #[tokio::test]
    async fn a_call_too_large_for_its_memory_is_made_alone() {
        let memory = CallMemory::new(300 * PERMIT_BYTES);
        let small = memory.take(10 * PERMIT_BYTES).await.unwrap();
        assert_eq!(small.num_permits(), 30);
        drop(small);
        let huge = memory.take(u64::MAX).await.unwrap();
        assert_eq!(huge.num_permits(), 300);
        let mut next = Box::pin(memory.take(1));
        assert!(futures::poll!(&mut next).is_pending());
        drop(huge);
        assert!(next.await.is_some());
        assert!(CallMemory::new(0).take(1).await.is_some());
    }
}

//! How `[daemon] memory` is shared out (delivery rule 38).
//!
//! Messages take memory in five places: fetched by librdkafka, on their way to their partition's task, held by
//! it until they are finished, copied for a call, and in the producer's queue. Each place has a share. That of
//! the held ones is divided among the partitions that the process has right now, the others among handlers. A
//! handler keeps what it was given when it began: one that is added later gets what the others have left, and some
//! of what is for held messages.
//!
//! Invariant: the shares add up to the memory at most. Each place takes one message whatever its share, so a bound
//! that is too small makes the daemon slow, and never makes it stand still.

use std::{num::NonZeroU64, sync::Arc};

use parking_lot::Mutex;
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

/// The parts of handlers.
const OF_HANDLERS: u64 = FETCHED + HANDED_ON + CALLS + PRODUCER;

/// The memory of the process.
#[derive(Debug)]
pub(crate) struct Budget {
    memory: u64,
    given: Mutex<Given>,
    each: watch::Sender<u32>,
}

/// What is given out.
#[derive(Debug, Default)]
struct Given {
    /// Bytes, to all handlers together.
    to_handlers: u64,
    /// How many have a share of the rest.
    partitions: u64,
}

/// What one handler may hold, its partitions' messages aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HandlerShare {
    pub fetched: u64,
    pub handed_on: u64,
    pub calls: u64,
    pub producer: u64,
}

impl HandlerShare {
    fn of(bytes: u64) -> Self {
        let share =
            |parts| (u128::from(bytes) * u128::from(parts) / u128::from(OF_HANDLERS)) as u64;
        Self {
            fetched: share(FETCHED),
            handed_on: share(HANDED_ON),
            calls: share(CALLS),
            producer: share(PRODUCER),
        }
    }

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
        self.0
            .count(|given| given.partitions = given.partitions.saturating_sub(1));
    }
}

/// A handler's claim to its share. Given up when dropped.
#[derive(Debug)]
pub(crate) struct HandlerClaim {
    budget: Arc<Budget>,
    bytes: u64,
}

impl HandlerClaim {
    /// What it may hold.
    pub(crate) fn share(&self) -> HandlerShare {
        HandlerShare::of(self.bytes)
    }
}

impl Drop for HandlerClaim {
    fn drop(&mut self) {
        let bytes = self.bytes;
        self.budget
            .count(|given| given.to_handlers = given.to_handlers.saturating_sub(bytes));
    }
}

impl Budget {
    pub(crate) fn new(memory: NonZeroU64) -> Arc<Self> {
        let memory = memory.get();
        Arc::new(Self {
            memory,
            given: Mutex::default(),
            each: watch::Sender::new(share_of_each(memory, &Given::default())),
        })
    }

    /// Gives a share to a handler that begins, one of `beginning` that are still to begin, of `all` there will be.
    ///
    /// It is an equal one, if the others have left so much: what a handler was given can't be taken from it while it
    /// runs, because librdkafka's bounds are fixed. Otherwise it is what they have left, and something of the part of
    /// held messages, of which half is never given away.
    pub(crate) fn hire(self: &Arc<Self>, beginning: usize, all: usize) -> HandlerClaim {
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX).max(1);
        let (beginning, all) = (number(beginning), number(all));
        let handlers = part(self.memory, OF_HANDLERS);
        let most = handlers + part(self.memory, HELD) / 2;
        let mut bytes = 0;
        self.count(|given| {
            let left = handlers.saturating_sub(given.to_handlers);
            let borrowed = most.saturating_sub(given.to_handlers.max(handlers));
            bytes = (handlers / all).min(left / beginning + borrowed / 2 / beginning);
            given.to_handlers += bytes;
        });
        HandlerClaim {
            budget: self.clone(),
            bytes,
        }
    }

    /// Counts one more partition.
    pub(crate) fn claim(self: &Arc<Self>) -> Claim {
        self.count(|given| given.partitions += 1);
        Claim(self.clone())
    }

    /// The bytes that each partition may hold, as they change.
    pub(crate) fn of_partition(&self) -> watch::Receiver<u32> {
        self.each.subscribe()
    }

    fn count(&self, change: impl FnOnce(&mut Given)) {
        let mut given = self.given.lock();
        change(&mut given);
        let each = share_of_each(self.memory, &given);
        self.each
            .send_if_modified(|known| std::mem::replace(known, each) != each);
    }
}

fn part(memory: u64, parts: u64) -> u64 {
    // Without an overflow, whatever the memory.
    memory / 100 * parts + memory % 100 * parts / 100
}

/// What handlers have not been given is for held messages, but not more than their part.
fn share_of_each(memory: u64, given: &Given) -> u32 {
    let held = part(memory, HELD).min(memory.saturating_sub(given.to_handlers));
    u32::try_from(held / given.partitions.max(1)).unwrap_or(u32::MAX)
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
mod tests;

//! What a handler's configuration asks of the machine.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

/// How the messages of one handler are to be treated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What is promised about repetition.
    pub guarantee: Guarantee,
    /// Repetition of failed messages.
    pub retry: Retry,
    /// What becomes of a message whose attempts are used up, or that was rejected.
    pub on_exhausted: OnExhausted,
    /// Which messages wait for which.
    pub order: Order,
    /// Most messages begun and not finished: called, waiting for their retry, being written. The lowest
    /// unfinished message is begun in any case.
    pub in_flight: NonZeroU32,
    /// Most calls at once, for a handler that waits for something else than the CPU.
    pub calls: NonZeroU32,
    /// Most messages in one call.
    pub batch_messages: NonZeroU32,
    /// Most bytes in one call; a single larger message is still called, alone.
    pub batch_bytes: u32,
    /// How long a call should take: batches shrink for slow handlers.
    pub batch_target: Duration,
    /// Most messages held before fetching pauses: fetched, and not yet released. A finished message
    /// behind an unfinished one is held.
    pub buffer_messages: NonZeroU32,
    /// Most bytes held before fetching pauses. Fetching resumes at half of either limit.
    pub buffer_bytes: u32,
    /// The least time between two commits at-least-once, and before a failed one is tried again (0.1 s at least).
    pub commit_interval: Duration,
    /// Most bytes of a commit's metadata. While what is to be said doesn't fit, no further message is begun.
    pub metadata_bytes: u32,
}

/// What is promised about repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// Offsets are committed after outputs are acknowledged.
    AtLeastOnce,
    /// Offsets and outputs are committed in one transaction, which a [`Member`](crate::Member) ends.
    ExactlyOnce,
}

/// Which messages wait for which: a message is called only after those before it that it waits for are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Each for all before it.
    Partition,
    /// Each for those of its key. One without a key waits for nobody, and nobody for it.
    Key,
    /// None for any.
    None,
}

/// How often, and how far apart, a message is attempted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: NonZeroU32,
    /// The delay before the second attempt; it doubles with each further one.
    pub backoff: Duration,
    /// The longest delay, also for one the handler asks for.
    pub max_backoff: Duration,
    /// The share of a delay that is random, in percent: 20 spreads a second over 0.8 to 1.2.
    pub jitter_percent: u8,
    /// Makes the random part repeatable.
    pub jitter_seed: u64,
}

/// What becomes of a message that can't be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnExhausted {
    /// It is written to the dead-letter topic.
    DeadLetter,
    /// It is reported and counted as done.
    Skip,
    /// Its partition stops.
    Stop,
}

/// What the tests of the rooms' parts begin with.
#[cfg(test)]
pub(crate) fn example() -> Policy {
    let number = |n: u32| NonZeroU32::MIN.saturating_add(n - 1);
    Policy {
        guarantee: Guarantee::AtLeastOnce,
        retry: Retry {
            attempts: number(3),
            backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            jitter_percent: 0,
            jitter_seed: 7,
        },
        on_exhausted: OnExhausted::DeadLetter,
        order: Order::Partition,
        in_flight: number(1000),
        calls: number(8),
        batch_messages: number(100),
        batch_bytes: 1_000_000,
        batch_target: Duration::from_millis(1),
        buffer_messages: number(1000),
        buffer_bytes: 1_000_000,
        commit_interval: Duration::from_secs(1),
        metadata_bytes: 4096,
    }
}

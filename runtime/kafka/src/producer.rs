//! Sends outputs, and says what became of each.
//!
//! Invariant: every message that [`Producer::send`] took is answered exactly once, in its mailbox: acknowledged
//! by all in-sync replicas, refused for good, purged, or lost to a fatal error. There is no time-out: an
//! outage is waited out.

mod fault;
mod mailbox;
pub(crate) mod native;
mod raw;
mod reports;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use pelton_types::Headers;
use tokio::sync::watch;

pub use self::mailbox::{Delivery, DeliveryError, Mailbox};
use self::native::Native;

use crate::{Error, TroubleClass, Turns};

/// What librdkafka counts for each header beside its name and value, at least.
const HEADER_OVERHEAD: usize = 2;

/// All a producer needs to know.
#[derive(Clone)]
pub struct ProducerSettings {
    /// `host:port`, comma-separated.
    pub bootstrap: String,
    /// How the client names itself to brokers.
    pub client_id: String,
    /// Most bytes in its queue, rounded to KiB; `None` is librdkafka's default.
    pub queue_bytes: Option<u64>,
    /// Further librdkafka properties (`compression.type`, `linger.ms`, ...).
    pub properties: BTreeMap<String, String>,
}

/// How a producer's transactions are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transactional {
    /// The `transactional.id`.
    pub(crate) id: String,
    /// How long the coordinator lets a transaction be open.
    pub(crate) timeout: Duration,
}

/// One message to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Where to.
    pub topic: &'a str,
    /// A fixed partition; `None` leaves it to the key's murmur2 hash, as Java's and KafkaJS's clients do.
    pub partition: Option<i32>,
    /// CreateTime in milliseconds; `None` is now. 0 is sent as 1, because librdkafka takes 0 for now.
    pub timestamp: Option<i64>,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null, a tombstone.
    pub value: Option<&'a [u8]>,
    /// In order; duplicates are kept, and a value may be null.
    pub headers: &'a Headers,
}

impl Outgoing<'_> {
    /// The bytes that librdkafka counts: key, value, and headers with their lengths.
    fn size(&self) -> usize {
        self.key.map_or(0, <[u8]>::len)
            + self.value.map_or(0, <[u8]>::len)
            + self.headers.len() * HEADER_OVERHEAD
            + self.headers.size()
    }
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no room: wait with [`Producer::wait_for_room`] and send again.
    #[error("the producer's queue is full")]
    QueueFull,
    /// It will never be taken: too large, no such partition.
    #[error("{text}")]
    Refused {
        /// Why, for people.
        text: String,
    },
    /// The transaction that this handle belongs to has ended, or can't be committed any more.
    #[error("{text}")]
    Over {
        /// Why, for people.
        text: String,
    },
    /// The producer is over: make a new one.
    #[error("{text}")]
    Fatal {
        /// Why, for people.
        text: String,
    },
}

/// How a producer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerHealth {
    /// What is wrong outside, for people; the producer goes on trying.
    pub trouble: Option<(TroubleClass, String)>,
    /// Why the producer is over, for people.
    pub fatal: Option<String>,
}

/// An idempotent producer. Cheap to clone; with the last clone it ends, and what is in its queue is purged.
#[derive(Clone)]
pub struct Producer {
    native: Arc<Native>,
    /// The transaction that it sends with, and no other.
    transaction: Option<u64>,
}

impl Producer {
    /// A handle that sends with this transaction.
    pub(crate) fn with_transaction(native: &Arc<Native>, transaction: u64) -> Self {
        native.admit(Some(transaction));
        Self {
            native: native.clone(),
            transaction: Some(transaction),
        }
    }

    /// Makes a producer. Needs no broker yet.
    ///
    /// # Errors
    /// Properties librdkafka refuses, no thread.
    pub fn start(settings: ProducerSettings) -> Result<Self, Error> {
        Ok(Self {
            native: Arc::new(Native::start(settings, None)?),
            transaction: None,
        })
    }

    /// Takes a message into the queue; its bytes are copied. What becomes of it is told to `mailbox`,
    /// under `ticket`.
    ///
    /// # Errors
    /// See [`SendError`]; the mailbox hears nothing then.
    pub fn send(
        &self,
        outgoing: Outgoing<'_>,
        mailbox: &Arc<Mailbox>,
        ticket: u64,
    ) -> Result<(), SendError> {
        self.send_all([(outgoing, ticket)].into_iter(), mailbox).1
    }

    /// Takes messages, each with its ticket, up to the first that isn't taken. Returns how many were, and why the next
    /// one was not. What many have in common is done once.
    pub fn send_all<'a>(
        &self,
        messages: impl ExactSizeIterator<Item = (Outgoing<'a>, u64)>,
        mailbox: &Arc<Mailbox>,
    ) -> (usize, Result<(), SendError>) {
        self.native.send(messages, mailbox, self.transaction)
    }

    /// Why this message will never be taken, as far as that is known before it is sent.
    pub fn refuses(&self, outgoing: &Outgoing<'_>) -> Option<String> {
        self.native.refuses(outgoing)
    }

    /// Waits until messages have left the queue since it was full. It may be full again: try and see. Needs a tokio
    /// runtime with its timer.
    pub async fn wait_for_room(&self) {
        self.native.room().await;
    }

    /// Gives up on everything in the queue and in flight: it is answered as purged. What is in flight may
    /// have been written all the same.
    pub fn purge(&self) {
        self.native.purge();
    }

    /// Waits until everything taken is answered; `false` when the deadline came first.
    pub async fn flush(&self, deadline: Instant) -> bool {
        let all_answered = async {
            while self.in_flight() > 0 {
                self.native.answered().await;
            }
        };
        tokio::time::timeout_at(deadline.into(), all_answered)
            .await
            .is_ok()
    }

    /// How many messages were taken and not answered yet.
    pub fn in_flight(&self) -> usize {
        self.native.in_flight()
    }

    /// Why the producer is over, if it is.
    pub fn fatal(&self) -> Option<String> {
        self.native.health().borrow().fatal.clone()
    }

    /// How the producer is, and to hear when that changes.
    pub fn health(&self) -> watch::Receiver<ProducerHealth> {
        self.native.health()
    }

    /// The turns of its thread.
    pub fn turns(&self) -> Turns {
        self.native.turns()
    }

    /// Ends the producer and waits until its memory is given back; what isn't answered yet is purged.
    /// Other clones refuse to send from then on.
    pub async fn close(self) {
        self.native.close().await;
    }
}

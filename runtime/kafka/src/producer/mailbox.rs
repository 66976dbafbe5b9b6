//! Where the answers to one sender's messages arrive.
//!
//! Invariant: it holds at most as many answers as messages were sent with it and not yet taken out.

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The answers to the messages of one sender; a partition's task has one.
#[derive(Debug, Default)]
pub struct Mailbox {
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Notify,
}

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The ticket it was sent under.
    pub ticket: u64,
    /// Whether all in-sync replicas have it.
    pub result: Result<(), DeliveryError>,
}

/// Why a message was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct DeliveryError {
    /// What the broker or the client said.
    pub text: String,
    /// Whether the message itself will always be refused: too large, not allowed, no such partition.
    /// Otherwise the producer is over.
    pub permanent: bool,
    /// Whether it was given up by [`Producer::purge`](crate::Producer::purge), or because the producer ended.
    pub purged: bool,
}

impl Mailbox {
    /// Waits for answers and takes all that are there, in order of arrival. Cancel-safe: an answer not returned
    /// is returned by the next call. One task at a time may wait.
    pub async fn take(&self) -> Vec<Delivery> {
        loop {
            let taken = self.take_now();
            if !taken.is_empty() {
                return taken;
            }
            self.arrived.notified().await;
        }
    }

    /// Takes what is there, which may be nothing.
    pub fn take_now(&self) -> Vec<Delivery> {
        std::mem::take(&mut *self.deliveries.lock())
    }

    /// Puts answers in, all at once: the first one wakes whoever waits, who on another core is quicker than the next answer,
    /// and would be woken for each.
    pub(super) fn put(&self, answers: Vec<Delivery>) {
        let mut deliveries = self.deliveries.lock();
        let first = deliveries.is_empty();
        if first {
            *deliveries = answers;
        } else {
            deliveries.extend(answers);
        }
        drop(deliveries);
        if first {
            self.arrived.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_cancelled_take_loses_nothing() {
        let mailbox = Mailbox::default();
        let cancelled = tokio::time::timeout(Duration::from_millis(1), mailbox.take()).await;
        assert!(cancelled.is_err());
        let answer = |ticket| Delivery {
            ticket,
            result: Ok(()),
        };
        mailbox.put(vec![answer(1)]);
        mailbox.put(vec![answer(2)]);
        let tickets: Vec<u64> = mailbox
            .take()
            .await
            .into_iter()
            .map(|delivery| delivery.ticket)
            .collect();
        assert_eq!(tickets, [1, 2]);
        assert!(mailbox.take_now().is_empty());
    }
}

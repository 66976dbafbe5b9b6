//! The transactional producer of one member, through all its renewals (delivery rules 29, 30, 32, 34 to 36).
//!
//! Every call blocks, so a thread of its own makes them, one after the other. What a call comes to is told in the
//! terms of the machine that decides what follows: committed, to be aborted, or not known.
//!
//! Invariants:
//! - a transaction that is answered as committed or aborted has no request left that could still arrive;
//! - offsets go with the group's metadata as of the moment in which they are sent.

mod thread;

use std::{collections::BTreeMap, sync::mpsc, time::Duration};

use pelton_types::TopicPartition;
use tokio::sync::oneshot;

use self::thread::Job;
use crate::{
    Commit, Committed, Consumer, Error, Producer, ProducerSettings, producer::Transactional,
};

/// All that a member's transactions need to know.
#[derive(Clone)]
pub struct TransactionSettings {
    /// As for a producer without transactions.
    pub producer: ProducerSettings,
    /// The `transactional.id`: no two living members may have the same.
    pub id: String,
    /// How long the coordinator lets a transaction be open (`transaction.timeout.ms`), and how long one call may
    /// take.
    pub timeout: Duration,
}

impl From<&TransactionSettings> for Transactional {
    fn from(settings: &TransactionSettings) -> Self {
        Self {
            id: settings.id.clone(),
            timeout: settings.timeout,
        }
    }
}

/// What a call came to, if not to what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct TransactionError {
    /// What is to be done.
    pub failure: TransactionFailure,
    /// Why, for people.
    pub text: String,
}

/// What is to be done after a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionFailure {
    /// Abort the transaction.
    MustAbort,
    /// Renew the producer: what became of the transaction can't be told, or a request of it was never answered and
    /// could strike a later one.
    Unknown,
    /// Another producer took the transactional id, or the coordinator has given the transaction up.
    Fenced,
    /// Nothing: no new producer mends it.
    Refused,
}

/// The transactions of one member. They end when it is dropped; what is open then is left to the coordinator.
pub struct Transactions {
    jobs: mpsc::Sender<Job>,
}

impl Transactions {
    /// Starts the thread. No producer is there before the first [`renew`](Self::renew).
    ///
    /// # Errors
    /// No thread.
    pub fn start(settings: TransactionSettings) -> Result<Self, Error> {
        let jobs = thread::start(settings)?;
        Ok(Self { jobs })
    }

    /// Gives up the producer, makes a new one and waits until the coordinator has ended what the old one left.
    /// Then reads what the group has committed of these partitions; those of which it has committed nothing are left
    /// out. The producer returned sends with the first transaction.
    ///
    /// # Errors
    /// [`TransactionFailure::Unknown`] when that took too long: renew again.
    pub async fn renew(
        &self,
        group: Consumer,
        partitions: Vec<TopicPartition>,
    ) -> Result<(Producer, BTreeMap<TopicPartition, Committed>), TransactionError> {
        self.ask(|answer| Job::Renew {
            group,
            partitions,
            answer,
        })
        .await
    }

    /// Commits what was sent with the present transaction together with these offsets of partitions that were all owned
    /// when the consumer said this [`ownership`](Consumer::ownership). Every message must have been acknowledged before. The producer returned sends with the next transaction.
    ///
    /// # Errors
    /// See [`TransactionFailure`].
    pub async fn commit(
        &self,
        (group, ownership): (Consumer, u64),
        offsets: Vec<Commit>,
    ) -> Result<Producer, TransactionError> {
        self.ask(|answer| Job::Commit {
            group,
            ownership,
            offsets,
            answer,
        })
        .await
    }

    /// Aborts the present transaction; nothing more is sent with it from here on. The producer returned sends with
    /// the next one. Says why librdkafka wanted it, where it did.
    ///
    /// # Errors
    /// See [`TransactionFailure`].
    pub async fn abort(&self) -> Result<(Producer, Option<String>), TransactionError> {
        self.ask(Job::Abort).await
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, TransactionError>>) -> Job,
    ) -> Result<T, TransactionError> {
        let (answer, answered) = oneshot::channel();
        let gone = || TransactionError {
            failure: TransactionFailure::Refused,
            text: "the thread of the transactions is gone".to_owned(),
        };
        self.jobs.send(job(answer)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

//! The calls to the producer: one is under way at a time, and what it comes to is told to the machine.

use std::{collections::BTreeMap, sync::Arc};

use futures::FutureExt;
use pelton_dispatch::{AssignmentId, Checkpoint, Ended, MemberEvent};
use pelton_kafka::{Commit, Committed, Producer, TransactionError, TransactionFailure};
use pelton_types::TopicPartition;
use tracing::{debug, info, warn};

use super::{Driver, TROUBLED};
use crate::{
    handler::{Broken, transactions},
    status::Aspect,
};

/// What a call to the producer came to, and the producer of the next transaction.
pub(super) type Called = (Ended, Option<Producer>, Option<String>);

impl Driver {
    pub(super) fn commit(&mut self, checkpoints: BTreeMap<AssignmentId, Checkpoint>) {
        debug!(handler = %self.shared.name, transaction = self.transaction, partitions = checkpoints.len(),
            "all of it is acknowledged: committing");
        let offsets = checkpoints
            .into_iter()
            .filter_map(|(assignment, Checkpoint { next, metadata })| {
                let partition = self.seats.get(&assignment)?.partition.clone();
                Some(Commit {
                    partition,
                    next,
                    metadata,
                })
            })
            .collect();
        let calls = self.calls.clone();
        let group = (self.consumer.clone(), self.consumer.ownership());
        let call = async move {
            match calls.commit(group, offsets).await {
                Ok(producer) => (Ended::Committed, Some(producer), None),
                Err(error) => failed(error),
            }
        };
        self.under_way = Some(call.boxed());
    }

    pub(super) fn abort(&mut self) {
        let calls = self.calls.clone();
        let call = async move {
            match calls.abort().await {
                Ok((producer, cause)) => (Ended::Aborted, Some(producer), cause),
                Err(error) => failed(error),
            }
        };
        self.under_way = Some(call.boxed());
    }

    /// The call under way never returned. Its thread ends when it does, with its producer.
    pub(super) fn leave_behind(&mut self) {
        warn!(handler = %self.shared.name, "a call to the transactional producer does not return: another producer takes its place");
        match transactions::calls(&self.settings) {
            Ok(calls) => self.calls = Arc::new(calls),
            Err(error) => {
                self.trouble
                    .happened_to(Broken::Producer(error.to_string()));
                self.over = true;
            }
        }
    }

    pub(super) fn renew(&mut self, committed_of: Vec<AssignmentId>) {
        self.health = None;
        let seats = committed_of.iter().filter_map(|assignment| {
            let seat = self.seats.get(assignment)?;
            Some((*assignment, seat.partition.clone()))
        });
        let seats: Vec<(AssignmentId, TopicPartition)> = seats.collect();
        let (calls, consumer) = (self.calls.clone(), self.consumer.clone());
        let call = async move {
            let partitions = seats.iter().map(|(_, p)| p.clone()).collect();
            match calls.renew(consumer, partitions).await {
                Ok((producer, mut committed)) => {
                    let found = seats.into_iter().filter_map(|(assignment, partition)| {
                        Some((assignment, checkpoint(committed.remove(&partition)?)))
                    });
                    (Ended::Renewed(found.collect()), Some(producer), None)
                }
                Err(error) => match failed(error) {
                    (Ended::Unknown, none, text) => (Ended::NotRenewed, none, text),
                    other => other,
                },
            }
        };
        self.under_way = Some(call.boxed());
    }

    /// A call has come back: what is worth saying of it, and what the machine is told.
    pub(super) fn called(&mut self, (ended, producer, text): Called) -> MemberEvent {
        let name = &self.shared.name;
        let spoiled = self.spoiled.take();
        let text = text.or(spoiled).unwrap_or_default();
        match &ended {
            Ended::Committed => {
                self.shared.metrics.transaction("committed");
                debug!(handler = %name, transaction = self.transaction, "transaction committed");
                if std::mem::take(&mut self.aborts) > TROUBLED {
                    self.status.clear(name, Aspect::Transactions);
                }
            }
            Ended::Aborted => {
                self.shared.metrics.transaction("aborted");
                self.aborts += 1;
                warn!(handler = %name, why = %text, in_a_row = self.aborts,
                    "transaction aborted: what was in it is handled again");
            }
            Ended::MustAbort => {
                warn!(handler = %name, why = %text, "transaction can't be committed")
            }
            Ended::Unknown => {
                self.shared.metrics.transaction("unknown");
                warn!(handler = %name, why = %text,
                    "what became of the transaction is not certain: the producer is renewed and the group's offsets decide");
            }
            Ended::Renewed(_) => {
                info!(handler = %name, "the transactional producer is initialised");
                if let Some(producer) = &producer {
                    let turns = producer.turns();
                    self.liveness.watch_client("pelton-producer", name, turns);
                }
                if self.aborts <= TROUBLED {
                    self.status.clear(name, Aspect::Transactions);
                }
            }
            Ended::NotRenewed => self.troubled(format!(
                "no transactional producer yet: {text}; still trying"
            )),
            Ended::Fenced => {
                warn!(handler = %name, why = %text, "the transactional producer is fenced")
            }
            Ended::Refused(_) => {}
        }
        if self.aborts > TROUBLED {
            self.troubled(format!(
                "{} transactions in a row were aborted: {text}",
                self.aborts
            ));
        }
        if let Some(producer) = producer {
            if self.health.is_none() {
                self.health = Some(producer.health());
            }
            self.producer = Some(producer);
        }
        MemberEvent::Ended(ended)
    }
}

fn failed(error: TransactionError) -> Called {
    let TransactionError { failure, text } = error;
    let ended = match failure {
        TransactionFailure::MustAbort => Ended::MustAbort,
        TransactionFailure::Unknown => Ended::Unknown,
        TransactionFailure::Fenced => Ended::Fenced,
        TransactionFailure::Refused => Ended::Refused(text.clone()),
    };
    (ended, None, Some(text))
}

/// What is committed of a partition, as its task was told when it began.
fn checkpoint(committed: Committed) -> Checkpoint {
    Checkpoint {
        next: committed.next,
        metadata: String::from_utf8(committed.metadata).unwrap_or_default(),
    }
}

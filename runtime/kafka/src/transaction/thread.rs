//! The thread that makes the calls.
//!
//! Invariant: no call takes longer than the time-out, as far as librdkafka keeps to it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use pelton_types::TopicPartition;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::oneshot;

use super::{TransactionError, TransactionFailure, TransactionSettings};
use crate::{
    Commit, Committed, Consumer, Error, Producer,
    native::{Client, Failure, List, Request},
    producer::{Transactional, native::Native},
};

/// How long to wait before a call that may be repeated is.
const AGAIN: Duration = Duration::from_millis(50);
/// How long the brokers may take to tell which topics may not be written to.
const DESCRIBE: Duration = Duration::from_secs(2);

type Answer<T> = oneshot::Sender<Result<T, TransactionError>>;

/// What the thread is asked for.
pub(super) enum Job {
    Renew {
        group: Consumer,
        partitions: Vec<TopicPartition>,
        answer: Answer<(Producer, BTreeMap<TopicPartition, Committed>)>,
    },
    Commit {
        group: Consumer,
        /// As it was when the commit was decided.
        ownership: u64,
        offsets: Vec<Commit>,
        answer: Answer<Producer>,
    },
    Abort(Answer<(Producer, Option<String>)>),
}

/// Starts the thread, which ends when the sender is dropped.
pub(super) fn start(settings: TransactionSettings) -> Result<mpsc::Sender<Job>, Error> {
    let (jobs, asked) = mpsc::channel();
    let mut thread = Calls {
        settings,
        producer: None,
    };
    thread::Builder::new()
        .name("pelton-transaction".to_owned())
        .spawn(move || {
            while let Ok(job) = asked.recv() {
                thread.work(job);
            }
            thread.give_up();
        })
        .map_err(Error::Thread)?;
    Ok(jobs)
}

struct Calls {
    settings: TransactionSettings,
    producer: Option<Transacting>,
}

/// The number of the next transaction; no two of a process have the same.
fn next_transaction() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// A producer, and its client.
struct Transacting {
    native: Arc<Native>,
    client: Arc<Client>,
    /// It has its epoch.
    initialised: bool,
    /// EndTxn requests that were sent before the present transaction.
    ends_before: u64,
}

impl Calls {
    fn work(&mut self, job: Job) {
        // Nobody waits for the answer where the member has ended meanwhile.
        match job {
            Job::Renew {
                group,
                partitions,
                answer,
            } => drop(answer.send(self.renew(&group, &partitions))),
            Job::Commit {
                group,
                ownership,
                offsets,
                answer,
            } => drop(answer.send(self.commit((&group, ownership), &offsets))),
            Job::Abort(answer) => drop(answer.send(self.abort())),
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.settings.timeout
    }

    fn give_up(&mut self) {
        if let Some(old) = self.producer.take() {
            old.native.admit(None);
            old.native.abandon();
        }
    }

    fn renew(
        &mut self,
        group: &Consumer,
        partitions: &[TopicPartition],
    ) -> Result<(Producer, BTreeMap<TopicPartition, Committed>), TransactionError> {
        let deadline = self.deadline();
        // One that has no epoch yet has sent nothing that could strike anyone.
        if self.producer.as_ref().is_none_or(|old| old.initialised) {
            self.give_up();
            self.producer = Some(self.make()?);
        }
        let producer = self.producer.as_mut().ok_or_else(no_producer)?;
        let asked = repeated(deadline, |left| producer.client.init_transactions(left));
        if let Err(failure) = asked {
            let kind = match classify(&failure, TransactionFailure::Unknown).failure {
                // Whoever was faster is fenced by the next one that is made.
                TransactionFailure::Fenced => TransactionFailure::Unknown,
                _ if failure.fatal => TransactionFailure::Refused,
                kind => kind,
            };
            if failure.fatal {
                self.give_up();
            }
            return Err(error(kind, &failure.text));
        }
        producer.initialised = true;
        let committed = match partitions.is_empty() {
            true => BTreeMap::new(),
            false => committed(group, partitions, deadline)?,
        };
        Ok((self.begin()?, committed))
    }

    fn make(&self) -> Result<Transacting, TransactionError> {
        let transactional = Transactional::from(&self.settings);
        let refused = |text: String| error(TransactionFailure::Refused, &text);
        let native = Native::start(self.settings.producer.clone(), Some(&transactional))
            .map_err(|e| refused(e.to_string()))?;
        let client = native.client().ok_or_else(no_producer)?;
        Ok(Transacting {
            native: Arc::new(native),
            client,
            initialised: false,
            ends_before: 0,
        })
    }

    /// The next transaction. It costs no request: the coordinator hears of it with the first message or offset.
    fn begin(&mut self) -> Result<Producer, TransactionError> {
        let producer = self.producer.as_mut().ok_or_else(no_producer)?;
        if producer.native.client().is_none() {
            return Err(no_producer());
        }
        producer
            .client
            .begin_transaction()
            .map_err(|failure| error(TransactionFailure::Unknown, &failure.text))?;
        producer.ends_before = sent_ends(&producer.client);
        Ok(Producer::with_transaction(
            &producer.native,
            next_transaction(),
        ))
    }

    fn commit(
        &mut self,
        (group, ownership): (&Consumer, u64),
        offsets: &[Commit],
    ) -> Result<Producer, TransactionError> {
        let deadline = self.deadline();
        let producer = self.producer.as_ref().ok_or_else(no_producer)?;
        producer.native.admit(None);
        let client = &producer.client;
        let list = List::of_commits(
            offsets
                .iter()
                .map(|one| (&one.partition, one.next, one.metadata.as_bytes())),
        );
        // Once: the group may move on meanwhile, and with a later generation it would take offsets of partitions that
        // are someone else's by then.
        let metadata = group.client().and_then(|client| client.group_metadata());
        // As long as nothing was given up since, all of it is owned in the generation that was just read.
        let metadata =
            metadata.filter(|metadata| metadata.is_member() && group.ownership() == ownership);
        let sent = match metadata {
            Some(metadata) => {
                repeated(deadline, |left| client.send_offsets(&list, &metadata, left))
            }
            None => Err(left_the_group()),
        };
        sent.map_err(|failure| classify(&failure, TransactionFailure::MustAbort))?;
        repeated(deadline, |left| client.commit_transaction(left)).map_err(|failure| {
            // Without an EndTxn nobody has been asked to commit.
            let asked = sent_ends(client) > producer.ends_before;
            match failure.abortable && !asked {
                true => classify(&failure, TransactionFailure::MustAbort),
                false => classify(&failure, TransactionFailure::Unknown),
            }
        })?;
        answered(client, false)?;
        self.begin()
    }

    fn abort(&mut self) -> Result<(Producer, Option<String>), TransactionError> {
        let deadline = self.deadline();
        let producer = self.producer.as_ref().ok_or_else(no_producer)?;
        producer.native.admit(None);
        let client = &producer.client;
        let cause = client.transaction_failure();
        if cause
            .as_ref()
            .is_some_and(|cause| cause.code == Code::TopicAuthorizationFailed)
        {
            let denied = client.denied_topics(&producer.native.topics(), DESCRIBE);
            producer.native.deny(denied);
        }
        repeated(deadline, |left| client.abort_transaction(left))
            .map_err(|failure| classify(&failure, TransactionFailure::Unknown))?;
        answered(client, true)?;
        Ok((self.begin()?, cause.map(|cause| cause.text)))
    }
}

/// Repeats a call that may be repeated, until the time is up.
fn repeated(
    deadline: Instant,
    mut call: impl FnMut(Duration) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match call(left) {
            Err(failure) if failure.retriable && !left.is_zero() => thread::sleep(AGAIN.min(left)),
            result => return result,
        }
    }
}

/// Delivery rule 35: whatever the calls returned.
fn answered(client: &Client, aborted: bool) -> Result<(), TransactionError> {
    // The tests show what happens without it.
    if cfg!(debug_assertions) && std::env::var_os("PELTON_TEST_UNDEFENDED").is_some() {
        return Ok(());
    }
    let open = client.unanswered().and_then(|counts| counts.any(aborted));
    open.map_or(Ok(()), |request| {
        let text = format!("a {request:?} request was never answered, and may still arrive");
        Err(error(TransactionFailure::Unknown, &text))
    })
}

fn sent_ends(client: &Client) -> u64 {
    client
        .unanswered()
        .map_or(0, |counts| counts.sent(Request::EndTxn))
}

fn committed(
    group: &Consumer,
    partitions: &[TopicPartition],
    deadline: Instant,
) -> Result<BTreeMap<TopicPartition, Committed>, TransactionError> {
    let unknown = |text: &str| error(TransactionFailure::Unknown, text);
    let client = group
        .client()
        .ok_or_else(|| unknown("the consumer has left its group"))?;
    let left = deadline.saturating_duration_since(Instant::now());
    let found = client
        .committed_of(partitions, left.max(AGAIN))
        .map_err(|code| unknown(&code.to_string()))?;
    let places = partitions.iter().cloned().zip(found);
    Ok(places
        .filter_map(|(partition, place)| Some((partition, place?)))
        .collect())
}

/// What an error asks for; what isn't classified means that the producer is over (delivery rule 30).
fn classify(failure: &Failure, otherwise: TransactionFailure) -> TransactionError {
    let kind = match failure.code {
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch if failure.fatal => {
            TransactionFailure::Fenced
        }
        Code::TransactionalIdAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            TransactionFailure::Refused
        }
        Code::OffsetMetadataTooLarge => {
            let text = "the broker takes less metadata with an offset than 4096 bytes \
                (offset.metadata.max.bytes), and without it what finished out of order would be repeated";
            return error(TransactionFailure::Refused, text);
        }
        _ if failure.fatal => TransactionFailure::Unknown,
        _ => otherwise,
    };
    error(kind, &failure.text)
}

fn error(failure: TransactionFailure, text: &str) -> TransactionError {
    TransactionError {
        failure,
        text: text.to_owned(),
    }
}

fn no_producer() -> TransactionError {
    error(TransactionFailure::Unknown, "there is no producer")
}

/// Nothing was sent, so nothing but an abort is needed.
fn left_the_group() -> Failure {
    Failure {
        code: Code::UnknownMemberId,
        text: "the group has moved on".to_owned(),
        fatal: false,
        retriable: false,
        abortable: true,
    }
}

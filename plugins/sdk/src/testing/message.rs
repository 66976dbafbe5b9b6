//! Messages made up for tests.

use std::time::Duration;

use pelton_codec::{AnswerWriter, BatchWriter, HeaderRef, MessageRef, VerdictRef, decode_answer};
use serde::Serialize;

use super::{Produced, delivery};
use crate::{Failure, Message, Outputs, Timestamp, answer::answer_batch, delivery::MessageId};

/// A message made up for a test. What is not said is null, or 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestMessage {
    topic: String,
    partition: i32,
    offset: i64,
    timestamp: Timestamp,
    attempt: u32,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl TestMessage {
    /// A message of this topic, without key, value and headers, at its first attempt.
    pub fn new(topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            partition: 0,
            offset: 0,
            timestamp: Timestamp::None,
            attempt: 1,
            key: None,
            value: None,
            headers: Vec::new(),
        }
    }

    /// Sets where it stands.
    #[must_use]
    pub fn at(mut self, partition: i32, offset: i64) -> Self {
        self.partition = partition;
        self.offset = offset;
        self
    }

    /// Sets the producer's timestamp, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.timestamp = Timestamp::CreateTime(millis);
        self
    }

    /// Sets which attempt it is, from 1.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// Sets the key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the value.
    #[must_use]
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Sets the value to this as JSON.
    ///
    /// # Panics
    /// It can't be written as JSON.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        self.value(serde_json::to_vec(value).expect("a value that can be written as JSON"))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Adds a header whose value is null.
    #[must_use]
    pub fn null_header(mut self, name: impl Into<String>) -> Self {
        self.headers.push((name.into(), None));
        self
    }

    /// Gives it to a handler and returns what that would have produced. A handler with a state is called by a
    /// closure: `.handle(|message| handle(message, &state))`.
    ///
    /// # Errors
    /// The handler failed.
    ///
    /// # Panics
    /// The daemon wouldn't accept the answer, say because of a negative partition.
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn handle<T, E>(
        &self,
        handler: impl FnOnce(&Message<'_>) -> Result<T, E>,
    ) -> Result<Vec<Produced>, Failure>
    where
        T: Into<Outputs>,
        E: Into<Failure>,
    {
        let (mut batch, mut answer, mut handler) =
            (BatchWriter::new(), AnswerWriter::new(), Some(handler));
        batch
            .push(self.reference())
            .expect("a message that fits into a batch");
        let id = MessageId {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: self.offset,
        };
        delivery::set(self.attempt, Some(id));
        let handle = |message: &Message<'_>| {
            let handler = handler.take().expect("a batch of one message");
            handler(message).map(Into::into).map_err(Into::into)
        };
        let read = answer_batch(batch.arena(), batch.index(), &mut answer, |_| true, handle);
        delivery::set(0, None);
        read.expect("a batch that can be read");
        let answer = decode_answer(answer.arena(), answer.index(), 1)
            .expect("an answer that the daemon would accept");
        match answer.verdicts().next() {
            Some(VerdictRef::Done(outputs)) => Ok(outputs
                .iter()
                .map(|output| Produced::new(output, self))
                .collect()),
            Some(VerdictRef::Retry(None)) => Err(Failure::retry()),
            Some(VerdictRef::Retry(Some(millis))) => {
                Err(Failure::retry_after(Duration::from_millis(millis)))
            }
            Some(VerdictRef::Reject(reason)) => Err(Failure::reject(reason)),
            Some(VerdictRef::Other(text)) => Err(Failure::other(text)),
            Some(VerdictRef::NotAttempted) | None => Ok(Vec::new()),
        }
    }

    fn reference(&self) -> MessageRef<'_, impl Iterator<Item = HeaderRef<'_>>> {
        MessageRef {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
            attempt: self.attempt,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: self.headers.iter().map(|(name, value)| HeaderRef {
                name: name.as_bytes(),
                value: value.as_deref(),
            }),
        }
    }
}

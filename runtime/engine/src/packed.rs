//! Calls to a packed handler: all messages in one.
//!
//! The guest's answer is the most hostile input there is. `pelton-codec` checks its layout; here it is
//! checked against what the host knows: which messages were begun, how large outputs may be.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use pelton_codec::{
    Answer, Field, HeaderRef, MessageRef, OutputHeaders, OutputRef, VerdictRef, decode_answer,
};
use pelton_types::{Failure, FailureKind, Message, Output, Timestamp};

use crate::{
    bindings::exports::pelton::handler::packed_handler, call::Outcome, env::Limits, fault,
    instance::Instance, meter::SLICE, simple::TEXT_BYTES, state::Batch, text::bounded,
};

/// Words of an answer's index. What decoding allocates is proportional to them.
const ANSWER_WORDS: usize = 2 * 1024 * 1024;
/// What a header weighs beside its bytes: a million empty ones would weigh nothing otherwise.
const HEADER_BYTES: usize = 32;

/// Gives the messages to the handler. Returns their outcomes, and whether the instance may be used again.
pub(crate) async fn call(
    instance: &mut Instance,
    guest: &packed_handler::Guest,
    messages: &[(&Message, u32)],
    limits: &Limits,
) -> (Vec<Outcome>, bool) {
    let Instance {
        store,
        meter,
        writer,
        ..
    } = instance;
    writer.clear();
    for (position, (message, attempt)) in messages.iter().enumerate() {
        if let Err(error) = writer.push(pack(message, *attempt)) {
            let failure = Failure::new(FailureKind::Contract, error.to_string());
            return (Outcome::only(failure, position, messages.len()), true);
        }
    }
    store.set_epoch_deadline(SLICE);
    let handle = guest.call_handle(&mut *store, writer.arena(), writer.index());
    if let Err(halt) = meter.run(handle).await {
        let failure = fault::failure(&halt, store.data());
        // What the guest had already made of earlier messages is lost with its memory.
        let position = store.data().journal.position().unwrap_or(0);
        return (Outcome::only(failure, position, messages.len()), false);
    }
    match settle(&mut store.data_mut().batch, messages, limits) {
        Ok(outcomes) => (outcomes, true),
        Err(text) => (Outcome::contract(text, messages.len()), false),
    }
}

fn pack<'a>(
    message: &'a Message,
    attempt: u32,
) -> MessageRef<'a, impl Iterator<Item = HeaderRef<'a>>> {
    MessageRef {
        topic: &message.topic,
        partition: message.partition,
        offset: message.offset,
        timestamp: match message.timestamp {
            Timestamp::None => pelton_codec::Timestamp::None,
            Timestamp::CreateTime(millis) => pelton_codec::Timestamp::CreateTime(millis),
            Timestamp::LogAppendTime(millis) => pelton_codec::Timestamp::LogAppendTime(millis),
        },
        attempt,
        key: message.key.as_deref(),
        value: message.value.as_deref(),
        headers: message
            .headers
            .iter()
            .map(|pelton_types::HeaderRef { name, value }| HeaderRef { name, value }),
    }
}

/// Makes outcomes of what the guest left behind. An error is a breach of the contract: nothing counts.
fn settle(
    batch: &mut Batch,
    messages: &[(&Message, u32)],
    limits: &Limits,
) -> Result<Vec<Outcome>, String> {
    if let Some(broken) = batch.broken.take() {
        return Err(broken);
    }
    let Some((arena, index)) = batch.answer.take() else {
        return Err("returned without calling batch.emit".to_owned());
    };
    if index.len() > ANSWER_WORDS {
        let words = index.len();
        return Err(format!(
            "answered with an index of {words} words, and {ANSWER_WORDS} is the limit"
        ));
    }
    let arena = Bytes::from(arena);
    let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
    let answer = decode_answer(&arena, &index, count)
        .map_err(|error| format!("gave an answer that can't be decoded: {error}"))?;
    check_begun(batch, &answer)?;
    let mut lift = Lift {
        arena: &arena,
        limits,
        topics: HashMap::new(),
    };
    let mut outcomes = Vec::with_capacity(messages.len());
    for (verdict, (message, _)) in answer.verdicts().zip(messages) {
        let outcome = lift.outcome(verdict, message);
        let over = matches!(&outcome.verdict, pelton_types::Verdict::Failed(_));
        outcomes.push(outcome);
        if over {
            break;
        }
    }
    outcomes.resize(messages.len(), Outcome::not_attempted());
    Ok(outcomes)
}

/// An answer speaks of messages that were begun, and of some at least unless the guest was told to stop.
fn check_begun(batch: &Batch, answer: &Answer<'_>) -> Result<(), String> {
    let mut attempted = false;
    for (position, (verdict, begun)) in answer.verdicts().zip(&batch.begun).enumerate() {
        if matches!(verdict, VerdictRef::NotAttempted) {
            continue;
        }
        attempted = true;
        if !begun {
            return Err(format!(
                "answered for message {position} without calling batch.next for it"
            ));
        }
    }
    if !attempted && !batch.curtailed {
        return Err("attempted no message although it was not told to stop".to_owned());
    }
    Ok(())
}

/// Makes owned outputs of borrowed ones, without copying what is in the arena.
struct Lift<'a> {
    arena: &'a Bytes,
    limits: &'a Limits,
    topics: HashMap<&'a str, Arc<str>>,
}

impl<'a> Lift<'a> {
    fn outcome(&mut self, verdict: VerdictRef<'a>, message: &Message) -> Outcome {
        match verdict {
            VerdictRef::Done(outputs) => match self.outputs(outputs, message) {
                Ok(outputs) => Outcome::done(outputs),
                Err(failure) => Outcome::failed(failure),
            },
            VerdictRef::Retry(delay) => Outcome::failed(Failure {
                kind: FailureKind::Retry,
                text: "the handler asked for another attempt".to_owned(),
                retry_after: delay.map(Duration::from_millis),
            }),
            VerdictRef::Reject(text) => {
                Outcome::failed(Failure::new(FailureKind::Reject, bounded(text, TEXT_BYTES)))
            }
            VerdictRef::Other(text) => {
                Outcome::failed(Failure::new(FailureKind::Other, bounded(text, TEXT_BYTES)))
            }
            VerdictRef::NotAttempted => Outcome::not_attempted(),
        }
    }

    fn outputs(
        &mut self,
        outputs: &[OutputRef<'a>],
        message: &Message,
    ) -> Result<Vec<Output>, Failure> {
        let mut budget = OutputBudget::new(self.limits);
        budget.messages(outputs.len())?;
        let mut lifted = Vec::with_capacity(outputs.len());
        for output in outputs {
            let output = Output {
                topic: output.topic.map(|topic| self.topic(topic)),
                partition: output.partition,
                timestamp: output.timestamp,
                key: self.field(output.key, message.key.as_ref()),
                value: self.field(output.value, message.value.as_ref()),
                headers: match output.headers {
                    OutputHeaders::Same => message.headers.clone(),
                    OutputHeaders::Own(headers) => headers
                        .map(|HeaderRef { name, value }| pelton_types::HeaderRef { name, value })
                        .collect(),
                },
            };
            budget.bytes(&output)?;
            lifted.push(output);
        }
        Ok(lifted)
    }

    fn topic(&mut self, topic: &'a str) -> Arc<str> {
        self.topics
            .entry(topic)
            .or_insert_with(|| topic.into())
            .clone()
    }

    fn field(&self, field: Field<'a>, of_message: Option<&Bytes>) -> Option<Bytes> {
        match field {
            Field::Null => None,
            Field::Same => of_message.cloned(),
            Field::Bytes(bytes) => Some(self.arena.slice_ref(bytes)),
        }
    }
}

/// What the outputs of one message may still take.
pub(crate) struct OutputBudget<'a> {
    limits: &'a Limits,
    bytes: usize,
}

impl<'a> OutputBudget<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self { limits, bytes: 0 }
    }

    /// Whether there may be so many.
    pub(crate) fn messages(&self, count: usize) -> Result<(), Failure> {
        let limit = self.limits.output_messages;
        match u32::try_from(count) {
            Ok(count) if count <= limit => Ok(()),
            _ => Err(Failure::new(
                FailureKind::OutputLimit,
                format!("returned {count} outputs, and {limit} is the limit for a message"),
            )),
        }
    }

    /// Counts one.
    pub(crate) fn bytes(&mut self, output: &Output) -> Result<(), Failure> {
        let limit = self.limits.output_bytes;
        let headers = output.headers.len().saturating_mul(HEADER_BYTES);
        self.bytes = self
            .bytes
            .saturating_add(output.size())
            .saturating_add(headers);
        if self.bytes <= limit {
            return Ok(());
        }
        Err(Failure::new(
            FailureKind::OutputLimit,
            format!(
                "returned outputs of at least {} bytes, and {limit} is the limit for a message",
                self.bytes
            ),
        ))
    }
}

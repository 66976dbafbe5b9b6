//! Calls to a simple handler: one for each message.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use pelton_types::{Failure, FailureKind, Header, Message, Output, Timestamp};

use crate::{
    bindings::{
        exports::pelton::handler::simple_handler,
        pelton::handler::types::{self as wit, HeaderParam},
    },
    call::Outcome,
    env::Limits,
    fault,
    instance::Instance,
    meter::SLICE,
    packed::OutputBudget,
    text::bounded,
};

/// Bytes of a handler's own text about a failure.
pub(crate) const TEXT_BYTES: usize = 4096;

/// Gives the messages to the handler until one fails or the call is curtailed. Returns their outcomes, and
/// whether the instance may be used again.
pub(crate) async fn call(
    instance: &mut Instance,
    guest: &simple_handler::Guest,
    messages: &[(&Message, u32)],
    limits: &Limits,
) -> (Vec<Outcome>, bool) {
    let mut outcomes = Vec::with_capacity(messages.len());
    let mut intact = true;
    for (position, (message, _)) in (0_u32..).zip(messages) {
        let state = instance.store.data_mut();
        if state.is_curtailed() || !state.begin(position) {
            break;
        }
        let names: Vec<Cow<'_, str>> = message
            .headers
            .iter()
            .map(|header| String::from_utf8_lossy(header.name))
            .collect();
        let headers: Vec<HeaderParam<'_>> = message
            .headers
            .iter()
            .zip(&names)
            .map(|(header, name)| HeaderParam {
                name,
                value: header.value,
            })
            .collect();
        instance.store.set_epoch_deadline(SLICE);
        let handle = guest.call_handle(&mut instance.store, lower(message, &headers));
        let outcome = match instance.meter.run(handle).await {
            Ok(Ok(outputs)) => outcome(outputs, limits),
            Ok(Err(failure)) => Outcome::failed(lift_failure(failure)),
            Err(halt) => {
                intact = false;
                Outcome::failed(fault::failure(&halt, instance.store.data()))
            }
        };
        let done = matches!(outcome.verdict, pelton_types::Verdict::Done { .. });
        outcomes.push(outcome);
        if !done {
            break;
        }
    }
    outcomes.resize(messages.len(), Outcome::not_attempted());
    (outcomes, intact)
}

fn lower<'a>(message: &'a Message, headers: &'a [HeaderParam<'a>]) -> wit::Message<'a> {
    wit::Message {
        topic: &message.topic,
        partition: message.partition,
        offset: message.offset,
        timestamp: match message.timestamp {
            Timestamp::None => wit::Timestamp::None,
            Timestamp::CreateTime(millis) => wit::Timestamp::CreateTime(millis),
            Timestamp::LogAppendTime(millis) => wit::Timestamp::LogAppendTime(millis),
        },
        key: message.key.as_deref(),
        value: message.value.as_deref(),
        headers,
    }
}

fn outcome(outputs: Vec<wit::Output>, limits: &Limits) -> Outcome {
    let mut budget = OutputBudget::new(limits);
    if let Err(failure) = budget.messages(outputs.len()) {
        return Outcome::failed(failure);
    }
    let outputs: Vec<Output> = outputs.into_iter().map(lift_output).collect();
    match outputs.iter().try_for_each(|output| budget.bytes(output)) {
        Ok(()) => Outcome::done(outputs),
        Err(failure) => Outcome::failed(failure),
    }
}

fn lift_output(output: wit::Output) -> Output {
    Output {
        topic: output.topic.map(Arc::from),
        partition: output.partition,
        timestamp: output.timestamp,
        key: output.key.map(Bytes::from),
        value: output.value.map(Bytes::from),
        headers: output
            .headers
            .into_iter()
            .map(|header| Header {
                name: header.name.into(),
                value: header.value.map(Bytes::from),
            })
            .collect(),
    }
}

fn lift_failure(failure: wit::Failure) -> Failure {
    match failure {
        wit::Failure::Retry(delay) => Failure {
            kind: FailureKind::Retry,
            text: "the handler asked for another attempt".to_owned(),
            retry_after: delay.map(Duration::from_millis),
        },
        wit::Failure::Reject(text) => Failure::new(FailureKind::Reject, bounded(&text, TEXT_BYTES)),
        wit::Failure::Other(text) => Failure::new(FailureKind::Other, bounded(&text, TEXT_BYTES)),
    }
}

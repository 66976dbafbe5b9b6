//! The loop over a batch, the same in a component and in tests.

use pelton_codec::{
    AnswerWriter, BatchReader, DecodeError, HeaderRef, OutputHeaders, OutputRef, TooLong,
};

use crate::{Failure, Message, Output, Outputs, failure::Kind, output::Field};

/// Handles the messages of a batch until `next` says stop or one fails, and writes the answer.
///
/// # Errors
/// The batch is not what the host promises; the answer is worthless.
pub(crate) fn answer_batch(
    arena: &[u8],
    index: &[u32],
    answer: &mut AnswerWriter,
    next: impl Fn(u32) -> bool,
    mut handle: impl FnMut(&Message<'_>) -> Result<Outputs, Failure>,
) -> Result<(), DecodeError> {
    answer.clear();
    for (position, message) in (0..).zip(BatchReader::new(arena, index)?) {
        let message = Message::new(message?);
        if !next(position) {
            break;
        }
        match handle(&message) {
            Ok(outputs) => {
                answer.done();
                for output in outputs.iter() {
                    // Nothing in a guest's memory of four gigabytes is too long for the layout.
                    let _: Result<(), TooLong> = write_output(answer, &message, output);
                }
            }
            Err(failure) => {
                write_failure(answer, &failure);
                break;
            }
        }
    }
    Ok(())
}

fn write_failure(answer: &mut AnswerWriter, failure: &Failure) {
    let written = match &failure.kind {
        Kind::Retry(delay) => {
            // All ones stand for none.
            let millis = |delay: &std::time::Duration| {
                u64::try_from(delay.as_millis()).unwrap_or(u64::MAX - 1)
            };
            answer.retry(delay.as_ref().map(millis));
            Ok(())
        }
        Kind::Reject(reason) => answer.reject(reason),
        Kind::Other(text) => answer.other(text),
    };
    if written.is_err() {
        answer.retry(None);
    }
}

fn write_output(
    answer: &mut AnswerWriter,
    message: &Message<'_>,
    output: &Output,
) -> Result<(), TooLong> {
    let own = output.headers.iter().map(|(name, value)| HeaderRef {
        name: name.as_bytes(),
        value: value.as_deref(),
    });
    match (output.same_headers, output.headers.is_empty()) {
        (true, true) => answer.output(reference(output, OutputHeaders::<[HeaderRef<'_>; 0]>::Same)),
        (true, false) => answer.output(reference(
            output,
            OutputHeaders::Own(message.raw_headers().chain(own)),
        )),
        (false, _) => answer.output(reference(output, OutputHeaders::Own(own))),
    }
}

fn reference<H>(output: &Output, headers: OutputHeaders<H>) -> OutputRef<'_, H> {
    OutputRef {
        topic: output.topic.as_deref(),
        partition: output.partition,
        timestamp: output.timestamp,
        key: field(&output.key),
        value: field(&output.value),
        headers,
    }
}

fn field(field: &Field) -> pelton_codec::Field<'_> {
    match field {
        Field::Null => pelton_codec::Field::Null,
        Field::Same => pelton_codec::Field::Same,
        Field::Bytes(bytes) => pelton_codec::Field::Bytes(bytes),
    }
}

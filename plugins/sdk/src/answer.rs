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

#[cfg(test)]
mod tests {
    use pelton_codec::{BatchWriter, MessageRef, Timestamp, decode_answer};

    use super::*;

    /// A batch with these values.
    fn batch(values: &[&str]) -> BatchWriter {
        let mut writer = BatchWriter::new();
        for (offset, value) in (0..).zip(values) {
            let message = MessageRef {
                topic: "in",
                partition: 0,
                offset,
                timestamp: Timestamp::None,
                attempt: 1,
                key: None,
                value: Some(value.as_bytes()),
                headers: [HeaderRef {
                    name: b"h",
                    value: None,
                }],
            };
            writer.push(message).unwrap();
        }
        writer
    }

    /// The answer to a batch in short: a letter for each verdict, and how many outputs there are.
    fn answered(
        values: &[&str],
        next: impl Fn(u32) -> bool,
        handle: impl FnMut(&Message<'_>) -> Result<Outputs, Failure>,
    ) -> (String, usize) {
        let (batch, mut answer) = (batch(values), AnswerWriter::new());
        answer_batch(batch.arena(), batch.index(), &mut answer, next, handle).unwrap();
        let answer = decode_answer(answer.arena(), answer.index(), batch.len()).unwrap();
        let letters = answer.verdicts().map(|verdict| match verdict {
            pelton_codec::VerdictRef::Done(_) => 'd',
            pelton_codec::VerdictRef::Retry(_) => 'r',
            pelton_codec::VerdictRef::Reject(_) => 'x',
            pelton_codec::VerdictRef::Other(_) => 'o',
            pelton_codec::VerdictRef::NotAttempted => '-',
        });
        (letters.collect(), answer.outputs().len())
    }

    #[test]
    fn the_first_failure_ends_the_batch() {
        let mut seen = Vec::new();
        let handle = |message: &Message<'_>| {
            seen.push(message.offset());
            match message.value_str() {
                Some("bad") => Err(Failure::reject("bad")),
                _ => Ok(Output::forward().into()),
            }
        };
        assert_eq!(
            answered(&["a", "b", "bad", "c"], |_| true, handle),
            ("ddx".to_owned(), 2)
        );
        assert_eq!(seen, [0, 1, 2]);
    }

    #[test]
    fn a_stop_by_the_host_leaves_the_rest_unattempted() {
        let handle = |_: &Message<'_>| Ok(Outputs::none());
        assert_eq!(
            answered(&["a", "b", "c"], |position| position < 1, handle),
            ("d".to_owned(), 0)
        );
        assert_eq!(answered(&["a"], |_| false, handle), (String::new(), 0));
    }

    #[test]
    fn headers_that_are_added_stand_after_the_messages_own() {
        let (batch, mut answer) = (batch(&["a"]), AnswerWriter::new());
        let handle = |_: &Message<'_>| Ok(Output::new().header("i", "1").same_headers().into());
        answer_batch(batch.arena(), batch.index(), &mut answer, |_| true, handle).unwrap();
        let answer = decode_answer(answer.arena(), answer.index(), 1).unwrap();
        let OutputHeaders::Own(headers) = answer.outputs()[0].headers else {
            panic!("not its own")
        };
        let headers: Vec<_> = headers.collect();
        assert_eq!(
            headers,
            [
                HeaderRef {
                    name: b"h",
                    value: None
                },
                HeaderRef {
                    name: b"i",
                    value: Some(b"1")
                }
            ]
        );
    }

    #[test]
    fn a_batch_that_cannot_be_read_is_an_error() {
        let handle = |_: &Message<'_>| Ok(Outputs::none());
        assert!(
            answer_batch(
                b"",
                &[2, 0, 0, 0],
                &mut AnswerWriter::new(),
                |_| true,
                handle
            )
            .is_err()
        );
    }
}

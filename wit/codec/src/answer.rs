//! The host's side of an answer: every word is hostile.

use alloc::vec::Vec;
use core::ops::Range;

use crate::{
    DecodeError, Field, NULL, OUTPUT, OutputHeaders, OutputRef, SAME, VerdictRef,
    cursor::{Cursor, wide},
};

/// A decoded answer, in which everything has been checked that the layout and its rules say.
///
/// Not checked, because only the host knows: whether the topics are the handler's, and how large the outputs
/// are. A few words with [`Field::Same`] stand for as many bytes as the message has, so count resolved sizes.
#[derive(Debug)]
pub struct Answer<'a> {
    verdicts: Vec<Verdict<'a>>,
    outputs: Vec<OutputRef<'a>>,
}

#[derive(Debug)]
enum Verdict<'a> {
    Done(Range<usize>),
    Retry(Option<u64>),
    Reject(&'a str),
    Other(&'a str),
    NotAttempted,
}

impl Answer<'_> {
    /// How many verdicts there are; messages beyond were not attempted.
    pub fn len(&self) -> usize {
        self.verdicts.len()
    }

    /// Whether there is no verdict at all.
    pub fn is_empty(&self) -> bool {
        self.verdicts.is_empty()
    }

    /// All outputs of all messages together, in order.
    pub fn outputs(&self) -> &[OutputRef<'_>] {
        &self.outputs
    }

    /// The verdicts, in the order of the messages.
    pub fn verdicts(&self) -> impl ExactSizeIterator<Item = VerdictRef<'_>> {
        self.verdicts.iter().map(|verdict| match verdict {
            Verdict::Done(range) => VerdictRef::Done(&self.outputs[range.clone()]),
            Verdict::Retry(delay) => VerdictRef::Retry(*delay),
            Verdict::Reject(text) => VerdictRef::Reject(text),
            Verdict::Other(text) => VerdictRef::Other(text),
            Verdict::NotAttempted => VerdictRef::NotAttempted,
        })
    }
}

/// Decodes what a guest gave to `batch.emit`, for a batch of `messages` messages.
///
/// What it allocates is proportional to the length of `index`; bound that first.
///
/// # Errors
/// The answer breaks the layout or its rules. The whole of it is to be discarded.
pub fn decode_answer<'a>(
    arena: &'a [u8],
    index: &'a [u32],
    messages: u32,
) -> Result<Answer<'a>, DecodeError> {
    let mut cursor = Cursor::new(arena, index);
    let (flags, count, topics) = cursor.head()?;
    if flags != 0 {
        return Err(DecodeError::Flags(flags));
    }
    if count > messages {
        return Err(DecodeError::TooManyVerdicts {
            verdicts: count,
            messages,
        });
    }
    let count_of_verdicts = cursor.check_count("count of verdicts", 3, count, 1)?;
    let mut verdicts = Vec::with_capacity(count_of_verdicts);
    let mut outputs = Vec::new();
    let mut failed = false;
    for position in 0..count {
        let verdict = read_verdict(&mut cursor, &topics, &mut outputs)?;
        if failed && !matches!(verdict, Verdict::NotAttempted) {
            return Err(DecodeError::AfterFailure { position });
        }
        failed |= !matches!(verdict, Verdict::Done(_) | Verdict::NotAttempted);
        verdicts.push(verdict);
    }
    cursor.finish()?;
    Ok(Answer { verdicts, outputs })
}

fn read_verdict<'a>(
    cursor: &mut Cursor<'a>,
    topics: &[&'a str],
    outputs: &mut Vec<OutputRef<'a>>,
) -> Result<Verdict<'a>, DecodeError> {
    let word = cursor.position();
    let [verdict] = *cursor.words("verdict")?;
    match verdict {
        0 => {
            let [count] = *cursor.words("count of outputs")?;
            let count = cursor.check_count("count of outputs", word + 1, count, OUTPUT)?;
            let first = outputs.len();
            for _ in 0..count {
                outputs.push(read_output(cursor, topics)?);
            }
            Ok(Verdict::Done(first..outputs.len()))
        }
        1 => {
            let [low, high] = *cursor.words("delay")?;
            let delay = wide(low, high);
            Ok(Verdict::Retry((delay != u64::MAX).then_some(delay)))
        }
        2 => read_text(cursor).map(Verdict::Reject),
        3 => read_text(cursor).map(Verdict::Other),
        4 => Ok(Verdict::NotAttempted),
        value => Err(DecodeError::Value {
            what: "verdict",
            word,
            value,
        }),
    }
}

fn read_text<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, DecodeError> {
    let word = cursor.position();
    let [length] = *cursor.words("text")?;
    cursor.text("text", word, length)
}

fn read_output<'a>(
    cursor: &mut Cursor<'a>,
    topics: &[&'a str],
) -> Result<OutputRef<'a>, DecodeError> {
    let word = cursor.position();
    let [topic, partition, given, low, high, key, value, headers] =
        *cursor.words::<OUTPUT>("output")?;
    let invalid = |what, at, value| DecodeError::Value {
        what,
        word: word + at,
        value,
    };
    let topic = match topic {
        NULL => None,
        position => Some(
            *topics
                .get(position as usize)
                .ok_or(invalid("topic", 0, position))?,
        ),
    };
    let partition = match partition {
        NULL => None,
        number => Some(i32::try_from(number).map_err(|_| invalid("partition", 1, number))?),
    };
    let timestamp = match given {
        0 if low == 0 && high == 0 => None,
        0 => return Err(invalid("timestamp, as none is given", 3, low | high)),
        1 => Some(wide(low, high).cast_signed()),
        kind => return Err(invalid("timestamp kind", 2, kind)),
    };
    Ok(OutputRef {
        topic,
        partition,
        timestamp,
        key: read_field(cursor, "key", word + 5, key)?,
        value: read_field(cursor, "value", word + 6, value)?,
        headers: match headers {
            SAME => OutputHeaders::Same,
            count => OutputHeaders::Own(cursor.headers(word + 7, count, true)?),
        },
    })
}

fn read_field<'a>(
    cursor: &mut Cursor<'a>,
    what: &'static str,
    word: usize,
    length: u32,
) -> Result<Field<'a>, DecodeError> {
    match length {
        NULL => Ok(Field::Null),
        SAME => Ok(Field::Same),
        length => cursor.bytes(what, word, length).map(Field::Bytes),
    }
}

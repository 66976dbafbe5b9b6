//! What is written is read back; what is rubbish is refused without a panic.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use pelton_codec::{
    AnswerWriter, BatchReader, BatchWriter, Field, HeaderRef, MessageRef, NULL, OutputHeaders,
    OutputRef, SAME, Timestamp, VerdictRef, decode_answer,
};
use proptest::{collection::vec, option, prelude::*};

type OwnHeader = (String, Option<Vec<u8>>);

#[derive(Clone, Debug, PartialEq)]
struct OwnMessage {
    topic: String,
    partition: i32,
    offset: i64,
    timestamp: Timestamp,
    attempt: u32,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<OwnHeader>,
}

#[derive(Clone, Debug, PartialEq)]
enum OwnField {
    Null,
    Same,
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq)]
struct OwnOutput {
    topic: Option<String>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    key: OwnField,
    value: OwnField,
    headers: Option<Vec<OwnHeader>>,
}

#[derive(Clone, Debug, PartialEq)]
enum OwnVerdict {
    Done(Vec<OwnOutput>),
    Retry(Option<u64>),
    Reject(String),
    Other(String),
    NotAttempted,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..20)
}

fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-zä€]{0,6}").unwrap()
}

fn topic() -> impl Strategy<Value = String> {
    prop_oneof![Just("orders".to_owned()), Just("users".to_owned()), text()]
}

fn headers() -> impl Strategy<Value = Vec<OwnHeader>> {
    vec((text(), option::of(bytes())), 0..4)
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(Timestamp::None),
        any::<i64>().prop_map(Timestamp::CreateTime),
        any::<i64>().prop_map(Timestamp::LogAppendTime),
    ]
}

fn message() -> impl Strategy<Value = OwnMessage> {
    let position = (
        topic(),
        any::<i32>(),
        any::<i64>(),
        timestamp(),
        any::<u32>(),
    );
    (
        position,
        option::of(bytes()),
        option::of(bytes()),
        headers(),
    )
        .prop_map(|(position, key, value, headers)| {
            let (topic, partition, offset, timestamp, attempt) = position;
            OwnMessage {
                topic,
                partition,
                offset,
                timestamp,
                attempt,
                key,
                value,
                headers,
            }
        })
}

fn field() -> impl Strategy<Value = OwnField> {
    prop_oneof![
        Just(OwnField::Null),
        Just(OwnField::Same),
        bytes().prop_map(OwnField::Bytes)
    ]
}

fn output() -> impl Strategy<Value = OwnOutput> {
    let place = (
        option::of(topic()),
        option::of(0..=i32::MAX),
        option::of(any::<i64>()),
    );
    (place, field(), field(), option::of(headers())).prop_map(|(place, key, value, headers)| {
        let (topic, partition, timestamp) = place;
        OwnOutput {
            topic,
            partition,
            timestamp,
            key,
            value,
            headers,
        }
    })
}

/// Any verdicts, those after the first failure replaced as the rule has it.
fn verdicts() -> impl Strategy<Value = Vec<OwnVerdict>> {
    let verdict = prop_oneof![
        8 => vec(output(), 0..4).prop_map(OwnVerdict::Done),
        1 => option::of(0..u64::MAX).prop_map(OwnVerdict::Retry),
        1 => text().prop_map(OwnVerdict::Reject),
        1 => text().prop_map(OwnVerdict::Other),
        2 => Just(OwnVerdict::NotAttempted),
    ];
    vec(verdict, 0..8).prop_map(|mut verdicts| {
        let failure = |verdict: &OwnVerdict| {
            !matches!(verdict, OwnVerdict::Done(_) | OwnVerdict::NotAttempted)
        };
        let after = verdicts
            .iter()
            .position(failure)
            .map_or(verdicts.len(), |first| first + 1);
        verdicts[after..].fill(OwnVerdict::NotAttempted);
        verdicts
    })
}

fn header_refs(headers: &[OwnHeader]) -> impl Iterator<Item = HeaderRef<'_>> {
    headers.iter().map(|(name, value)| HeaderRef {
        name: name.as_bytes(),
        value: value.as_deref(),
    })
}

fn own_headers<'a>(headers: impl Iterator<Item = HeaderRef<'a>>) -> Vec<OwnHeader> {
    let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    headers
        .map(|header| (name(header.name), header.value.map(<[u8]>::to_vec)))
        .collect()
}

fn own_message(message: &MessageRef<'_>) -> OwnMessage {
    OwnMessage {
        topic: message.topic.to_owned(),
        partition: message.partition,
        offset: message.offset,
        timestamp: message.timestamp,
        attempt: message.attempt,
        key: message.key.map(<[u8]>::to_vec),
        value: message.value.map(<[u8]>::to_vec),
        headers: own_headers(message.headers),
    }
}

fn own_field(field: Field<'_>) -> OwnField {
    match field {
        Field::Null => OwnField::Null,
        Field::Same => OwnField::Same,
        Field::Bytes(bytes) => OwnField::Bytes(bytes.to_vec()),
    }
}

fn own_output(output: &OutputRef<'_>) -> OwnOutput {
    OwnOutput {
        topic: output.topic.map(str::to_owned),
        partition: output.partition,
        timestamp: output.timestamp,
        key: own_field(output.key),
        value: own_field(output.value),
        headers: match output.headers {
            OutputHeaders::Same => None,
            OutputHeaders::Own(headers) => Some(own_headers(headers)),
        },
    }
}

fn own_verdict(verdict: VerdictRef<'_>) -> OwnVerdict {
    match verdict {
        VerdictRef::Done(outputs) => OwnVerdict::Done(outputs.iter().map(own_output).collect()),
        VerdictRef::Retry(delay) => OwnVerdict::Retry(delay),
        VerdictRef::Reject(text) => OwnVerdict::Reject(text.to_owned()),
        VerdictRef::Other(text) => OwnVerdict::Other(text.to_owned()),
        VerdictRef::NotAttempted => OwnVerdict::NotAttempted,
    }
}

fn write_batch(messages: &[OwnMessage]) -> BatchWriter {
    let mut writer = BatchWriter::new();
    for message in messages {
        let message = MessageRef {
            topic: &message.topic,
            partition: message.partition,
            offset: message.offset,
            timestamp: message.timestamp,
            attempt: message.attempt,
            key: message.key.as_deref(),
            value: message.value.as_deref(),
            headers: header_refs(&message.headers),
        };
        writer.push(message).unwrap();
    }
    writer
}

fn write_answer(verdicts: &[OwnVerdict]) -> AnswerWriter {
    fn field(field: &OwnField) -> Field<'_> {
        match field {
            OwnField::Null => Field::Null,
            OwnField::Same => Field::Same,
            OwnField::Bytes(bytes) => Field::Bytes(bytes),
        }
    }
    let mut writer = AnswerWriter::new();
    for verdict in verdicts {
        match verdict {
            OwnVerdict::Done(outputs) => {
                writer.done();
                for output in outputs {
                    let output = OutputRef {
                        topic: output.topic.as_deref(),
                        partition: output.partition,
                        timestamp: output.timestamp,
                        key: field(&output.key),
                        value: field(&output.value),
                        headers: match &output.headers {
                            None => OutputHeaders::Same,
                            Some(headers) => OutputHeaders::Own(header_refs(headers)),
                        },
                    };
                    writer.output(output).unwrap();
                }
            }
            OwnVerdict::Retry(delay) => writer.retry(*delay),
            OwnVerdict::Reject(text) => writer.reject(text).unwrap(),
            OwnVerdict::Other(text) => writer.other(text).unwrap(),
            OwnVerdict::NotAttempted => writer.not_attempted(),
        }
    }
    writer
}

/// Words as a hostile guest would choose them: mostly small, some of the special ones.
fn words() -> impl Strategy<Value = Vec<u32>> {
    let word = prop_oneof![
        6 => 0_u32..6,
        2 => prop_oneof![Just(NULL), Just(SAME), Just(0x8000_0000), Just(0x7FFF_FFFF)],
        1 => any::<u32>(),
    ];
    (any::<bool>(), vec(word, 0..48)).prop_map(|(head, mut words)| {
        if head && words.len() > 1 {
            words[0] = 1;
            words[1] = 0;
        }
        words
    })
}

fn try_both(arena: &[u8], index: &[u32]) {
    if let Ok(answer) = decode_answer(arena, index, 4) {
        let used: usize = answer.verdicts().map(own_verdict).count();
        assert!(used <= 4);
    }
    if let Ok(reader) = BatchReader::new(arena, index) {
        for message in reader.flatten() {
            own_message(&message);
        }
    }
}

proptest! {
    #[test]
    fn a_batch_is_read_as_it_was_written(messages in vec(message(), 0..8)) {
        let writer = write_batch(&messages);
        prop_assert_eq!(writer.len() as usize, messages.len());
        let reader = BatchReader::new(writer.arena(), writer.index()).unwrap();
        let read: Vec<_> = reader.map(|message| own_message(&message.unwrap())).collect();
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn an_answer_is_decoded_as_it_was_written(verdicts in verdicts()) {
        let writer = write_answer(&verdicts);
        let answer = decode_answer(writer.arena(), writer.index(), 8).unwrap();
        let read: Vec<_> = answer.verdicts().map(own_verdict).collect();
        prop_assert_eq!(read, verdicts);
    }

    #[test]
    fn an_answer_cut_short_is_refused(verdicts in verdicts(), cut in any::<prop::sample::Index>(), of_words: bool) {
        let writer = write_answer(&verdicts);
        let (arena, index) = (writer.arena(), writer.index());
        let cut_words = of_words || arena.is_empty();
        let (arena, index) = match cut_words {
            true => (arena, &index[..cut.index(index.len())]),
            false => (&arena[..cut.index(arena.len())], index),
        };
        prop_assert!(decode_answer(arena, index, 8).is_err());
    }

    #[test]
    fn arbitrary_words_never_panic(arena in vec(any::<u8>(), 0..32), index in words()) {
        try_both(&arena, &index);
    }

    #[test]
    fn one_wrong_word_never_panics(
        verdicts in verdicts(),
        messages in vec(message(), 0..4),
        at in any::<prop::sample::Index>(),
        word in prop_oneof![0_u32..40, any::<u32>(), Just(NULL), Just(SAME)],
    ) {
        let (answer, batch) = (write_answer(&verdicts), write_batch(&messages));
        for (arena, index) in [(answer.arena(), answer.index()), (batch.arena(), batch.index())] {
            let mut index = index.to_vec();
            let at = at.index(index.len());
            index[at] = word;
            try_both(arena, &index);
        }
    }
}

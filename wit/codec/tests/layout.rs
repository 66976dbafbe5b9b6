//! The layout word for word, as `wit/packed.wit` documents it, and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use pelton_codec::{
    AnswerWriter, BatchReader, BatchWriter, DecodeError, Field, HeaderRef, MessageRef, NULL,
    OutputHeaders, OutputRef, SAME, Timestamp, VerdictRef, decode_answer,
};

const NO_HEADERS: [HeaderRef<'static>; 0] = [];

fn message<'a>(topic: &'a str, value: Option<&'a [u8]>) -> MessageRef<'a, [HeaderRef<'a>; 0]> {
    MessageRef {
        topic,
        partition: 1,
        offset: 7,
        timestamp: Timestamp::None,
        attempt: 1,
        key: None,
        value,
        headers: NO_HEADERS,
    }
}

fn output<'a>(topic: Option<&'a str>, value: &'a [u8]) -> OutputRef<'a, [HeaderRef<'a>; 0]> {
    OutputRef {
        topic,
        partition: None,
        timestamp: None,
        key: Field::Same,
        value: Field::Bytes(value),
        headers: OutputHeaders::Own(NO_HEADERS),
    }
}

#[test]
fn a_batch_stands_as_documented() {
    let mut writer = BatchWriter::new();
    let headers = [
        HeaderRef {
            name: b"h",
            value: Some(b""),
        },
        HeaderRef {
            name: b"hh",
            value: None,
        },
    ];
    let message = MessageRef {
        topic: "orders",
        partition: 3,
        offset: 0x1_0000_0002,
        timestamp: Timestamp::LogAppendTime(-1),
        attempt: 2,
        key: None,
        value: Some(b"vv"),
        headers,
    };
    writer.push(message).unwrap();
    assert_eq!(writer.arena(), b"ordersvvhhh");
    let expected = [
        1,
        0,
        1,
        1,
        6,
        0,
        3,
        2,
        1,
        2,
        u32::MAX,
        u32::MAX,
        2,
        NULL,
        2,
        2,
        1,
        0,
        2,
        NULL,
    ];
    assert_eq!(writer.index(), expected);
}

#[test]
fn an_answer_stands_as_documented() {
    let mut writer = AnswerWriter::new();
    writer.done();
    writer
        .output(OutputRef {
            topic: Some("t"),
            partition: Some(5),
            timestamp: Some(9),
            key: Field::Same,
            value: Field::Null,
            headers: OutputHeaders::Own([HeaderRef {
                name: b"n",
                value: Some(b"xy"),
            }]),
        })
        .unwrap();
    writer
        .output(OutputRef {
            topic: None,
            partition: None,
            timestamp: None,
            key: Field::Bytes(b"k"),
            value: Field::Same,
            headers: OutputHeaders::<[HeaderRef<'_>; 0]>::Same,
        })
        .unwrap();
    writer.retry(None);
    assert_eq!(writer.arena(), b"tnxyk");
    let first = [0, 5, 1, 9, 0, SAME, NULL, 1, 1, 2];
    let second = [NULL, NULL, 0, 0, 0, 1, SAME, SAME];
    let mut expected = vec![1, 0, 1, 2, 1, 0, 2];
    expected.extend(first);
    expected.extend(second);
    expected.extend([1, NULL, NULL]);
    assert_eq!(writer.index(), expected);
}

#[test]
fn a_topic_met_late_moves_what_is_there() {
    let mut batch = BatchWriter::new();
    for (topic, value) in [("a", "one"), ("bb", "two"), ("a", "three"), ("ccc", "four")] {
        batch.push(message(topic, Some(value.as_bytes()))).unwrap();
    }
    let read: Vec<_> = BatchReader::new(batch.arena(), batch.index())
        .unwrap()
        .map(|message| {
            message
                .map(|message| (message.topic, message.value.unwrap()))
                .unwrap()
        })
        .collect();
    let expected: [(_, &[u8]); 4] = [
        ("a", b"one"),
        ("bb", b"two"),
        ("a", b"three"),
        ("ccc", b"four"),
    ];
    assert_eq!(read, expected);

    let mut answer = AnswerWriter::new();
    answer.done();
    answer.output(output(None, b"one")).unwrap();
    answer.output(output(Some("a"), b"two")).unwrap();
    answer.done();
    answer.output(output(Some("bb"), b"three")).unwrap();
    answer.output(output(Some("a"), b"four")).unwrap();
    let answer = decode_answer(answer.arena(), answer.index(), 2).unwrap();
    let read: Vec<_> = answer
        .outputs()
        .iter()
        .map(|output| (output.topic, output.value))
        .collect();
    let expected = [
        (None, Field::Bytes(b"one".as_slice())),
        (Some("a"), Field::Bytes(b"two")),
        (Some("bb"), Field::Bytes(b"three")),
        (Some("a"), Field::Bytes(b"four")),
    ];
    assert_eq!(read, expected);
    let counts: Vec<_> = answer
        .verdicts()
        .map(|verdict| match verdict {
            VerdictRef::Done(outputs) => outputs.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [2, 2]);
}

#[test]
fn a_header_name_that_is_not_utf8_is_replaced() {
    let mut writer = BatchWriter::new();
    let headers = [HeaderRef {
        name: b"a\xFFb",
        value: None,
    }];
    writer
        .push(MessageRef {
            topic: "t",
            partition: 0,
            offset: 0,
            timestamp: Timestamp::None,
            attempt: 1,
            key: None,
            value: None,
            headers,
        })
        .unwrap();
    let message = BatchReader::new(writer.arena(), writer.index())
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let names: Vec<_> = message.headers.map(|header| header.name).collect();
    assert_eq!(names, ["a\u{FFFD}b".as_bytes()]);
}

#[test]
fn a_cleared_writer_is_as_good_as_new() {
    let mut writer = BatchWriter::new();
    writer.push(message("other", Some(b"x"))).unwrap();
    writer.clear();
    assert!(writer.is_empty());
    writer.push(message("t", None)).unwrap();
    let mut fresh = BatchWriter::new();
    fresh.push(message("t", None)).unwrap();
    assert_eq!(
        (writer.arena(), writer.index()),
        (fresh.arena(), fresh.index())
    );
}

#[test]
fn a_guest_ignores_flags_it_does_not_know() {
    assert_eq!(
        BatchReader::new(&[], &[1, 0x8000_0000, 0, 0])
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn an_output_without_a_done_message_is_dropped() {
    let mut writer = AnswerWriter::new();
    writer.output(output(None, b"x")).unwrap();
    writer.retry(Some(5));
    writer.output(output(None, b"x")).unwrap();
    let answer = decode_answer(writer.arena(), writer.index(), 1).unwrap();
    assert!(answer.outputs().is_empty());
    assert!(matches!(
        answer.verdicts().next(),
        Some(VerdictRef::Retry(Some(5)))
    ));
}

/// Arena, index, and what is wrong with them, for a batch of two messages.
#[test]
fn each_broken_answer_is_refused_with_its_reason() {
    use DecodeError as E;
    let own = |words: &[u32]| [&[1, 0, 0, 1, 0, 1, NULL, NULL, 0, 0, 0][..], words].concat();
    let cases: Vec<(&[u8], Vec<u32>, DecodeError)> = vec![
        (
            b"",
            vec![],
            E::IndexEnds {
                what: "head",
                word: 0,
            },
        ),
        (b"", vec![2, 0, 0, 0], E::Version(2)),
        (b"", vec![1, 1, 0, 0], E::Flags(1)),
        (
            b"",
            vec![1, 0, u32::MAX, 0],
            E::Count {
                what: "count of topics",
                word: 2,
                count: u32::MAX,
            },
        ),
        (
            b"a",
            vec![1, 0, 1, 0, 2],
            E::ArenaEnds {
                what: "topic",
                word: 4,
                length: 2,
                left: 1,
            },
        ),
        (
            b"\xFF",
            vec![1, 0, 1, 0, 1],
            E::NotUtf8 {
                what: "topic",
                word: 4,
            },
        ),
        (
            b"",
            vec![1, 0, 0, 3, 4, 4, 4],
            E::TooManyVerdicts {
                verdicts: 3,
                messages: 2,
            },
        ),
        (
            b"",
            vec![1, 0, 0, 2, 4],
            E::Count {
                what: "count of verdicts",
                word: 3,
                count: 2,
            },
        ),
        (
            b"",
            vec![1, 0, 0, 1, 9],
            E::Value {
                what: "verdict",
                word: 4,
                value: 9,
            },
        ),
        (
            b"",
            vec![1, 0, 0, 1, 0],
            E::IndexEnds {
                what: "count of outputs",
                word: 5,
            },
        ),
        (
            b"",
            vec![1, 0, 0, 1, 0, NULL],
            E::Count {
                what: "count of outputs",
                word: 5,
                count: NULL,
            },
        ),
        (
            b"",
            vec![1, 0, 0, 1, 1, 0],
            E::IndexEnds {
                what: "delay",
                word: 6,
            },
        ),
        (
            b"",
            vec![1, 0, 0, 1, 2, NULL],
            E::ArenaEnds {
                what: "text",
                word: 5,
                length: NULL,
                left: 0,
            },
        ),
        (
            b"\xC3",
            vec![1, 0, 0, 1, 3, 1],
            E::NotUtf8 {
                what: "text",
                word: 5,
            },
        ),
        (
            b"",
            vec![1, 0, 0, 2, 1, 0, 0, 0, 0],
            E::AfterFailure { position: 1 },
        ),
        (
            b"x",
            vec![1, 0, 0, 1, 4, 4],
            E::LeftOver { words: 1, bytes: 1 },
        ),
        (
            b"",
            vec![1, 0, 0, 1, 0, 1, 0, NULL, 0, 0, 0, NULL, NULL, 0],
            E::Value {
                what: "topic",
                word: 6,
                value: 0,
            },
        ),
        (
            b"",
            vec![1, 0, 0, 1, 0, 1, NULL, SAME, 0, 0, 0, NULL, NULL, 0],
            E::Value {
                what: "partition",
                word: 7,
                value: SAME,
            },
        ),
        (
            b"",
            vec![1, 0, 0, 1, 0, 1, NULL, NULL, 2, 0, 0, NULL, NULL, 0],
            E::Value {
                what: "timestamp kind",
                word: 8,
                value: 2,
            },
        ),
        (
            b"",
            vec![1, 0, 0, 1, 0, 1, NULL, NULL, 0, 1, 0, NULL, NULL, 0],
            E::Value {
                what: "timestamp, as none is given",
                word: 9,
                value: 1,
            },
        ),
        (
            b"",
            own(&[NULL, NULL, NULL]),
            E::Count {
                what: "count of headers",
                word: 13,
                count: NULL,
            },
        ),
        (
            b"",
            own(&[1, NULL, 0]),
            E::ArenaEnds {
                what: "key",
                word: 11,
                length: 1,
                left: 0,
            },
        ),
        (
            b"",
            own(&[SAME, 1, 0]),
            E::ArenaEnds {
                what: "value",
                word: 12,
                length: 1,
                left: 0,
            },
        ),
        (
            b"",
            own(&[NULL, NULL, 1, NULL, 0]),
            E::ArenaEnds {
                what: "header name",
                word: 14,
                length: NULL,
                left: 0,
            },
        ),
        (
            b"\xFF",
            own(&[NULL, NULL, 1, 1, 0]),
            E::NotUtf8 {
                what: "header name",
                word: 14,
            },
        ),
    ];
    for (arena, index, expected) in cases {
        assert_eq!(
            decode_answer(arena, &index, 2).unwrap_err(),
            expected,
            "{index:?}"
        );
        assert!(!expected.to_string().is_empty());
    }
}

#[test]
fn not_attempted_may_stand_anywhere() {
    let index = [1, 0, 0, 4, 4, 0, 0, 1, NULL, NULL, 4];
    assert_eq!(decode_answer(b"", &index, 9).unwrap().len(), 4);
}

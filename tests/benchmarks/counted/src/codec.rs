//! The packed layout: a batch written and read, an answer written and read, with values of 256 B and two headers.

use pelton_codec::{
    AnswerWriter, BatchReader, BatchWriter, Field, HeaderRef, MessageRef, OutputHeaders, OutputRef,
    Timestamp, VerdictRef, decode_answer,
};

const BATCH: u32 = 128;
const VALUE: [u8; 256] = [b'v'; 256];
const HEADERS: [HeaderRef<'static>; 2] = [
    HeaderRef {
        name: b"trace-id",
        value: Some(b"0123456789abcdef"),
    },
    HeaderRef {
        name: b"content-type",
        value: Some(b"application/json"),
    },
];

/// So many messages in batches; the sum of what was read.
pub fn batch(count: u32) -> u64 {
    let (mut writer, mut sum) = (BatchWriter::new(), 0);
    for round in 0..count / BATCH {
        writer.clear();
        for number in 0..BATCH {
            let message = MessageRef {
                topic: "orders",
                partition: 3,
                offset: i64::from(round * BATCH + number),
                timestamp: Timestamp::CreateTime(1_700_000_000_000),
                attempt: 1,
                key: Some(b"customer-1234".as_slice()),
                value: Some(VALUE.as_slice()),
                headers: HEADERS,
            };
            sum += u64::from(writer.push(message).is_err());
        }
        let Ok(reader) = BatchReader::new(writer.arena(), writer.index()) else {
            continue;
        };
        for message in reader.flatten() {
            let header = |header: HeaderRef<'_>| header.value.map_or(0, <[u8]>::len);
            sum += message.headers.map(header).sum::<usize>() as u64 + message.offset as u64;
        }
    }
    sum
}

/// Answers for so many messages, an output of its own each; the sum of what was read.
pub fn answer(count: u32) -> u64 {
    let (mut writer, mut sum) = (AnswerWriter::new(), 0);
    for _ in 0..count / BATCH {
        writer.clear();
        for _ in 0..BATCH {
            writer.done();
            let output = OutputRef {
                topic: None,
                partition: None,
                timestamp: None,
                key: Field::Same,
                value: Field::Bytes(&VALUE),
                headers: OutputHeaders::Own(HEADERS),
            };
            sum += u64::from(writer.output(output).is_err());
        }
        let Ok(answer) = decode_answer(writer.arena(), writer.index(), BATCH) else {
            continue;
        };
        let done = |verdict: &VerdictRef<'_>| matches!(verdict, VerdictRef::Done(_));
        sum += answer.verdicts().filter(done).count() as u64 + answer.outputs().len() as u64;
    }
    sum
}

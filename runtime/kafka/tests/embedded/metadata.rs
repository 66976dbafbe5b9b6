//! What is committed beside an offset: kept, and handed back byte for byte.
#![expect(clippy::expect_used, reason = "a test that can't be set up fails")]

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use pelton_types::TopicPartition;

use crate::support::{Member, PATIENCE, broker, fill, producer, settings};

/// The most that a broker takes by default (`offset.metadata.max.bytes`).
const BROKER_LIMIT: usize = 4096;

/// Commits as a client that isn't one of ours, and no member of the group, may: any bytes as metadata.
/// One OffsetCommit request, version 2, by hand (kafka.apache.org/protocol).
fn commit_as_a_stranger(bootstrap: &str, partition: &TopicPartition, next: i64, metadata: &[u8]) {
    let short = |bytes: &[u8]| {
        let length = i16::try_from(bytes.len()).expect("a short text");
        [&length.to_be_bytes(), bytes].concat()
    };
    let body = [
        &8_i16.to_be_bytes()[..], // OffsetCommit
        &2_i16.to_be_bytes(),
        &1_i32.to_be_bytes(), // the request's number
        &short(b"stranger"),
        &short(b"test"),         // the group
        &(-1_i32).to_be_bytes(), // no generation: not a member
        &short(b""),
        &(-1_i64).to_be_bytes(), // kept as long as the broker likes
        &1_i32.to_be_bytes(),
        &short(partition.topic.as_bytes()),
        &1_i32.to_be_bytes(),
        &partition.partition.to_be_bytes(),
        &next.to_be_bytes(),
        &short(metadata),
    ]
    .concat();
    let size = i32::try_from(body.len()).expect("a small request");
    let mut connection = TcpStream::connect(bootstrap).expect("a connection");
    connection
        .set_read_timeout(Some(PATIENCE))
        .expect("a limit");
    connection
        .write_all(&[&size.to_be_bytes(), &body[..]].concat())
        .expect("sent");
    let mut size = [0; 4];
    connection.read_exact(&mut size).expect("an answer");
    let mut answer = vec![0; u32::from_be_bytes(size) as usize];
    connection.read_exact(&mut answer).expect("an answer");
    // The last two bytes of the answer are the only partition's error.
    assert_eq!(answer[answer.len() - 2..], [0, 0], "committed");
}

#[tokio::test]
async fn metadata_comes_back_byte_for_byte_at_the_next_assignment() {
    let broker = broker(&[("t", 3)]);
    let producer = producer(&broker);
    let partitions = [0, 1, 2].map(|number| TopicPartition::new("t", number));
    for number in 0..3 {
        fill(&producer, "t", number, ["message".to_owned()]).await;
    }
    let long: String = "0123456789abcdef".repeat(BROKER_LIMIT / 16);
    let words = [long, "größer: \u{1f41f}".to_owned(), String::new()];

    let mut first = Member::start(settings(&broker, "t"));
    first.until_messages(3).await;
    for partition in &partitions {
        assert_eq!(
            first.metadata[partition], b"",
            "nothing was committed with any"
        );
    }
    for (partition, word) in partitions.iter().zip(&words) {
        let (epoch, _) = first.owned[partition];
        first.consumer.commit(partition, epoch, 1, word.clone());
    }
    let all = |member: &Member| {
        let committed = |partition| {
            member
                .commits
                .contains(&(TopicPartition::clone(partition), 1, true))
        };
        partitions.iter().all(committed)
    };
    first.until(|member, _| all(member)).await;
    // A process that dies answers nothing.
    drop(first);

    let mut second = Member::start(settings(&broker, "t"));
    second.until_owned(3).await;
    for (partition, word) in partitions.iter().zip(&words) {
        assert_eq!(second.owned[partition].1, 1);
        assert_eq!(second.metadata[partition], word.as_bytes());
    }
    second.close().await;

    let mut third = Member::start(settings(&broker, "t"));
    third.until_owned(3).await;
    for partition in &partitions {
        assert_eq!(
            third.metadata[partition], b"drained at 1",
            "what a drain ended with"
        );
    }
    third.close().await;
}

#[tokio::test]
async fn the_latest_metadata_for_one_offset_is_kept() {
    let broker = broker(&[("t", 1)]);
    fill(&producer(&broker), "t", 0, ["a", "b"].map(str::to_owned)).await;
    let partition = TopicPartition::new("t", 0);
    let mut first = Member::start(settings(&broker, "t"));
    first.until_messages(2).await;
    let (epoch, _) = first.owned[&partition];
    for word in ["old", "new"] {
        first.consumer.commit(&partition, epoch, 1, word.to_owned());
    }
    // Whether they went in one request or in two, a third comes after both.
    first.until(|member, _| !member.commits.is_empty()).await;
    first
        .consumer
        .commit(&partition, epoch, 1, "newest".to_owned());
    let count = first.commits.len();
    first.until(|member, _| member.commits.len() > count).await;
    drop(first);
    let mut second = Member::start(settings(&broker, "t"));
    second.until_owned(1).await;
    assert_eq!(second.metadata[&partition], b"newest");
    second.close().await;
}

#[tokio::test]
async fn foreign_metadata_is_handed_on_as_it_is() {
    let foreign: [&[u8]; 4] = [
        b"\xff\xfe not UTF-8 \xc3\x28",
        b"NUL \0 inside \0",
        &[0x80; BROKER_LIMIT],
        b"{\"host\":\"consumer-7\"}",
    ];
    for metadata in foreign {
        let broker = broker(&[("t", 1)]);
        fill(
            &producer(&broker),
            "t",
            0,
            ["a", "b", "c"].map(str::to_owned),
        )
        .await;
        let partition = TopicPartition::new("t", 0);
        commit_as_a_stranger(&broker.bootstrap(), &partition, 2, metadata);
        let mut member = Member::start(settings(&broker, "t"));
        member.until_messages(1).await;
        assert_eq!(member.values(), ["c"]);
        assert_eq!(member.metadata[&partition], metadata);
        assert_eq!(member.close().await, [(partition, 3, true)]);
    }
}

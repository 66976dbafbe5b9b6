//! What goes in comes out: null and empty, headers, timestamps, partitions.

use std::{sync::Arc, time::Instant};

use pelton_kafka::{Mailbox, Outgoing, SendError};
use pelton_types::{Header, Headers, NO_HEADERS, Timestamp};

use crate::support::{
    Member, PATIENCE, broker, deliveries, plain, producer, producer_with, settings,
};

#[tokio::test]
async fn null_and_empty_headers_and_timestamps_survive_the_round_trip() {
    let broker = broker(&[("t", 1)]);
    let producer = producer(&broker);
    let mailbox = Arc::new(Mailbox::default());
    let headers = Headers::from([
        Header::new("a", "1"),
        Header::new("a", "2"),
        Header {
            name: "null".into(),
            value: None,
        },
        Header::new("empty", ""),
        Header::new(&b"\xff\xfe"[..], &b"\x00\x80"[..]),
    ]);
    let messages = [
        Outgoing {
            topic: "t",
            partition: None,
            timestamp: Some(1_234),
            key: Some(b"k"),
            value: Some(b"v"),
            headers: &headers,
        },
        Outgoing {
            topic: "t",
            partition: Some(0),
            timestamp: Some(0),
            key: Some(b""),
            value: Some(b""),
            headers: &NO_HEADERS,
        },
        Outgoing {
            topic: "t",
            partition: None,
            timestamp: None,
            key: None,
            value: None,
            headers: &NO_HEADERS,
        },
    ];
    for (ticket, outgoing) in messages.into_iter().enumerate() {
        producer
            .send(outgoing, &mailbox, ticket as u64)
            .expect("taken");
    }
    assert!(
        deliveries(&mailbox, 3)
            .await
            .iter()
            .all(|delivery| delivery.result.is_ok())
    );
    assert!(producer.flush(Instant::now() + PATIENCE).await);

    let mut member = Member::start(settings(&broker, "t"));
    member.until_messages(3).await;
    let [first, second, third] = &member.messages[..] else {
        panic!("three messages")
    };
    assert_eq!(first.headers, headers);
    assert_eq!(
        (first.key.as_deref(), first.value.as_deref()),
        (Some(&b"k"[..]), Some(&b"v"[..]))
    );
    assert_eq!(first.timestamp, Timestamp::CreateTime(1_234));
    assert_eq!(
        (second.key.as_deref(), second.value.as_deref()),
        (Some(&b""[..]), Some(&b""[..]))
    );
    assert_eq!(second.timestamp, Timestamp::CreateTime(1));
    assert!(second.headers.is_empty());
    assert_eq!((&third.key, &third.value), (&None, &None));
    assert!(
        third
            .timestamp
            .millis()
            .is_some_and(|millis| millis > 1_600_000_000_000)
    );
    member.close().await;
}

#[tokio::test]
async fn keys_land_where_java_puts_them() {
    const PARTITIONS: i32 = 7;
    let broker = broker(&[("keyed", PARTITIONS)]);
    let producer = producer(&broker);
    let mailbox = Arc::new(Mailbox::default());
    let keys: Vec<String> = (0..40)
        .map(|n| format!("user-{n}"))
        .chain([String::new(), "é✓".into()])
        .collect();
    for key in &keys {
        producer
            .send(plain("keyed", Some(key.as_bytes()), b""), &mailbox, 0)
            .expect("taken");
    }
    deliveries(&mailbox, keys.len()).await;

    let mut member = Member::start(settings(&broker, "keyed"));
    member.until_messages(keys.len()).await;
    for message in &member.messages {
        let key = message.key.as_deref().expect("a key");
        let expected = (murmur2(key) & 0x7fff_ffff) % PARTITIONS as u32;
        assert_eq!(message.partition, expected as i32, "{key:?}");
    }
    member.close().await;
}

/// As in Kafka's `Utils.murmur2`, written anew from its description.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    if !rest.is_empty() {
        let tail = rest
            .iter()
            .rev()
            .fold(0, |tail: u32, byte| (tail << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[test]
fn the_tests_own_hash_is_kafkas() {
    // From Kafka's own tests of `Utils.murmur2`.
    assert_eq!(murmur2(b"21") as i32, -973_932_308);
    assert_eq!(murmur2(b"foobar") as i32, -790_332_482);
    assert_eq!(murmur2(b"a-little-bit-long-string") as i32, -985_981_536);
}

#[tokio::test]
async fn what_can_never_be_written_is_refused_with_a_reason() {
    let broker = broker(&[("t", 2)]);
    let producer = producer_with(&broker, &[("message.max.bytes", "2000")]);
    let mailbox = Arc::new(Mailbox::default());
    let large = vec![b'x'; 5_000];
    let refused = producer.send(plain("t", None, &large), &mailbox, 0);
    let Err(SendError::Refused { text }) = refused else {
        panic!("{refused:?}")
    };
    assert!(text.contains("too large"), "{text}");
    // The partitions are known after the first message.
    producer
        .send(plain("t", None, b"small"), &mailbox, 1)
        .expect("taken");
    deliveries(&mailbox, 1).await;
    for outgoing in [
        Outgoing {
            partition: Some(9),
            ..plain("t", None, b"v")
        },
        Outgoing {
            partition: Some(-5),
            ..plain("t", None, b"v")
        },
        Outgoing {
            timestamp: Some(-1),
            ..plain("t", None, b"v")
        },
        plain("no\0name", None, b"v"),
    ] {
        let refused = producer.send(outgoing, &mailbox, 2);
        assert!(
            matches!(refused, Err(SendError::Refused { .. })),
            "{outgoing:?}: {refused:?}"
        );
    }
    assert!(producer.flush(Instant::now() + PATIENCE).await);
    assert!(mailbox.take_now().is_empty());
}

#[tokio::test]
async fn a_full_queue_makes_room_again() {
    let broker = broker(&[("t", 1)]);
    let producer = producer_with(&broker, &[("queue.buffering.max.messages", "10")]);
    let mailbox = Arc::new(Mailbox::default());
    let mut waits = 0;
    for ticket in 0..200 {
        while let Err(error) = producer.send(plain("t", None, b"v"), &mailbox, ticket) {
            assert_eq!(error, SendError::QueueFull);
            waits += 1;
            producer.wait_for_room().await;
        }
    }
    assert!(waits > 0);
    let mut tickets: Vec<u64> = deliveries(&mailbox, 200)
        .await
        .into_iter()
        .map(|delivery| delivery.ticket)
        .collect();
    tickets.sort_unstable();
    assert!(tickets.into_iter().eq(0..200));
}

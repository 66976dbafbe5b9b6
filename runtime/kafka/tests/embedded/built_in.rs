//! What is compiled in: every codec, TLS and SASL.

use std::sync::Arc;

use pelton_kafka::{Mailbox, Producer, ProducerSettings};

use crate::support::{Member, broker, deliveries, map, plain, producer_with, settings};

#[tokio::test]
async fn every_codec_survives_the_round_trip() {
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    let broker = broker(&[("packed", 1)]);
    let value = "compressible ".repeat(1_000);
    for codec in codecs {
        let producer = producer_with(&broker, &[("compression.codec", codec)]);
        let mailbox = Arc::new(Mailbox::default());
        let outgoing = plain("packed", Some(codec.as_bytes()), value.as_bytes());
        producer.send(outgoing, &mailbox, 0).expect("taken");
        assert!(deliveries(&mailbox, 1).await[0].result.is_ok(), "{codec}");
    }
    let mut member = Member::start(settings(&broker, "packed"));
    member.until_messages(codecs.len()).await;
    for (message, codec) in member.messages.iter().zip(codecs) {
        assert_eq!(message.key.as_deref(), Some(codec.as_bytes()));
        assert_eq!(message.value.as_deref(), Some(value.as_bytes()), "{codec}");
    }
    member.close().await;
}

#[tokio::test]
async fn tls_and_each_sasl_mechanism_are_compiled_in() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] {
        let mut properties = map(&[
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", mechanism),
        ]);
        if mechanism != "OAUTHBEARER" {
            properties.extend(map(&[("sasl.username", "u"), ("sasl.password", "p")]));
        }
        let started = Producer::start(ProducerSettings {
            bootstrap: "127.0.0.1:1".into(),
            client_id: "test".into(),
            queue_bytes: None,
            properties,
        });
        match started {
            Ok(producer) => producer.close().await,
            Err(error) => panic!("{mechanism}: {error}"),
        }
    }
}

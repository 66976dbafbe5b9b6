//! Brokers that aren't there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use pelton_kafka::{Admin, ConsumerEvent, Mailbox, TroubleClass};

use crate::support::{Member, PATIENCE, broker, deliveries, fill, map, plain, producer, settings};

#[tokio::test]
async fn an_outage_is_waited_out_by_the_producer() {
    let broker = broker(&[("t", 1)]);
    let producer = producer(&broker);
    fill(&producer, "t", 0, ["before".to_owned()]).await;
    broker.interrupt().expect("down");
    let mailbox = Arc::new(Mailbox::default());
    producer
        .send(plain("t", None, b"during"), &mailbox, 1)
        .expect("taken");
    let mut health = producer.health();
    let troubled =
        tokio::time::timeout(PATIENCE, health.wait_for(|health| health.trouble.is_some())).await;
    let text = troubled
        .expect("trouble in time")
        .expect("a producer")
        .trouble
        .clone()
        .map(|(_, text)| text)
        .unwrap_or_default();
    assert!(text.contains("127.0.0.1"), "{text}");
    assert!(
        !producer
            .flush(Instant::now() + Duration::from_millis(100))
            .await
    );
    assert_eq!(producer.in_flight(), 1);
    broker.restore().expect("up");
    assert!(deliveries(&mailbox, 1).await[0].result.is_ok());
    tokio::time::timeout(PATIENCE, health.wait_for(|health| health.trouble.is_none()))
        .await
        .expect("recovery in time")
        .expect("a producer");
    assert!(producer.fatal().is_none());
}

#[tokio::test]
async fn purged_messages_are_answered_and_later_ones_are_written() {
    let broker = broker(&[("t", 1)]);
    let producer = producer(&broker);
    fill(&producer, "t", 0, ["first".to_owned()]).await;
    broker.interrupt().expect("down");
    let mailbox = Arc::new(Mailbox::default());
    for ticket in 0..5 {
        producer
            .send(plain("t", None, b"purged"), &mailbox, ticket)
            .expect("taken");
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    producer.purge();
    for delivery in deliveries(&mailbox, 5).await {
        let error = delivery.result.expect_err("purged");
        assert!(error.purged && !error.permanent, "{error:?}");
    }
    broker.restore().expect("up");
    fill(&producer, "t", 0, ["last".to_owned()]).await;
    let mut member = Member::start(settings(&broker, "t"));
    member.until_messages(2).await;
    assert_eq!(member.values(), ["first", "last"]);
    member.close().await;
}

#[tokio::test]
async fn a_producer_that_ends_answers_everything_it_took() {
    let broker = broker(&[("t", 1)]);
    let producer = producer(&broker);
    fill(&producer, "t", 0, ["first".to_owned()]).await;
    broker.interrupt().expect("down");
    let mailbox = Arc::new(Mailbox::default());
    producer
        .send(plain("t", None, b"lost"), &mailbox, 1)
        .expect("taken");
    let other = producer.clone();
    tokio::time::timeout(PATIENCE, producer.close())
        .await
        .expect("an end in time");
    assert!(
        deliveries(&mailbox, 1).await[0]
            .result
            .as_ref()
            .is_err_and(|error| error.purged)
    );
    assert!(other.send(plain("t", None, b"v"), &mailbox, 2).is_err());
    other.wait_for_room().await;
}

#[tokio::test]
async fn a_consumer_says_once_that_no_broker_is_there_and_once_that_one_is_back() {
    let broker = broker(&[("t", 1)]);
    broker.interrupt().expect("down");
    let mut member = Member::start(settings(&broker, "t"));
    let mut told = 0;
    let unreachable = |event: &ConsumerEvent| matches!(event, ConsumerEvent::Trouble { class: TroubleClass::Unreachable, text } if text.contains("127.0.0.1"));
    member
        .until(|_, event| {
            told += usize::from(unreachable(event));
            told == 1
        })
        .await;
    let more = tokio::time::timeout(
        Duration::from_secs(3),
        member.until(|_, event| unreachable(event)),
    )
    .await;
    assert!(more.is_err(), "one line for one outage");
    broker.restore().expect("up");
    member
        .until(|_, event| {
            matches!(
                event,
                ConsumerEvent::Recovered {
                    class: TroubleClass::Unreachable
                }
            )
        })
        .await;
    member.until_owned(1).await;
    member.close().await;
}

#[tokio::test]
async fn leaving_does_not_hang_without_a_broker() {
    let broker = broker(&[("t", 1)]);
    fill(&producer(&broker), "t", 0, ["a".to_owned()]).await;
    let mut member = Member::start(settings(&broker, "t"));
    member.until_messages(1).await;
    broker.interrupt().expect("down");
    // Closing is bounded: the test waits for it no longer than for anything else.
    let commits = member.close().await;
    assert!(
        commits.iter().all(|(_, _, committed)| !committed),
        "{commits:?}"
    );
}

#[tokio::test]
async fn leaving_does_not_hang_before_anything_was_reached() {
    let broker = broker(&[("t", 1)]);
    broker.interrupt().expect("down");
    let member = Member::start(settings(&broker, "t"));
    // Closing is bounded, as above.
    assert_eq!(member.close().await, []);
}

#[tokio::test]
async fn the_administrator_lists_topics_or_says_why_not() {
    let broker = broker(&[("a", 3), ("b", 1)]);
    let admin = Admin::new(&broker.bootstrap(), &map(&[])).expect("an administrator");
    let topics = admin.topics(PATIENCE).await.expect("topics");
    assert_eq!(
        topics.into_iter().collect::<Vec<_>>(),
        [("a".to_owned(), 3), ("b".to_owned(), 1)]
    );
    broker.interrupt().expect("down");
    let error = admin
        .topics(Duration::from_secs(1))
        .await
        .expect_err("nobody answers");
    let text = error.to_string();
    assert!(
        text.contains(&broker.bootstrap()) && text.to_lowercase().contains("refused"),
        "{text}"
    );
}

//! Membership: positions, commits, rebalances, pausing, leaving.

use std::time::Duration;

use pelton_kafka::{
    Commit, Consumer, ConsumerEvent, ConsumerMemory, ConsumerSettings, Error, Start, Topics,
    TroubleClass,
};
use pelton_types::TopicPartition;

use crate::support::{Member, PATIENCE, broker, fill, map, producer, settings};

fn numbers(range: std::ops::Range<i32>) -> impl Iterator<Item = String> {
    range.map(|number| number.to_string())
}

#[tokio::test]
async fn a_restart_resumes_at_the_committed_offset() {
    let broker = broker(&[("t", 1)]);
    let producer = producer(&broker);
    fill(&producer, "t", 0, numbers(0..10)).await;
    let partition = TopicPartition::new("t", 0);

    let mut first = Member::start(settings(&broker, "t"));
    first.until_messages(10).await;
    let (epoch, _) = first.owned[&partition];
    first.consumer.commit(&partition, epoch, 3, String::new());
    first.consumer.commit(&partition, epoch, 7, String::new());
    first
        .until(|member, _| member.commits.iter().any(|(_, next, ok)| *ok && *next == 7))
        .await;
    // A process that dies answers nothing.
    drop(first);

    let mut second = Member::start(settings(&broker, "t"));
    second.until_messages(3).await;
    assert_eq!(second.messages[0].offset, 7);
    let (second_epoch, _) = second.owned[&partition];
    assert!(second_epoch > epoch, "epochs are never reused");
    let commits = second.close().await;
    assert_eq!(
        commits,
        [(partition, 10, true)],
        "closing commits what was finished"
    );
}

// The eager protocol is shown on a real broker only: the mock refuses the commits of a member that is
// about to join again, which Kafka takes.
#[tokio::test]
async fn a_second_member_takes_over_at_the_drained_offsets() {
    let broker = broker(&[("t", 2)]);
    let producer = producer(&broker);
    fill(&producer, "t", 0, numbers(0..5)).await;
    fill(&producer, "t", 1, numbers(5..10)).await;
    let mut first = Member::start(settings(&broker, "t"));
    first.until_messages(10).await;
    assert_eq!(first.owned.len(), 2);
    // A pause ends with the assignment it was asked for.
    for (partition, (epoch, _)) in first.owned.clone() {
        first.consumer.pause(&partition, epoch);
    }

    let mut second = Member::start(settings(&broker, "t"));
    tokio::join!(first.until_owned(1), second.until_owned(1));
    for (partition, (epoch, _)) in first.owned.clone() {
        first.consumer.resume(&partition, epoch);
    }
    fill(&producer, "t", 0, numbers(10..12)).await;
    fill(&producer, "t", 1, numbers(12..14)).await;
    tokio::join!(first.until_messages(12), second.until_messages(2));
    if first.commits.iter().any(|(_, _, committed)| !committed) {
        // The mock refuses a commit now and then while a rebalance goes on, and what was not committed is
        // repeated. The hand-over without repetition is shown on a real broker (tests/suites/subscribing.rs).
        return;
    }
    let mut last: Vec<String> = first.values().split_off(10);
    last.extend(second.values());
    last.sort();
    assert_eq!(last, ["10", "11", "12", "13"], "nothing is repeated");

    let (_, ()) = tokio::join!(second.close(), first.until_owned(2));
    fill(&producer, "t", 0, numbers(14..15)).await;
    fill(&producer, "t", 1, numbers(15..16)).await;
    first.until_messages(14).await;
    assert!(
        first.values()[12..]
            .iter()
            .all(|value| ["14", "15"].contains(&value.as_str()))
    );
    first.close().await;
}

#[tokio::test]
async fn words_reach_a_consumer_that_waits_for_messages() {
    let broker = broker(&[("t", 1)]);
    fill(&producer(&broker), "t", 0, numbers(0..10)).await;
    let partition = TopicPartition::new("t", 0);
    let mut member = Member::start(settings(&broker, "t"));
    member.until_messages(10).await;
    let (epoch, _) = member.owned[&partition];
    let mut at_once = 0;
    for next in 1..=10 {
        member
            .consumer
            .commit(&partition, epoch, next, String::new());
        let mut ticks = 0;
        member
            .until(|member, event| {
                ticks += usize::from(matches!(event, ConsumerEvent::Watermarks(_)));
                let mut commits = member.commits.iter();
                commits.any(|(_, committed, _)| *committed == next)
            })
            .await;
        at_once += usize::from(ticks == 0);
    }
    // Polling alone would end with the next tick.
    assert!(at_once > 5, "{at_once} of 10 before the next tick");
    member.close().await;
}

#[tokio::test]
async fn a_position_that_is_gone_is_told_and_can_be_left() {
    let broker = broker(&[("t", 1)]);
    fill(&producer(&broker), "t", 0, numbers(0..10)).await;
    let partition = TopicPartition::new("t", 0);
    let mut first = Member::start(settings(&broker, "t"));
    first.until_messages(10).await;
    let (epoch, _) = first.owned[&partition];
    first
        .consumer
        .commit(&partition, epoch, 1_000, String::new());
    first.until(|member, _| !member.commits.is_empty()).await;
    drop(first);
    let mut second = Member::start(settings(&broker, "t"));
    second
        .until(|_, event| {
            matches!(
                event,
                ConsumerEvent::OutOfRange {
                    wanted: 1_000,
                    range: Some((0, 10)),
                    ..
                }
            )
        })
        .await;
    let (epoch, position) = second
        .owned
        .get_mut(&partition)
        .expect("an owned partition");
    *position = 4;
    second.consumer.seek(&partition, *epoch, 4);
    second.until_messages(6).await;
    assert_eq!(second.messages[0].offset, 4);
    second.close().await;
}

#[tokio::test]
async fn a_drain_that_is_late_commits_only_what_was_asked_for() {
    let broker = broker(&[("t", 1)]);
    fill(&producer(&broker), "t", 0, numbers(0..10)).await;
    let partition = TopicPartition::new("t", 0);
    let drain_timeout = Duration::from_millis(200);
    let mut member = Member::start(ConsumerSettings {
        drain_timeout,
        ..settings(&broker, "t")
    });
    member.until_messages(10).await;
    let (epoch, _) = member.owned[&partition];
    member.consumer.stop();
    let mut late = None;
    let mut commits = Vec::new();
    while let Some(event) = member.events.recv().await {
        match event {
            ConsumerEvent::Revoked { done, .. } => {
                member.consumer.commit(&partition, epoch, 4, String::new());
                late = Some(done);
            }
            ConsumerEvent::Committed { next, result, .. } => commits.push((next, result)),
            _ => {}
        }
    }
    assert_eq!(commits, [(4, Ok(()))]);
    assert!(
        !late.expect("a revocation").finish(vec![Commit {
            partition,
            next: 10,
            metadata: String::new()
        }]),
        "too late is said to be too late"
    );
}

#[tokio::test]
async fn a_paused_partition_is_silent_and_loses_nothing() {
    let broker = broker(&[("t", 2)]);
    let producer = producer(&broker);
    fill(&producer, "t", 0, numbers(0..1)).await;
    let mut member = Member::start(settings(&broker, "t"));
    member.until_messages(1).await;
    let paused = TopicPartition::new("t", 0);
    let (epoch, _) = member.owned[&paused];
    member.consumer.pause(&paused, epoch);
    // The watermarks come from the same thread, after it has obeyed.
    member
        .until(|_, event| matches!(event, ConsumerEvent::Watermarks(_)))
        .await;
    fill(&producer, "t", 0, numbers(1..500)).await;
    fill(&producer, "t", 1, numbers(500..501)).await;
    member.until_messages(2).await;
    member
        .until(|_, event| matches!(event, ConsumerEvent::Watermarks(_)))
        .await;
    assert_eq!(member.values(), ["0", "500"]);
    member.consumer.resume(&paused, epoch);
    member.until_messages(501).await;
    assert!(
        member.values()[2..].iter().cloned().eq(numbers(1..500)),
        "in order, without a gap"
    );
    member.close().await;
}

#[tokio::test]
async fn words_of_a_past_epoch_are_dropped() {
    let broker = broker(&[("t", 1)]);
    fill(&producer(&broker), "t", 0, numbers(0..10)).await;
    let partition = TopicPartition::new("t", 0);
    let mut first = Member::start(settings(&broker, "t"));
    first.until_messages(10).await;
    let (past, _) = first.owned[&partition];
    first.close().await;
    let mut second = Member::start(settings(&broker, "t"));
    second.until_owned(1).await;
    second.consumer.commit(&partition, past, 2, String::new());
    second.consumer.pause(&partition, past);
    second
        .until(|_, event| matches!(event, ConsumerEvent::Watermarks(_)))
        .await;
    assert_eq!(second.close().await, [(partition, 10, true)]);
}

#[tokio::test]
async fn latest_begins_after_what_is_there_and_misses_nothing_after_that() {
    let broker = broker(&[("t", 3)]);
    let producer = producer(&broker);
    fill(&producer, "t", 0, numbers(0..10)).await;
    fill(&producer, "t", 1, numbers(0..4)).await;
    let settings = || ConsumerSettings {
        start: Start::Latest,
        ..settings(&broker, "t")
    };
    let mut first = Member::start(settings());
    first.until_owned(3).await;
    let starts: Vec<i64> = first.owned.values().map(|(_, start)| *start).collect();
    assert_eq!(starts, [10, 4, 0]);
    // It dies before it has committed any work; what arrives meanwhile must not be passed over.
    drop(first);
    fill(&producer, "t", 0, numbers(10..12)).await;
    let mut second = Member::start(settings());
    second.until_messages(2).await;
    assert_eq!(second.values(), ["10", "11"]);
    second.close().await;
}

#[tokio::test]
async fn start_error_ends_the_consumer_in_plain_words() {
    let broker = broker(&[("t", 1)]);
    let (_consumer, mut events) = Consumer::start(ConsumerSettings {
        start: Start::Error,
        ..settings(&broker, "t")
    })
    .expect("a consumer");
    let mut last = None;
    while let Some(event) = tokio::time::timeout(crate::support::PATIENCE, events.recv())
        .await
        .expect("an end")
    {
        last = Some(event);
    }
    let Some(ConsumerEvent::Fatal(error @ Error::NoCommittedOffset { .. })) = last else {
        panic!("{last:?}")
    };
    let text = error.to_string();
    assert!(
        text.contains("`test`") && text.contains("t/0") && text.contains("start"),
        "{text}"
    );
}

#[tokio::test]
async fn a_pattern_takes_matching_topics_but_never_an_excluded_one() {
    let broker = broker(&[
        ("orders.a", 1),
        ("orders.b", 1),
        ("orders.dlq", 1),
        ("other", 1),
    ]);
    let mut member = Member::start(ConsumerSettings {
        topics: Topics::Pattern("^orders\\..*".into()),
        exclude: vec!["orders.dlq".into()],
        ..settings(&broker, "")
    });
    member.until_owned(2).await;
    let topics: Vec<&str> = member
        .owned
        .keys()
        .map(|partition| &*partition.topic)
        .collect();
    assert_eq!(topics, ["orders.a", "orders.b"]);
    member.close().await;
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_waited_for() {
    let broker = broker(&[]);
    let mut settings = settings(&broker, "later");
    settings
        .properties
        .extend(map(&[("topic.metadata.refresh.interval.ms", "1000")]));
    let mut member = Member::start(ConsumerSettings {
        start: Start::Latest,
        ..settings
    });
    let missing = |event: &ConsumerEvent| match event {
        ConsumerEvent::Trouble {
            class: TroubleClass::UnknownTopic,
            text,
        } => text.contains("later"),
        _ => false,
    };
    member.until(|_, event| missing(event)).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    broker.create_topic("later", 1).expect("a topic");
    fill(&producer(&broker), "later", 0, numbers(0..3)).await;
    let mut recovered = false;
    member
        .until(|member, event| {
            recovered |= matches!(
                event,
                ConsumerEvent::Recovered {
                    class: TroubleClass::UnknownTopic
                }
            );
            recovered && member.messages.len() == 3
        })
        .await;
    member.close().await;
}

#[tokio::test]
async fn a_pattern_that_is_none_is_refused() {
    let broker = broker(&[]);
    let topics = Topics::Pattern("^orders(".into());
    let refused = Consumer::start(ConsumerSettings {
        topics,
        ..settings(&broker, "")
    });
    assert!(matches!(refused, Err(Error::Subscribe { .. })));
}

#[tokio::test]
async fn a_property_that_the_delivery_rules_rest_on_is_refused() {
    let broker = broker(&[]);
    let mut settings = settings(&broker, "t");
    settings
        .properties
        .extend(map(&[("enable.auto.commit", "true")]));
    assert!(matches!(
        Consumer::start(settings),
        Err(Error::OwnedProperty { .. })
    ));
}

#[tokio::test]
async fn what_a_consumer_would_be_refused_for_is_found_beforehand() {
    let broker = broker(&[("t", 1)]);
    let sound = settings(&broker, "t");
    let with = |more: &[(&str, &str)]| {
        let mut settings = sound.clone();
        settings.properties.extend(map(more));
        settings
    };
    let pattern = ConsumerSettings {
        topics: Topics::Pattern("^orders(".into()),
        ..sound.clone()
    };
    let checks = [
        sound.clone(),
        with(&[("fetch.wait.max.mss", "5")]),
        with(&[("security.protocol", "ssl"), ("ssl.ca.location", "/none")]),
        with(&[("enable.auto.commit", "true")]),
        pattern,
    ];
    let found = tokio::task::spawn_blocking(move || checks.map(|settings| settings.check()));
    let [fine, unknown, missing, owned, pattern] = found.await.expect("checked");
    fine.expect("fine");
    assert!(matches!(unknown, Err(Error::Property { name, .. }) if name == "fetch.wait.max.mss"));
    assert!(matches!(missing, Err(Error::Client { text }) if text.contains("ssl.ca.location")));
    assert!(matches!(owned, Err(Error::OwnedProperty { .. })));
    assert!(matches!(pattern, Err(Error::Subscribe { .. })));
}

#[tokio::test]
async fn no_more_is_handed_on_than_may_be_on_its_way() {
    let broker = broker(&[("t", 1)]);
    fill(&producer(&broker), "t", 0, numbers(0..600)).await;
    let (consumer, mut events) = Consumer::start(ConsumerSettings {
        memory: ConsumerMemory {
            handed_on: 1,
            ..ConsumerMemory::default()
        },
        ..settings(&broker, "t")
    })
    .expect("a consumer");
    let (mut on_their_way, mut received, mut ticks) = (Vec::new(), 0, 0);
    while received < 600 {
        let event = tokio::time::timeout(PATIENCE, events.recv()).await;
        match event.expect("an event in time").expect("a consumer") {
            ConsumerEvent::Messages {
                messages, transit, ..
            } => {
                assert!(
                    on_their_way.is_empty(),
                    "more came before they were taken in"
                );
                received += messages.len();
                on_their_way.push(transit);
                ticks = 0;
            }
            // Two of them: a whole second in which nothing else came.
            ConsumerEvent::Watermarks(_) => ticks += 1,
            _ => {}
        }
        if ticks == 2 {
            on_their_way.clear();
        }
    }
    on_their_way.clear();
    let rest = async { while events.recv().await.is_some() {} };
    tokio::join!(consumer.close(), rest);
}

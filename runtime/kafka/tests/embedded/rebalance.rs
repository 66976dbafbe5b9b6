//! What members hear when partitions move between them, and what they may still do.

use pelton_kafka::ConsumerEvent;
use pelton_types::TopicPartition;

use crate::support::{Member, broker, fill, producer, settings};

fn one(value: &str) -> [String; 1] {
    [value.to_owned()]
}

#[tokio::test]
async fn a_member_without_a_partition_waits_its_turn() {
    let broker = broker(&[("t", 1)]);
    let producer = producer(&broker);
    fill(&producer, "t", 0, one("a")).await;
    let mut first = Member::start(settings(&broker, "t"));
    first.until_messages(1).await;
    let mut second = Member::start(settings(&broker, "t"));
    tokio::select! {
        () = second.until(|member, _| member.empty_assignments > 0) => {}
        () = first.until(|member, _| member.owned.is_empty()) => panic!("the first member keeps its partition"),
    }
    assert!(second.owned.is_empty());
    fill(&producer, "t", 0, one("b")).await;
    first.until_messages(2).await;

    let (commits, ()) = tokio::join!(first.close(), second.until_owned(1));
    fill(&producer, "t", 0, one("c")).await;
    second
        .until(|member, _| member.values().contains(&"c".to_owned()))
        .await;
    // The mock refuses a commit now and then while a rebalance goes on.
    if commits.iter().all(|(_, _, committed)| *committed) {
        assert_eq!(second.values(), ["c"]);
    }
    second.close().await;
}

#[tokio::test]
async fn a_pause_ends_with_its_assignment_and_one_that_is_kept_stays() {
    let broker = broker(&[("t", 2)]);
    let producer = producer(&broker);
    let mut first = Member::start(settings(&broker, "t"));
    first.until_owned(2).await;
    let before = first.owned.clone();
    for (partition, (epoch, _)) in &before {
        first.consumer.pause(partition, *epoch);
    }
    let mut second = Member::start(settings(&broker, "t"));
    tokio::join!(first.until_owned(1), second.until_owned(1));
    tokio::join!(second.close(), first.until_owned(2));

    let anew = |partition: &TopicPartition| first.owned[partition].0 != before[partition].0;
    let (moved, kept): (Vec<_>, Vec<_>) = before.keys().cloned().partition(anew);
    let [(moved, kept)] = [(moved, kept)].map(|(moved, kept)| (moved[0].clone(), kept[0].clone()));
    fill(&producer, "t", kept.partition, one("kept")).await;
    fill(&producer, "t", moved.partition, one("moved")).await;
    first.until_messages(1).await;
    for _ in 0..2 {
        first
            .until(|_, event| matches!(event, ConsumerEvent::Watermarks(_)))
            .await;
    }
    assert_eq!(first.values(), ["moved"]);
    let (epoch, _) = first.owned[&kept];
    first.consumer.resume(&kept, epoch);
    first.until_messages(2).await;
    first.close().await;
}

#[tokio::test]
async fn what_is_lost_is_never_committed() {
    let broker = broker(&[("t", 1)]);
    fill(
        &producer(&broker),
        "t",
        0,
        (0..10).map(|number| number.to_string()),
    )
    .await;
    let partition = TopicPartition::new("t", 0);
    let mut member = Member::start(settings(&broker, "t"));
    member.until_messages(10).await;
    let (epoch, _) = member.owned[&partition];
    member
        .consumer
        .commit(&partition, epoch, 3, "before".to_owned());
    member.until(|member, _| !member.commits.is_empty()).await;

    // Longer than the session lasts: the group goes on without this member.
    broker.interrupt().expect("down");
    let lost = |event: &ConsumerEvent| matches!(event, ConsumerEvent::Lost { .. });
    member.until(|_, event| lost(event)).await;
    member
        .consumer
        .commit(&partition, epoch, 9, "too late".to_owned());
    broker.restore().expect("up");
    member.until_owned(1).await;
    let (anew, start) = member.owned[&partition];
    assert!(anew > epoch);
    assert_eq!(start, 3);
    assert_eq!(member.metadata[&partition], b"before");
    member
        .until(|_, event| matches!(event, ConsumerEvent::Watermarks(_)))
        .await;
    assert_eq!(
        member.commits,
        [(partition.clone(), 3, true)],
        "it wasn't even tried"
    );
    member.close().await;
}

#[tokio::test]
async fn words_of_the_former_epoch_do_not_reach_a_partition_that_came_back() {
    let broker = broker(&[("t", 2)]);
    let producer = producer(&broker);
    let mut first = Member::start(settings(&broker, "t"));
    first.until_owned(2).await;
    let before = first.owned.clone();
    let mut second = Member::start(settings(&broker, "t"));
    tokio::join!(first.until_owned(1), second.until_owned(1));
    tokio::join!(second.close(), first.until_owned(2));
    let anew = |partition: &&TopicPartition| first.owned[*partition].0 != before[*partition].0;
    let moved = before
        .keys()
        .find(anew)
        .expect("one that came back")
        .clone();
    let former = before[&moved].0;

    first.consumer.pause(&moved, former);
    first.consumer.seek(&moved, former, 1_000);
    first
        .consumer
        .commit(&moved, former, 1_000, "former".to_owned());
    fill(&producer, "t", moved.partition, one("read")).await;
    first.until_messages(1).await;
    assert_eq!(first.values(), ["read"]);
    let commits = first.close().await;
    assert!(commits.iter().all(|(_, next, _)| *next <= 1), "{commits:?}");
}

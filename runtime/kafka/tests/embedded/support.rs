//! What the tests share. Every wait is bounded.
#![expect(clippy::expect_used, reason = "a test that can't be set up fails")]

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use pelton_kafka::{
    Assignment, Commit, Consumer, ConsumerEvent, ConsumerMemory, ConsumerSettings, Delivery,
    EmbeddedBroker, Epoch, Mailbox, Outgoing, Producer, ProducerSettings, Protocol, Start, Topics,
};
use pelton_types::{Message, NO_HEADERS, Offset, TopicPartition};
use tokio::sync::mpsc::Receiver;

pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn broker(topics: &[(&str, i32)]) -> EmbeddedBroker {
    EmbeddedBroker::start(topics).expect("an embedded broker")
}

pub fn producer_with(broker: &EmbeddedBroker, properties: &[(&str, &str)]) -> Producer {
    Producer::start(ProducerSettings {
        bootstrap: broker.bootstrap(),
        client_id: "test".into(),
        queue_bytes: None,
        properties: map(properties),
    })
    .expect("a producer")
}

pub fn producer(broker: &EmbeddedBroker) -> Producer {
    producer_with(broker, &[])
}

pub fn settings(broker: &EmbeddedBroker, topic: &str) -> ConsumerSettings {
    ConsumerSettings {
        bootstrap: broker.bootstrap(),
        client_id: "test".into(),
        group: "test".into(),
        topics: Topics::List(vec![topic.into()]),
        retry: None,
        exclude: Vec::new(),
        start: Start::Earliest,
        protocol: Protocol::Cooperative,
        instance_id: None,
        drain_timeout: Duration::from_secs(5),
        memory: ConsumerMemory::default(),
        // The mock's later rebalances take the session's time-out less a second.
        properties: map(&[
            ("session.timeout.ms", "3000"),
            ("heartbeat.interval.ms", "300"),
        ]),
    }
}

pub fn map(properties: &[(&str, &str)]) -> BTreeMap<String, String> {
    properties
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

pub fn plain<'a>(topic: &'a str, key: Option<&'a [u8]>, value: &'a [u8]) -> Outgoing<'a> {
    Outgoing {
        topic,
        partition: None,
        timestamp: None,
        key,
        value: Some(value),
        headers: &NO_HEADERS,
    }
}

/// Sends messages with these values to one partition and waits until they are acknowledged.
pub async fn fill(
    producer: &Producer,
    topic: &str,
    partition: i32,
    values: impl IntoIterator<Item = String>,
) {
    let mailbox = Arc::new(Mailbox::default());
    let mut sent = 0;
    for value in values {
        let outgoing = Outgoing {
            partition: Some(partition),
            ..plain(topic, None, value.as_bytes())
        };
        producer.send(outgoing, &mailbox, sent).expect("taken");
        sent += 1;
    }
    assert!(
        deliveries(&mailbox, sent as usize)
            .await
            .iter()
            .all(|delivery| delivery.result.is_ok())
    );
}

pub async fn deliveries(mailbox: &Mailbox, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    while all.len() < count {
        let taken = tokio::time::timeout(PATIENCE, mailbox.take())
            .await
            .expect("delivery reports in time");
        all.extend(taken);
    }
    assert_eq!(all.len(), count, "one answer for each message");
    all
}

/// A consumer with its events, and what a daemon would know of it.
pub struct Member {
    pub consumer: Consumer,
    pub events: Receiver<ConsumerEvent>,
    pub owned: BTreeMap<TopicPartition, (Epoch, Offset)>,
    pub messages: Vec<Message>,
    pub commits: Vec<(TopicPartition, Offset, bool)>,
    /// The metadata each assignment came with.
    pub metadata: BTreeMap<TopicPartition, Vec<u8>>,
    /// How many assignments without a partition were told.
    pub empty_assignments: usize,
}

impl Member {
    pub fn start(settings: ConsumerSettings) -> Self {
        let (consumer, events) = Consumer::start(settings).expect("a consumer");
        Self {
            consumer,
            events,
            owned: BTreeMap::new(),
            messages: Vec::new(),
            commits: Vec::new(),
            metadata: BTreeMap::new(),
            empty_assignments: 0,
        }
    }

    /// Receives events and keeps what they say, until one is what is waited for.
    pub async fn until(&mut self, mut done: impl FnMut(&Self, &ConsumerEvent) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let next = tokio::time::timeout_at(deadline.into(), self.events.recv()).await;
            let event = next
                .expect("an event in time")
                .expect("a consumer that goes on");
            self.keep(&event);
            let done = done(self, &event);
            self.answer(event);
            if done {
                return;
            }
        }
    }

    fn keep(&mut self, event: &ConsumerEvent) {
        match event {
            ConsumerEvent::Assigned(assignments) => {
                self.empty_assignments += usize::from(assignments.is_empty());
                for Assignment {
                    partition,
                    epoch,
                    start,
                    metadata,
                } in assignments
                {
                    let before = self.owned.insert(partition.clone(), (*epoch, *start));
                    assert!(before.is_none(), "{partition} is assigned twice");
                    self.metadata.insert(partition.clone(), metadata.clone());
                }
            }
            ConsumerEvent::Messages {
                partition,
                epoch,
                messages,
                ..
            } => {
                let (owned, position) = self.owned.get_mut(partition).expect("an owned partition");
                assert_eq!(owned, epoch);
                for message in messages {
                    assert!(message.offset >= *position, "offsets rise");
                    *position = message.offset + 1;
                }
                self.messages.extend_from_slice(messages);
            }
            ConsumerEvent::Committed {
                partition,
                next,
                result,
                ..
            } => {
                self.commits
                    .push((partition.clone(), *next, result.is_ok()));
            }
            _ => {}
        }
    }

    /// Answers a revocation with the offset after the last message of each partition.
    fn answer(&mut self, event: ConsumerEvent) {
        match event {
            ConsumerEvent::Revoked {
                partitions, done, ..
            } => {
                let commits = partitions.into_iter().map(|(partition, epoch)| {
                    let (owned, position) =
                        self.owned.remove(&partition).expect("an owned partition");
                    assert_eq!(owned, epoch);
                    let metadata = format!("drained at {position}");
                    Commit {
                        partition,
                        next: position,
                        metadata,
                    }
                });
                assert!(done.finish(commits.collect()), "the answer is in time");
            }
            ConsumerEvent::Lost { partitions, .. } => {
                for (partition, _) in partitions {
                    self.owned.remove(&partition);
                }
            }
            _ => {}
        }
    }

    pub async fn until_messages(&mut self, count: usize) {
        self.until(|member, _| member.messages.len() >= count).await;
    }

    pub async fn until_owned(&mut self, count: usize) {
        self.until(|member, _| member.owned.len() == count).await;
    }

    /// Leaves the group as a daemon does, and says what was committed on the way.
    pub async fn close(mut self) -> Vec<(TopicPartition, Offset, bool)> {
        self.consumer.stop();
        let deadline = Instant::now() + PATIENCE;
        while let Some(event) = tokio::time::timeout_at(deadline.into(), self.events.recv())
            .await
            .expect("an end in time")
        {
            self.keep(&event);
            self.answer(event);
        }
        let stopped = tokio::time::timeout(PATIENCE, self.consumer.stopped()).await;
        stopped.expect("a consumer that stops");
        self.commits
    }

    pub fn values(&self) -> Vec<String> {
        let text = |message: &Message| {
            String::from_utf8_lossy(message.value.as_deref().unwrap_or_default()).into_owned()
        };
        self.messages.iter().map(text).collect()
    }
}

//! Reads topics outside every group, up to where they end, and a group's offsets: for people who look and repair.
//!
//! Everything here blocks: never on an async runtime.
//!
//! Invariant: it joins no group, and commits only what it is told to.

mod group;

use std::{
    collections::{BTreeMap, HashMap},
    ops::{ControlFlow, Range},
    sync::Arc,
    time::{Duration, Instant},
};

use pelton_types::{Message, Offset, TopicPartition};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::{
    Error,
    consumer::Round,
    native::{Client, Event, EventKind, List, Queue},
    properties,
    trouble::{self, plain},
};

/// How long one question to the brokers may take.
const ASK: Duration = Duration::from_secs(10);
/// How long nothing may come of a topic that holds more.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one look for events takes.
const TICK: Duration = Duration::from_millis(100);

/// Reads topics, and a group's offsets.
pub struct Reader {
    client: Arc<Client>,
    queue: Queue,
    bootstrap: String,
    group: String,
}

/// Partitions, each with its offsets from the first message to after the last one.
pub type Ranges = Vec<(TopicPartition, Range<Offset>)>;

impl Reader {
    /// A reader of the cluster at `bootstrap`, which can ask for and commit the offsets of this group.
    ///
    /// # Errors
    /// Properties librdkafka refuses, or that this room sets itself.
    pub fn start(
        bootstrap: &str,
        group: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let client = Client::consumer(properties::reader(bootstrap, group, properties)?)?;
        let queue = client.consumer_queue().ok_or_else(|| Error::Client {
            text: "it has no queue".to_owned(),
        })?;
        Ok(Self {
            client,
            queue,
            bootstrap: bootstrap.to_owned(),
            group: group.to_owned(),
        })
    }

    /// What each partition of a topic holds; `None` where there is no such topic.
    ///
    /// # Errors
    /// The brokers don't answer.
    pub fn ranges(&self, topic: &str) -> Result<Option<Ranges>, Error> {
        let topics = self.client.topics(ASK);
        let topics = topics.map_err(|code| self.silent(&code.to_string()))?;
        let Some(count) = topics.get(topic) else {
            return Ok(None);
        };
        let name: Arc<str> = topic.into();
        let range = |number| {
            let partition = TopicPartition::new(name.clone(), number);
            let range = self.client.query_range(&partition, ASK);
            let (low, high) = range.map_err(|code| self.silent(&format!("{partition}: {code}")))?;
            Ok((partition, low..high))
        };
        (0..*count).map(range).collect::<Result<_, _>>().map(Some)
    }

    /// The same, without what was written before this time, in milliseconds since 1970.
    ///
    /// # Errors
    /// The brokers don't answer.
    pub fn since(&self, ranges: Ranges, millis: i64) -> Result<Ranges, Error> {
        if ranges.is_empty() {
            return Ok(ranges);
        }
        let times = List::of_offsets(ranges.iter().map(|(partition, _)| (partition, millis)));
        let asked = self.client.offsets_at(&times, ASK);
        asked.map_err(|code| self.silent(&code.to_string()))?;
        if let Some(code) = times.iter().find_map(|entry| entry.error) {
            return Err(self.silent(&code.to_string()));
        }
        let found: Vec<Offset> = times.iter().map(|entry| entry.offset).collect();
        let cut = ranges.into_iter().zip(found);
        Ok(cut
            .map(|((partition, range), found)| {
                // Negative where everything is older.
                let first = if found < 0 { range.end } else { found };
                (partition, first.clamp(range.start, range.end)..range.end)
            })
            .collect())
    }

    /// Hands out what these ranges hold, each partition in order, until all is read or told to stop.
    ///
    /// # Errors
    /// A broker refuses, or nothing comes.
    pub fn read(
        &self,
        ranges: &[(TopicPartition, Range<Offset>)],
        mut each: impl FnMut(Message) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let filled = ranges.iter().filter(|(_, range)| !range.is_empty());
        let mut open: HashMap<&TopicPartition, Offset> = filled
            .clone()
            .map(|(partition, range)| (partition, range.end))
            .collect();
        let starts = List::of_offsets(filled.map(|(partition, range)| (partition, range.start)));
        let assigned = self.client.assign(Some(&starts));
        assigned.map_err(|text| self.unread(&text))?;
        let mut heard = Instant::now();
        let mut said = String::new();
        while !open.is_empty() {
            let mut round = Round::default();
            if let Some(event) = self.queue.poll(TICK) {
                match event.kind() {
                    EventKind::Fetch => {
                        heard = Instant::now();
                        take(&event, &mut round, &mut open);
                    }
                    EventKind::Error => match event.error() {
                        Some(Code::PartitionEOF) => end_met(&event, &mut open),
                        Some(code) if trouble::is_authorization(code) => {
                            return Err(self.unread(&event.reason()));
                        }
                        _ => said = event.reason().into_owned(),
                    },
                    EventKind::Log => event.log(),
                    EventKind::Delivery
                    | EventKind::Rebalance
                    | EventKind::OffsetCommit
                    | EventKind::Other => {}
                }
            }
            for (partition, messages) in round.take() {
                let end = ranges.iter().find(|(one, _)| *one == partition);
                let end = end.map_or(Offset::MAX, |(_, range)| range.end);
                let within = messages.into_iter().filter(|message| message.offset < end);
                for message in within {
                    if each(message).is_break() {
                        return self.give_up();
                    }
                }
                // What is done with messages takes its time, and is no silence of the brokers.
                heard = Instant::now();
            }
            if heard.elapsed() > PATIENCE {
                return Err(self.unread(&format!("nothing comes any more; {said}")));
            }
        }
        self.give_up()
    }

    fn give_up(&self) -> Result<(), Error> {
        self.client.assign(None).map_err(|text| self.unread(&text))
    }

    fn silent(&self, text: &str) -> Error {
        Error::Metadata {
            bootstrap: self.bootstrap.clone(),
            text: plain(text).to_owned(),
        }
    }

    fn unread(&self, text: &str) -> Error {
        Error::Read {
            bootstrap: self.bootstrap.clone(),
            text: text.to_owned(),
        }
    }
}

/// Takes a fetch in, and notes which partitions are read to their end with it.
fn take(event: &Event<'_>, round: &mut Round, open: &mut HashMap<&TopicPartition, Offset>) {
    for raw in event.messages() {
        round.push(&raw);
        let partition = TopicPartition::new(&*raw.topic(), raw.partition());
        reached(open, &partition, raw.offset() + 1);
    }
}

/// Notes the end of a partition: what is left before it are markers of transactions.
fn end_met(event: &Event<'_>, open: &mut HashMap<&TopicPartition, Offset>) {
    if let Some((topic, number, end)) = event.partition() {
        reached(open, &TopicPartition::new(topic, number), end);
    }
}

fn reached(open: &mut HashMap<&TopicPartition, Offset>, partition: &TopicPartition, at: Offset) {
    if open.get(partition).is_some_and(|end| at >= *end) {
        open.remove(partition);
    }
}

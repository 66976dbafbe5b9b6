//! The poll thread: one loop that obeys the handle, polls librdkafka and hands everything on.
//!
//! Invariants: only this thread polls the client and changes its assignment; transactions ask it who it is in its group,
//! from a thread of their own. It turns every few seconds, until it leaves: see
//! `turns`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use pelton_types::{Offset, TopicPartition};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{
    ConsumerEvent, ConsumerSettings, Epoch, Start, Topics,
    commands::{self, Shared, WantedCommit},
    commits::{ANSWER, SentCommit},
    convert::Round,
    transit::Way,
};
use crate::{
    Error, TroubleClass,
    native::{Client, Event, EventKind, List, Queue},
    properties,
    trouble::Troubles,
};

/// How many events may wait for the receiver.
const EVENTS: usize = 64;
/// How many messages, and how many bytes, are gathered before they are handed on.
const ROUND_MESSAGES: usize = 512;
const ROUND_BYTES: usize = 512 * 1024;
/// How often watermarks are told and brokers looked for.
pub(super) const TICK: Duration = Duration::from_secs(1);
/// How long a broker may take to answer when the thread looks whether it is back.
pub(super) const PROBE: Duration = Duration::from_millis(250);
/// How long leaving the group may take, beyond draining.
const LEAVE: Duration = Duration::from_secs(15);

/// Makes a consumer and starts its thread.
pub(super) fn start(
    settings: ConsumerSettings,
) -> Result<(Arc<Shared>, mpsc::Receiver<ConsumerEvent>), Error> {
    let client = Client::consumer(properties::consumer(&settings)?)?;
    let queue = || {
        client.consumer_queue().ok_or(Error::Client {
            text: "it has no event queue".to_owned(),
        })
    };
    let way = Way::new(settings.memory.handed_on);
    let shared = Arc::new(Shared::new(queue()?, way.clone()));
    subscribe(&client, &settings)?;
    let (sender, receiver) = mpsc::channel(EVENTS);
    let poll = Poll {
        queue: Arc::new(queue()?),
        troubles: Troubles::new(&settings.bootstrap),
        shared: shared.clone(),
        events: sender,
        way,
        settings,
        owned: HashMap::new(),
        placed: HashSet::new(),
        known_topics: None,
        expelled: false,
        round: Round::default(),
        commits: HashMap::new(),
        sent_commits: HashMap::new(),
        commit_number: 0,
        metadata_allowed: true,
        answers: Arc::new(client.new_queue().ok_or(Error::Client {
            text: "it makes no queue for answers".to_owned(),
        })?),
        returning: HashMap::new(),
        ticks: 0,
        over: None,
        client,
    };
    thread::Builder::new()
        .name("pelton-consumer".to_owned())
        .spawn(move || {
            let _end = EndOnDrop(poll.shared.clone());
            poll.run();
        })
        .map_err(Error::Thread)?;
    Ok((shared, receiver))
}

/// Joins the group for these topics, once there is a broker.
pub(crate) fn subscribe(client: &Client, settings: &ConsumerSettings) -> Result<(), Error> {
    let topics = subscription(&settings.topics, settings.retry.as_deref());
    client
        .subscribe(&List::of_topics(topics.iter().map(String::as_str)))
        .map_err(|code| Error::Subscribe {
            topics: topics.join(", "),
            text: code.to_string(),
        })
}

/// What is asked of librdkafka. A topic must be named, or matched, once.
fn subscription(topics: &Topics, retry: Option<&str>) -> Vec<String> {
    match (topics, retry) {
        (Topics::List(topics), retry) => {
            let besides = retry.filter(|retry| !topics.iter().any(|topic| topic == retry));
            let besides = besides.map(str::to_owned);
            topics.iter().cloned().chain(besides).collect()
        }
        (Topics::Pattern(pattern), None) => vec![pattern.clone()],
        // A topic's name holds no special character but the dot.
        (Topics::Pattern(pattern), Some(retry)) => {
            vec![format!("{pattern}|^{}$", retry.replace('.', "[.]"))]
        }
    }
}

/// Says that the consumer is over however its thread ends, so that nobody waits for it in vain.
struct EndOnDrop(Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.turns.end();
        drop(self.0.give_up_queue());
        self.0.end();
    }
}

/// Everything the poll thread knows.
pub(super) struct Poll {
    pub(super) settings: ConsumerSettings,
    pub(super) shared: Arc<Shared>,
    events: mpsc::Sender<ConsumerEvent>,
    way: Arc<Way>,
    /// What this member works on.
    pub(super) owned: HashMap<TopicPartition, Owned>,
    /// What librdkafka has been assigned: `owned`, and what could not be begun and is given up soon.
    pub(super) placed: HashSet<TopicPartition>,
    /// The topics that were there when the group began; read where `start` makes a difference.
    pub(super) known_topics: Option<HashSet<String>>,
    /// Whether the group goes on without this member, because polling stood still: until the next assignment.
    pub(super) expelled: bool,
    pub(super) round: Round,
    pub(super) troubles: Troubles,
    /// Commits to be sent.
    pub(super) commits: HashMap<TopicPartition, WantedCommit>,
    /// Commits not answered yet, by their number.
    pub(super) sent_commits: HashMap<usize, SentCommit>,
    pub(super) commit_number: usize,
    /// The broker takes metadata as long as ours, as far as is known.
    pub(super) metadata_allowed: bool,
    /// Where the answers to commits arrive that were made while messages flow.
    pub(super) answers: Arc<Queue>,
    /// Where to go on at the next tick: positions that a broker called out of range though they are there,
    /// as one does whose log is not yet what it was before it failed.
    pub(super) returning: HashMap<TopicPartition, (Epoch, Offset)>,
    /// Ticks so far.
    pub(super) ticks: u32,
    /// Why the consumer must end.
    pub(super) over: Option<Error>,
    pub(super) queue: Arc<Queue>,
    pub(super) client: Arc<Client>,
}

/// A partition this member works on.
pub(super) struct Owned {
    pub(super) epoch: Epoch,
    /// Where it was begun, or moved to.
    pub(super) start: Offset,
    pub(super) paused: bool,
    /// The end of the partition that was last met.
    pub(super) read_to: Option<Offset>,
    /// Where it ended when that was last asked for.
    pub(super) high: Option<Offset>,
}

impl Owned {
    pub(super) fn new(epoch: Epoch, start: Offset) -> Self {
        Self {
            epoch,
            start,
            paused: false,
            read_to: None,
            high: None,
        }
    }
}

impl Poll {
    fn run(mut self) {
        let mut ticked = Instant::now();
        while self.over.is_none() && !self.shared.is_stopping() {
            self.shared.turns.turn();
            let room = self.way.wait(TICK);
            // After the wait, so that a pause that was left meanwhile keeps the next round from coming.
            self.obey();
            self.take_answers();
            if room {
                self.poll();
            }
            if ticked.elapsed() >= TICK {
                self.tick();
                ticked = Instant::now();
            }
        }
        self.leave();
    }

    /// Polls until nothing is there, or enough was gathered, and hands it on.
    fn poll(&mut self) {
        let queue = self.queue.clone();
        let most_bytes =
            ROUND_BYTES.min(usize::try_from(self.way.most_of_each()).unwrap_or(ROUND_BYTES));
        let mut wait = match self.sent_commits.is_empty() {
            true => TICK,
            false => ANSWER,
        };
        while let Some(event) = queue.poll(wait) {
            wait = Duration::ZERO;
            self.take(&event);
            let full = self.round.messages() >= ROUND_MESSAGES || self.round.bytes() >= most_bytes;
            if full || self.over.is_some() {
                break;
            }
        }
        self.hand_on();
    }

    fn take(&mut self, event: &Event<'_>) {
        match event.kind() {
            EventKind::Fetch => {
                for message in event.messages() {
                    match message.error() {
                        None => self.round.push(&message),
                        Some(code) => self.trouble(code, &message.fetch_reason()),
                    }
                }
            }
            EventKind::Rebalance => {
                self.hand_on();
                self.rebalance(event);
            }
            EventKind::Error => self.error(event),
            EventKind::Log => event.log(),
            EventKind::OffsetCommit | EventKind::Delivery | EventKind::Other => {}
        }
    }

    /// Hands on what was fetched, less what isn't owned.
    pub(super) fn hand_on(&mut self) {
        if self.round.messages() == 0 {
            return;
        }
        let recovered = self.troubles.consuming();
        self.recovered(recovered);
        for (partition, messages) in self.round.take() {
            if let Some(owned) = self.owned.get(&partition) {
                let epoch = owned.epoch;
                let bytes = messages.iter().map(|message| message.weight() as u64).sum();
                let transit = self.way.enter(&partition, bytes);
                self.emit(ConsumerEvent::Messages {
                    partition,
                    epoch,
                    messages,
                    transit,
                });
            }
        }
    }

    /// Tells the receiver. One that is gone ends the consumer; one that takes nothing is waited for, as long as the last
    /// transactions of lost partitions may take while brokers are away.
    pub(super) fn emit(&self, event: ConsumerEvent) {
        let told = match self.events.try_send(event) {
            Err(TrySendError::Full(event)) => {
                let sending = self.events.send(event);
                self.shared.turns.wait_for(sending).is_ok()
            }
            told => told.is_ok(),
        };
        if !told {
            self.shared.stop();
        }
    }

    /// Does what the handle left word of.
    fn obey(&mut self) {
        let commands = self.shared.take();
        if !commands.is_empty() {
            for (partition, (epoch, offset)) in commands.seeks {
                if self.owns(&partition, epoch) {
                    self.seek(partition, offset);
                }
            }
            self.pause_and_resume(commands.pauses);
            for (partition, wanted) in commands.commits {
                commands::merge(&mut self.commits, &partition, wanted);
            }
        }
        self.send_commits();
    }

    pub(super) fn owns(&self, partition: &TopicPartition, epoch: Epoch) -> bool {
        self.owned
            .get(partition)
            .is_some_and(|owned| owned.epoch == epoch)
    }

    /// What is done about once a second.
    fn tick(&mut self) {
        let ends = self.ends();
        self.emit(ConsumerEvent::Watermarks(ends));
        let report = self.troubles.unreachable(Instant::now());
        self.report(report);
        let recovered = self.troubles.calm(Instant::now());
        self.recovered(recovered);
        for (partition, (epoch, offset)) in std::mem::take(&mut self.returning) {
            if self.owns(&partition, epoch) {
                self.seek(partition, offset);
            }
        }
        if self.troubles.is_disconnected() && self.client.is_reachable(PROBE) {
            let recovered = self.troubles.connected();
            self.recovered(recovered);
        }
        if self.troubles.has(TroubleClass::UnknownTopic) {
            self.look_for_topics();
        }
        if self.settings.start != Start::Earliest && self.known_topics.is_none() {
            self.known_topics = self
                .client
                .topics(PROBE)
                .ok()
                .map(|topics| topics.into_keys().collect());
        }
        self.forget_commits();
    }

    /// Leaves the group and destroys the client.
    fn leave(mut self) {
        // That takes as long as the drain and the brokers take.
        self.shared.turns.end();
        let queue = self.queue.clone();
        let deadline = Instant::now() + self.settings.drain_timeout + LEAVE;
        match queue.close_consumer() {
            Ok(()) => {
                while !queue.is_closed() && Instant::now() < deadline {
                    if let Some(event) = queue.poll(Duration::from_millis(100)) {
                        self.take(&event);
                    }
                }
            }
            Err(text) => tracing::warn!(error = text, "librdkafka can't leave the group in order"),
        }
        self.lose_everything();
        if let Some(error) = self.over.take() {
            self.emit(ConsumerEvent::Fatal(error));
        }
        let shared = self.shared.clone();
        drop((shared.give_up_queue(), queue, self));
        shared.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_named_or_matched_once() {
        let list = Topics::List(vec!["orders".into(), "h.retry".into()]);
        assert_eq!(subscription(&list, Some("h.retry")), ["orders", "h.retry"]);
        assert_eq!(subscription(&list, Some("x")), ["orders", "h.retry", "x"]);
        let pattern = Topics::Pattern("^orders.*".into());
        assert_eq!(subscription(&pattern, None), ["^orders.*"]);
        assert_eq!(
            subscription(&pattern, Some("orders.retry")),
            ["^orders.*|^orders[.]retry$"]
        );
    }
}

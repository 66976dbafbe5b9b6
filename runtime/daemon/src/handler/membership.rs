//! One life of a handler as a member of its group: it joins, does what happens, and leaves.
//!
//! Invariant: what the member writes with is closed after the last of its partitions was given up.

mod events;

use pelton_config::Guarantee;
use pelton_kafka::{Consumer, ConsumerEvent, Error, Producer, ProducerHealth, Turns};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tracing::{error, info, warn};

use super::{
    Broken, Ending, Handler, Transactions, Trouble, Undone, members::Members, retry::Retry,
    settings,
};
use crate::{dead_letter, status::Standing};

/// What a member writes with.
pub(super) enum Writer {
    Plain(Producer),
    Transactional(Transactions),
}

pub(super) struct Membership<'h> {
    handler: &'h Handler,
    consumer: Consumer,
    events: mpsc::Receiver<ConsumerEvent>,
    members: Members,
    /// `None` where there are transactions, whose producers come and go.
    producer: Option<Producer>,
    health: Option<watch::Receiver<ProducerHealth>>,
    trouble: Trouble,
    retry: Retry,
    /// The bytes that each partition may hold.
    share: watch::Receiver<u32>,
    paused: watch::Receiver<bool>,
    /// What drives the transactions, where there are any.
    driver: JoinSet<()>,
    /// How it ends, once that is decided: the consumer leaves the group then, which takes its time.
    ending: Option<Ending>,
}

/// What wakes a member.
enum Happened {
    Event(ConsumerEvent),
    Health(ProducerHealth),
    /// The bytes that each partition may hold are others.
    Share(u32),
    /// An operator pauses it, or lets it go on.
    Pause(bool),
    /// The topic of its redrives came or went.
    Retry(String),
    Broken(Broken),
    Stop,
}

impl<'h> Membership<'h> {
    /// From joining to leaving: how it ended, and what it left undone.
    pub(super) async fn live(handler: &'h Handler, largest_batch: Option<u32>) -> (Ending, Undone) {
        let mut membership = match Self::join(handler, largest_batch).await {
            Ok(membership) => membership,
            Err(error) => {
                return (
                    without_client(&handler.shared.name, &error),
                    Undone::default(),
                );
            }
        };
        while let Some(happened) = membership.happens().await {
            membership.take(happened).await;
        }
        membership.leave().await
    }

    async fn join(handler: &'h Handler, largest_batch: Option<u32>) -> Result<Self, Error> {
        let (config, connection, shared) = (&handler.config, &handler.connection, &handler.shared);
        let retry = Retry::of(config, connection).await;
        let settings = settings::consumer(config, connection, shared.share, retry.subscribed());
        let (consumer, events) = Consumer::start(settings)?;
        shared.joins_as(&consumer);
        watch(handler, "pelton-consumer", consumer.turns());
        let trouble = Trouble::default();
        let mut driver = JoinSet::new();
        let writer = match writer(handler, &consumer, &trouble, largest_batch, &mut driver) {
            Ok(writer) => writer,
            Err(error) => {
                consumer.close().await;
                return Err(error);
            }
        };
        let producer = match &writer {
            Writer::Plain(producer) => Some(producer.clone()),
            Writer::Transactional(_) => None,
        };
        info!(handler = %shared.name, group = %shared.group, "joining the group");
        handler.stand(Standing::Waiting(format!(
            "joining the group {}",
            shared.group
        )));
        handler.status.forget_troubles(&shared.name);
        let properties = connection.properties.overlaid(&config.producer_properties);
        let largest_message = settings::largest_message(&properties);
        let largest_message = largest_message.and_then(|bytes| usize::try_from(bytes).ok());
        let letter_bytes = dead_letter::largest(largest_batch, largest_message);
        let members = Members::new(
            handler,
            consumer.clone(),
            writer,
            trouble.clone(),
            letter_bytes,
        );
        let paused = shared.paused.clone();
        shared.metrics.paused(*paused.borrow());
        Ok(Self {
            handler,
            consumer,
            events,
            members,
            health: producer.as_ref().map(Producer::health),
            producer,
            trouble,
            retry,
            share: shared.budget.of_partition(),
            paused,
            driver,
            ending: None,
        })
    }

    /// Waits for what happens next; `None` once the consumer has ended.
    async fn happens(&mut self) -> Option<Happened> {
        let goes_on = self.ending.is_none();
        loop {
            return Some(tokio::select! {
                event = self.events.recv() => Happened::Event(event?),
                () = self.handler.stop.cancelled(), if goes_on => Happened::Stop,
                broken = self.trouble.happened(), if goes_on => Happened::Broken(broken),
                health = changed(self.health.as_mut()), if goes_on => match health {
                    Some(health) => Happened::Health(health),
                    None => Happened::Broken(Broken::Producer("its thread died".to_owned())),
                },
                change = self.retry.changes(), if goes_on => Happened::Retry(change),
                Ok(()) = self.paused.changed() => Happened::Pause(*self.paused.borrow_and_update()),
                Ok(()) = self.share.changed() => Happened::Share(*self.share.borrow_and_update()),
                () = self.members.ended_by_themselves() => continue,
            });
        }
    }

    async fn take(&mut self, happened: Happened) {
        let name = &self.handler.shared.name;
        match happened {
            Happened::Event(ConsumerEvent::Fatal(error)) if error.passes() => {
                warn!(handler = %name, "{error}");
                self.ending
                    .get_or_insert_with(|| Ending::Again(error.to_string()));
            }
            Happened::Event(ConsumerEvent::Fatal(error)) => {
                self.ending = Some(Ending::Failed(error.to_string()));
            }
            Happened::Event(event) => self.event(event).await,
            Happened::Share(bytes) => self.members.share(bytes).await,
            Happened::Pause(pause) => self.members.pause(pause).await,
            Happened::Health(health) => self.producer_health(health),
            Happened::Retry(why) => {
                info!(handler = %name, "{why}");
                self.end(Ending::Again(why));
            }
            Happened::Stop => {
                self.members.begin_stop();
                self.end(Ending::Stopped);
            }
            Happened::Broken(what) => self.end(self.broken(what)),
        }
    }

    /// Leaves the group, and ends so.
    fn end(&mut self, ending: Ending) {
        self.ending = Some(ending);
        self.consumer.stop();
    }

    async fn leave(mut self) -> (Ending, Undone) {
        self.consumer.stopped().await;
        let undone = self.members.finish().await;
        if let Some(producer) = self.producer {
            producer.close().await;
        }
        // It ends with the last who could leave word for it, and those are gone.
        self.driver.join_next().await;
        let by_itself = || Ending::Again("the consumer ended".to_owned());
        (self.ending.unwrap_or_else(by_itself), undone)
    }

    /// How the membership ends after something that it can't go on with.
    fn broken(&self, what: Broken) -> Ending {
        let why = what.to_string();
        match what {
            Broken::Producer(_) | Broken::Task | Broken::Stale => {
                error!(handler = %self.handler.shared.name, %why,
                    "leaving the group to begin anew; nothing unacknowledged is committed");
                Ending::Again(why)
            }
            Broken::Refused(_) => Ending::Failed(why),
        }
    }
}

/// How a life ends that got no client: what librdkafka refuses it refuses again, what the system can't spare it may
/// have in a while.
fn without_client(handler: &str, error: &Error) -> Ending {
    let why = error.to_string();
    match error.passes() {
        true => {
            warn!(handler, %why, "the group can't be joined yet");
            Ending::Again(why)
        }
        false => Ending::Failed(why),
    }
}

/// What outputs are written with.
fn writer(
    handler: &Handler,
    consumer: &Consumer,
    trouble: &Trouble,
    largest_batch: Option<u32>,
    driver: &mut JoinSet<()>,
) -> Result<Writer, Error> {
    let share = handler.shared.share;
    let (config, connection) = (&handler.config, &handler.connection);
    match config.guarantee {
        Guarantee::AtLeastOnce => {
            let settings = settings::producer(config, connection, share, largest_batch);
            let producer = Producer::start(settings)?;
            watch(handler, "pelton-producer", producer.turns());
            Ok(Writer::Plain(producer))
        }
        Guarantee::ExactlyOnce => {
            let process = &handler.process;
            let settings =
                settings::transactions(config, connection, share, largest_batch, process);
            let (consumer, trouble) = (consumer.clone(), trouble.clone());
            Transactions::start(handler, settings, consumer, trouble, driver)
                .map(Writer::Transactional)
        }
    }
}

fn watch(handler: &Handler, thread: &str, turns: Turns) {
    let name = &handler.shared.name;
    handler.liveness.watch_client(thread, name, turns);
}

/// How the producer is, once that changes; `None` when its thread is gone. Never where there is no such producer.
async fn changed(health: Option<&mut watch::Receiver<ProducerHealth>>) -> Option<ProducerHealth> {
    let Some(health) = health else {
        return std::future::pending().await;
    };
    health.changed().await.ok()?;
    Some(health.borrow_and_update().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_can_t_spare_now_is_asked_for_again_and_what_is_refused_is_not() {
        let again = |error| matches!(without_client("h", &error), Ending::Again(_));
        let text = String::new;
        assert!(again(Error::Thread(std::io::ErrorKind::WouldBlock.into())));
        assert!(again(Error::Resources { text: text() }));
        assert!(!again(Error::Client { text: text() }));
        let name = "linger.ms".to_owned();
        assert!(!again(Error::Property { name, text: text() }));
    }
}

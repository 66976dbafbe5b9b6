//! One handler: its membership of a group, and the partitions it has.
//!
//! [`Handler::run`] waits until there is a component and a broker with the topics it writes to, joins the
//! group, and keeps a task for each assigned partition. When the producer breaks for good it begins anew.
//!
//! Invariant: a revocation is acknowledged only after the tasks of the revoked partitions have ended.

mod check;
mod holdings;
mod members;
mod retry;
mod shared;
mod topics;
mod transactions;
mod watchdog;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use pelton_config::{GroupProtocol, Guarantee, Properties};
use pelton_kafka::{
    Consumer, ConsumerEvent, Producer, ProducerHealth, TopicNames, TroubleClass, Turns,
};
use pelton_types::{Offset, TopicPartition};
use tokio::{runtime::Handle, sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use self::check::check_clients;
use self::{members::Members, retry::Retry};
pub(crate) use self::{
    shared::{Broken, Shared, Trouble},
    transactions::{Seat, Transactions},
};
use crate::{
    dead_letter,
    flood::Kind,
    in_use::InUse,
    liveness::Liveness,
    metrics::Count,
    status::{Aspect, Standing, Status},
};

/// How long to wait before beginning anew; doubled each time, for every new beginning is a rebalance of the group.
const BEGIN_AGAIN: Duration = Duration::from_secs(1);
/// The longest such wait.
const BEGIN_AGAIN_AT_MOST: Duration = Duration::from_secs(60);

/// What a handler is run with.
pub(crate) struct Handler {
    pub config: pelton_config::Handler,
    pub connection: Connection,
    pub shared: Arc<Shared>,
    pub revision: watch::Receiver<Option<InUse>>,
    pub status: Status,
    pub liveness: Liveness,
    /// Names this life of the process among all others.
    pub process: Arc<str>,
    /// The threads that guests run on.
    pub guests: Handle,
    pub stop: CancellationToken,
}

/// How the handler's cluster is reached.
#[derive(Clone)]
pub(crate) struct Connection {
    pub bootstrap: String,
    /// Which topics there are.
    pub topics: watch::Receiver<TopicNames>,
    pub embedded: bool,
    pub properties: Properties,
}

impl Connection {
    /// The cluster's properties with a client's own laid over them.
    fn with(&self, own: &Properties) -> BTreeMap<String, String> {
        self.properties
            .iter()
            .chain(own.iter())
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    }
}

/// How a handler ended.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Messages begun but not finished when the last partitions were given up.
    pub unfinished: u32,
    /// Why it ended by itself, if it did.
    pub failed: Option<String>,
}

/// What a member writes with.
enum Writer {
    Plain(Producer),
    Transactional(Transactions),
}

enum Ending {
    Stopped {
        unfinished: u32,
    },
    /// It begins anew after this.
    Again {
        why: String,
        unfinished: u32,
    },
    Failed(String),
}

impl Ending {
    fn again(why: String) -> Self {
        Self::Again { why, unfinished: 0 }
    }
}

impl Handler {
    /// Runs until stopped, or until something that can't mend itself.
    pub(crate) async fn run(mut self) -> Left {
        let mut wait = BEGIN_AGAIN;
        // What the life before left unfinished, until another has taken it up.
        let mut left_over = 0;
        loop {
            let mut began = Instant::now();
            let ending = match self
                .stop
                .clone()
                .run_until_cancelled(self.get_ready())
                .await
            {
                None => Ending::Stopped {
                    unfinished: left_over,
                },
                Some(largest_batch) => {
                    began = Instant::now();
                    self.membership(largest_batch).await
                }
            };
            match ending {
                Ending::Stopped { unfinished } => {
                    return Left {
                        unfinished,
                        ..Left::default()
                    };
                }
                Ending::Failed(why) => {
                    return Left {
                        failed: Some(why),
                        ..Left::default()
                    };
                }
                Ending::Again { why, unfinished } => {
                    left_over = unfinished;
                    // What has worked for a while is not what failed before.
                    if began.elapsed() >= BEGIN_AGAIN_AT_MOST {
                        wait = BEGIN_AGAIN;
                    }
                    self.stand(Standing::Waiting(format!("begins anew in {wait:?}: {why}")));
                    self.stop
                        .clone()
                        .run_until_cancelled(tokio::time::sleep(wait))
                        .await;
                    wait = BEGIN_AGAIN_AT_MOST.min(wait * 2);
                }
            }
        }
    }

    fn stand(&self, standing: Standing) {
        self.status.set(&self.shared.name, Aspect::Life, standing);
    }

    /// Waits for a component, then for the broker and the topics it writes to. Returns the largest batch these take.
    async fn get_ready(&mut self) -> Option<u32> {
        if self.revision.borrow().is_none() {
            self.stand(Standing::Waiting(format!(
                "no component that can run in {}",
                self.config.component.path.display()
            )));
            // An error means that the watcher of the component is gone, which happens only when the daemon stops.
            if self.revision.wait_for(Option::is_some).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        topics::wait_for_written(self).await
    }

    /// One life as a member of the group.
    async fn membership(&mut self, largest_batch: Option<u32>) -> Ending {
        let (config, connection, share) = (&self.config, &self.connection, self.shared.share);
        let mut retry = Retry::of(config, connection).await;
        let settings = shared::consumer_settings(config, connection, share, retry.subscribed());
        let consumer = Consumer::start(settings);
        let (consumer, mut events) = match consumer {
            Ok(consumer) => consumer,
            Err(error) => return Ending::Failed(error.to_string()),
        };
        self.shared.joins_as(&consumer);
        self.watch("pelton-consumer", consumer.turns());
        let trouble = Trouble::default();
        // Of what drives the transactions, where there are any.
        let mut tasks = JoinSet::new();
        let writer = match self.writer(&consumer, &trouble, largest_batch, &mut tasks) {
            Ok(writer) => writer,
            Err(why) => {
                consumer.close().await;
                return Ending::Failed(why);
            }
        };
        let producer = match &writer {
            Writer::Plain(producer) => Some(producer.clone()),
            Writer::Transactional(_) => None,
        };
        info!(handler = %self.shared.name, group = %self.shared.group, "joining the group");
        let joining = format!("joining the group {}", self.shared.group);
        self.stand(Standing::Waiting(joining));
        self.status.forget_troubles(&self.shared.name);
        let mut members = Members::new(
            self,
            consumer.clone(),
            writer,
            trouble.clone(),
            dead_letter::largest(largest_batch),
        );
        let mut health = producer.as_ref().map(Producer::health);
        let mut share = self.shared.budget.of_partition();
        let mut paused = self.shared.paused.clone();
        self.shared.metrics.paused(*paused.borrow());
        let mut ending = None;
        loop {
            let happened = tokio::select! {
                event = events.recv() => match event {
                    Some(event) => Happened::Event(event),
                    None => break,
                },
                () = self.stop.cancelled(), if ending.is_none() => Happened::Stop,
                broken = trouble.happened(), if ending.is_none() => Happened::Broken(broken),
                health = changed(health.as_mut()), if ending.is_none() => match health {
                    Some(health) => Happened::Health(health),
                    None => Happened::Broken(Broken::Producer("its thread died".to_owned())),
                },
                change = retry.changes(), if ending.is_none() => Happened::Retry(change),
                Ok(()) = paused.changed() => Happened::Pause(*paused.borrow_and_update()),
                Ok(()) = share.changed() => Happened::Share(*share.borrow_and_update()),
                () = members.ended_by_themselves() => continue,
            };
            match happened {
                Happened::Event(ConsumerEvent::Fatal(error)) if error.passes() => {
                    warn!(handler = %self.shared.name, "{error}");
                    ending.get_or_insert(Ending::again(error.to_string()));
                }
                Happened::Event(ConsumerEvent::Fatal(error)) => {
                    ending = Some(Ending::Failed(error.to_string()))
                }
                Happened::Event(event) => self.event(&mut members, event).await,
                Happened::Share(bytes) => members.share(bytes).await,
                Happened::Pause(pause) => members.pause(pause).await,
                Happened::Retry(why) => {
                    info!(handler = %self.shared.name, "{why}");
                    ending = Some(Ending::again(why));
                    consumer.stop();
                }
                Happened::Health(health) => self.producer_health(health, &trouble),
                Happened::Stop => {
                    ending = Some(Ending::Stopped { unfinished: 0 });
                    members.begin_stop();
                    consumer.stop();
                }
                Happened::Broken(what) => {
                    ending = Some(self.broken(what));
                    consumer.stop();
                }
            }
        }
        consumer.stopped().await;
        let unfinished = members.finish().await;
        if let Some(producer) = producer {
            producer.close().await;
        }
        // It ends with the last who could leave word for it, and those are gone.
        tasks.join_next().await;
        match ending.unwrap_or_else(|| Ending::again("the consumer ended".to_owned())) {
            Ending::Stopped { .. } => Ending::Stopped { unfinished },
            Ending::Again { why, .. } => Ending::Again { why, unfinished },
            Ending::Failed(why) => Ending::Failed(why),
        }
    }

    fn watch(&self, thread: &str, turns: Turns) {
        self.liveness.watch_client(thread, &self.shared.name, turns);
    }

    /// What outputs are written with.
    fn writer(
        &self,
        consumer: &Consumer,
        trouble: &Trouble,
        largest_batch: Option<u32>,
        tasks: &mut JoinSet<()>,
    ) -> Result<Writer, String> {
        let share = self.shared.share;
        let (config, connection) = (&self.config, &self.connection);
        match config.guarantee {
            Guarantee::AtLeastOnce => {
                let settings = shared::producer_settings(config, connection, share, largest_batch);
                let producer = Producer::start(settings).map_err(|error| error.to_string())?;
                self.watch("pelton-producer", producer.turns());
                Ok(Writer::Plain(producer))
            }
            Guarantee::ExactlyOnce => {
                let process = &self.process;
                let settings =
                    transactions::settings(config, connection, share, largest_batch, process);
                let (consumer, trouble) = (consumer.clone(), trouble.clone());
                Transactions::start(self, settings, consumer, trouble, tasks)
                    .map(Writer::Transactional)
            }
        }
    }

    /// How the membership ends after something that it can't go on with.
    fn broken(&self, what: Broken) -> Ending {
        let why = what.to_string();
        match what {
            Broken::Producer(_) | Broken::Task | Broken::Stale => {
                error!(handler = %self.shared.name, %why,
                    "leaving the group to begin anew; nothing unacknowledged is committed");
                Ending::again(why)
            }
            Broken::Refused(_) => Ending::Failed(why),
        }
    }

    async fn event(&self, members: &mut Members, event: ConsumerEvent) {
        let name = &self.shared.name;
        match event {
            ConsumerEvent::Assigned(assignments) => {
                // Also where it gets none: it stands by for members that leave.
                self.stand(Standing::Running);
                self.status.clear(name, Aspect::Overtaken);
                members.assign(assignments);
            }
            ConsumerEvent::Revoked {
                partitions,
                deadline,
                done,
            } => {
                let finals = members.revoke(partitions, deadline).await;
                if !done.finish(finals) {
                    members.left_uncommitted();
                    warn!(handler = %name, "partitions were given up before their work had ended: what was in flight is repeated by their next owner");
                }
            }
            ConsumerEvent::Lost { partitions, done } => {
                members.lose(partitions).await;
                done.finish(Vec::new());
            }
            ConsumerEvent::Messages {
                partition,
                epoch,
                messages,
                transit,
            } => members.messages(&partition, epoch, messages, transit).await,
            ConsumerEvent::Committed {
                partition,
                epoch,
                next,
                result,
            } => {
                if let Err(error) = &result {
                    self.shared.metrics.count(Count::CommitFailures);
                    let now = self.shared.clock.now();
                    if members.owns(&partition, epoch) {
                        if self.shared.floods.admit(Kind::Uncommitted, now) {
                            warn!(handler = %name, %partition, next, %error, "commit failed; it is tried again while the partition is ours");
                        }
                    } else {
                        members.left_uncommitted();
                        warn!(handler = %name, %partition, next, %error, "the last commit failed; what was finished since the one before is repeated by the next owner");
                    }
                }
                members
                    .committed(&partition, epoch, next, result.is_ok())
                    .await;
            }
            ConsumerEvent::Watermarks(ends) => {
                members.report(&ends);
                if self.config.group_protocol == GroupProtocol::Consumer && members.stands_by() {
                    self.stand(Standing::Running);
                }
            }
            ConsumerEvent::OutOfRange {
                partition,
                wanted,
                range,
                ..
            } => self.overtaken(&partition, wanted, range),
            ConsumerEvent::Trouble { class, text } => {
                self.troubled(Aspect::Input(class), (class, text))
            }
            ConsumerEvent::Recovered { class } => {
                info!(handler = %name, about = class.as_str(), "the consumer's trouble is over");
                self.status.clear(name, Aspect::Input(class));
            }
            ConsumerEvent::Fatal(_) => {}
        }
    }

    fn overtaken(
        &self,
        partition: &TopicPartition,
        wanted: Offset,
        range: Option<(Offset, Offset)>,
    ) {
        let lost = match range {
            Some((oldest, _)) if oldest > wanted => format!(
                "{} messages were deleted unread, the oldest is now {oldest}",
                oldest - wanted
            ),
            Some((oldest, end)) => {
                format!("the partition now holds {oldest} to {end}: was the topic made anew?")
            }
            None => "the partition's range could not be read".to_owned(),
        };
        let text = format!(
            "{partition} stands still: offset {wanted} is not there any more ({lost}); reset the group's offset for it to go on"
        );
        error!(handler = %self.shared.name, "{text}");
        self.status.set(
            &self.shared.name,
            Aspect::Overtaken,
            Standing::Troubled(text),
        );
    }

    /// Something keeps messages from moving, which is said once.
    fn troubled(&self, aspect: Aspect, told: (TroubleClass, String)) {
        let (name, text) = (&self.shared.name, told.1.clone());
        if self.status.trouble(name, aspect, told) {
            warn!(handler = %name, "{text}");
        }
    }

    fn producer_health(&self, health: ProducerHealth, trouble: &Trouble) {
        let name = &self.shared.name;
        match health.trouble {
            Some(told) => self.troubled(Aspect::Output, told),
            None => self.status.clear(name, Aspect::Output),
        }
        if let Some(why) = health.fatal {
            trouble.happened_to(Broken::Producer(why));
        }
    }
}

/// How the producer is, once that changes; `None` when its thread is gone. Never where there is no such producer.
async fn changed(health: Option<&mut watch::Receiver<ProducerHealth>>) -> Option<ProducerHealth> {
    let Some(health) = health else {
        return std::future::pending().await;
    };
    health.changed().await.ok()?;
    Some(health.borrow_and_update().clone())
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

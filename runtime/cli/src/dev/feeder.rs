//! Fixtures' messages, put into the topics that handlers read.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use pelton_config::{Bootstrap, Config, Handler, Topics};
use pelton_daemon::Daemon;
use pelton_fixtures::Named;
use pelton_kafka::{Mailbox, Outgoing, Producer, ProducerSettings};
use pelton_types::Message;
use tracing::{error, info};

/// How the feeder names itself to brokers.
const CLIENT_ID: &str = "pelton-dev-fixtures";

/// Puts the messages of fixtures into the topics that handlers read.
pub(super) struct Feeder {
    /// Where the handlers' tables are.
    file: PathBuf,
    handlers: BTreeMap<String, Handler>,
    /// Another folder than the configured one.
    folder: Option<PathBuf>,
    clusters: BTreeMap<String, ProducerSettings>,
    producers: BTreeMap<String, Producer>,
    mailbox: Arc<Mailbox>,
}

impl Feeder {
    pub(super) fn new(
        config: &Config,
        brokers: &Bootstrap,
        daemon: &Daemon,
        folder: Option<PathBuf>,
    ) -> Self {
        let embedded: BTreeMap<&str, String> = daemon.embedded().collect();
        let settings = config.clusters.iter().filter_map(|(name, cluster)| {
            let inside = || embedded.get(name.as_str()).cloned();
            let bootstrap = brokers.servers().or_else(inside)?;
            let settings = ProducerSettings {
                bootstrap,
                client_id: CLIENT_ID.to_owned(),
                queue_bytes: None,
                properties: cluster.properties.to_map(),
            };
            Some((name.clone(), settings))
        });
        Self {
            clusters: settings.collect(),
            file: config.file.clone(),
            handlers: config.handlers.clone(),
            folder,
            producers: BTreeMap::new(),
            mailbox: Arc::default(),
        }
    }

    /// Sends a handler's fixtures on their way, and says what is wrong with those that can't go.
    pub(super) fn feed(&mut self, name: &str) {
        // It may have come, or changed, since. What is wrong with a file is the daemon's to tell.
        if let Ok(config) = pelton_config::load(&self.file) {
            self.handlers = config.handlers;
        }
        let Some(handler) = self.handlers.get(name).cloned() else {
            return;
        };
        let folder = self.folder.as_ref().unwrap_or(&handler.test.fixtures);
        let messages = match pelton_fixtures::messages_in(folder, &handler) {
            Ok(messages) => messages,
            Err(why) => return error!(handler = name, "no fixtures are given: {why}"),
        };
        let folder = folder.display().to_string();
        let mut given = 0;
        for Named {
            name: fixture,
            message,
        } in messages
        {
            let sent = message
                .map_err(|why| why.to_string())
                .and_then(|message| self.send(&handler, &message));
            match sent {
                Ok(()) => given += 1,
                Err(why) => {
                    error!(handler = name, %fixture, "fixture not given, others are: {why}")
                }
            }
        }
        info!(handler = name, given, %folder, "fixtures given");
    }

    fn send(&mut self, handler: &Handler, message: &Message) -> Result<(), String> {
        if let Topics::List(topics) = &handler.topics
            && !topics.iter().any(|topic| **topic == *message.topic)
        {
            let (topic, read) = (&message.topic, topics.join(", "));
            return Err(format!(
                "its topic is {topic}, and the handler reads {read}; correct `topic` in `[message]`"
            ));
        }
        let outgoing = Outgoing {
            topic: &message.topic,
            // As any producer of such messages would: by the key.
            partition: None,
            timestamp: message.timestamp.millis(),
            key: message.key.as_deref(),
            value: message.value.as_deref(),
            headers: &message.headers,
        };
        let mailbox = self.mailbox.clone();
        let producer = self.producer(&handler.cluster)?;
        let sent = producer.send(outgoing, &mailbox, 0);
        sent.map_err(|error| error.to_string())
    }

    /// The cluster's producer. One that is over is replaced.
    fn producer(&mut self, cluster: &str) -> Result<&Producer, String> {
        let over = |producer: &Producer| producer.fatal().is_some();
        if self.producers.get(cluster).is_none_or(over) {
            let settings = self.clusters.get(cluster).cloned();
            let settings = settings.ok_or_else(|| format!("there is no cluster {cluster}"))?;
            let producer = Producer::start(settings).map_err(|error| error.to_string())?;
            self.producers.insert(cluster.to_owned(), producer);
        }
        let producer = self.producers.get(cluster);
        producer.ok_or_else(|| format!("there is no producer for {cluster}"))
    }

    /// Waits until it is known what became of messages, and says what was refused. Cancel-safe.
    pub(super) async fn deliveries(&self) {
        for delivery in self.mailbox.take().await {
            if let Err(why) = delivery.result {
                error!("a fixture's message was not written: {why}");
            }
        }
    }
}

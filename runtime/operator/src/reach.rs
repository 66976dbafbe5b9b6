//! How a handler's cluster is reached, and why not.

use pelton_config::{Config, Handler, Properties};
use pelton_kafka::{Admin, ProducerSettings, Reader};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such handler.
    #[error("there is no handler `{handler}` in {file}; there are: {known}")]
    Unknown {
        /// The one that was asked for.
        handler: String,
        /// The configuration's file.
        file: String,
        /// Those that there are.
        known: String,
    },
    /// Its broker lives in the daemon.
    #[error(
        "the handler `{0}` works on the embedded broker, which is part of the daemon: nothing else can be asked"
    )]
    Embedded(String),
    /// It has none.
    #[error("the handler `{0}` writes no dead letters: its on-exhausted says otherwise")]
    NoLetters(String),
    /// A topic isn't there.
    #[error("topic {0} does not exist")]
    NoTopic(String),
    /// Nothing is meant.
    #[error("the handler reads no such partition")]
    NoPartition,
    /// A broker, or the client.
    #[error(transparent)]
    Kafka(#[from] pelton_kafka::Error),
    /// Something was not written.
    #[error("{text}; what was acknowledged before is not redriven again by the next try")]
    Write {
        /// Why.
        text: String,
    },
}

/// A handler, and how its cluster is reached.
pub struct Reach {
    /// The handler.
    pub handler: Handler,
    bootstrap: String,
    properties: Properties,
}

impl Reach {
    /// A handler of a configuration.
    ///
    /// # Errors
    /// There is none of that name, or its cluster can't be reached from outside.
    pub fn new(config: &Config, handler: &str) -> Result<Self, Error> {
        let found = config.handlers.get(handler).ok_or_else(|| {
            let known: Vec<&str> = config.handlers.keys().map(String::as_str).collect();
            Error::Unknown {
                handler: handler.to_owned(),
                file: config.file.display().to_string(),
                known: known.join(", "),
            }
        })?;
        let embedded = || Error::Embedded(handler.to_owned());
        let cluster = config.clusters.get(&found.cluster).ok_or_else(embedded)?;
        let bootstrap = cluster.bootstrap.servers().ok_or_else(embedded)?;
        Ok(Self {
            handler: found.clone(),
            bootstrap,
            properties: cluster.properties.clone(),
        })
    }

    /// A reader in the name of a group.
    pub(crate) fn reader(&self, group: &str) -> Result<Reader, Error> {
        let properties = self.properties.overlaid(&self.handler.consumer_properties);
        Ok(Reader::start(&self.bootstrap, group, &properties)?)
    }

    pub(crate) fn admin(&self) -> Result<Admin, Error> {
        Ok(Admin::new(&self.bootstrap, &self.properties.to_map())?)
    }

    pub(crate) fn producer(&self) -> ProducerSettings {
        ProducerSettings {
            bootstrap: self.bootstrap.clone(),
            client_id: format!("pelton-redrive-{}", self.handler.name),
            queue_bytes: None,
            properties: self.properties.overlaid(&self.handler.producer_properties),
        }
    }

    pub(crate) fn dead_letter_topic(&self) -> Result<&str, Error> {
        let none = || Error::NoLetters(self.handler.name.clone());
        self.handler.dead_letter_topic().ok_or_else(none)
    }
}

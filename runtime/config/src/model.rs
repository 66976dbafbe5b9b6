//! What the daemon works from: the configuration after every check, as plain structs.
//!
//! Invariant: a [`Config`] only comes out of this crate's `load` and its siblings, so whatever is in one is valid:
//! every cluster a handler names exists, no number that must not be zero is zero, no time contradicts another.
//! Equality is by value, so that two configurations can be compared handler by handler.

mod daemon;
mod handler;
mod properties;

use std::{collections::BTreeMap, path::PathBuf};

pub use daemon::{Admin, Cache, Daemon, Log, LogFormat};
pub use handler::{
    Batch, Buffer, Component, Grants, GroupProtocol, Guarantee, Handler, Isolation, Limits,
    OnExhausted, Order, Probation, Retry, Start, Test, TopicCreation, Topics, Transaction,
    forbidden_topic,
};
pub use properties::{Properties, Settings};

/// A whole pelton.toml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from, as it was named.
    pub file: PathBuf,
    /// Clusters by name.
    pub clusters: BTreeMap<String, Cluster>,
    /// Handlers by name; at least one.
    pub handlers: BTreeMap<String, Handler>,
    /// The HTTP listener for health, metrics, the dashboard, and what `pelton status`, `pause` and their like ask.
    pub admin: Admin,
    /// How the daemon logs.
    pub log: Log,
    /// The process itself.
    pub daemon: Daemon,
    /// What is allowed but probably not meant, ready to be logged; each names its place.
    pub warnings: Vec<String>,
}

/// One Kafka cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Where it is.
    pub bootstrap: Bootstrap,
    /// Further librdkafka properties for every client of this cluster. None that the daemon sets itself.
    pub properties: Properties,
}

/// How a cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bootstrap {
    /// Brokers to ask first, each `host:port`; never empty.
    Servers(Vec<String>),
    /// A broker inside this process, in memory, for development.
    Embedded,
}

impl Bootstrap {
    /// The servers as librdkafka's `bootstrap.servers` takes them; `None` for the embedded broker.
    pub fn servers(&self) -> Option<String> {
        match self {
            Self::Servers(servers) => Some(servers.join(",")),
            Self::Embedded => None,
        }
    }
}

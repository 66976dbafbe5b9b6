//! How clusters are reached, and the brokers in this process.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use pelton_config::{Bootstrap, Config, Properties, Topics};
use pelton_kafka::{Admin, EmbeddedBroker, Error, TopicNames};
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::handler::Connection;

/// Partitions of each topic on the embedded broker.
const EMBEDDED_PARTITIONS: i32 = 4;
/// How often somebody looks which topics there are.
const LOOK: Duration = Duration::from_secs(10);

/// The clusters of a configuration.
#[derive(Default)]
pub(super) struct Clusters {
    connections: BTreeMap<String, Connection>,
    /// Those in this process, which live as long as it.
    embedded: BTreeMap<String, Embedded>,
}

struct Embedded {
    broker: EmbeddedBroker,
    topics: BTreeSet<String>,
}

impl Clusters {
    /// Takes the place of what was known of clusters. Embedded brokers that run go on, with the topics that they lack.
    ///
    /// # Errors
    /// An embedded broker can't be started; then everything is as it was.
    pub(super) fn connect(&mut self, config: &Config) -> Result<(), Error> {
        let mut connections = BTreeMap::new();
        for (name, cluster) in &config.clusters {
            let servers = match cluster.bootstrap.servers() {
                Some(servers) => servers,
                None => self.embed(name, embedded_topics(config, name))?,
            };
            let topics = self.topics(name, &servers, &cluster.properties);
            let connection = Connection {
                topics,
                bootstrap: servers,
                embedded: matches!(cluster.bootstrap, Bootstrap::Embedded),
                properties: cluster.properties.clone(),
            };
            connections.insert(name.clone(), connection);
        }
        self.connections = connections;
        Ok(())
    }

    /// Which topics there are: who looked before goes on, where the cluster is the same.
    fn topics(
        &self,
        name: &str,
        servers: &str,
        properties: &Properties,
    ) -> watch::Receiver<TopicNames> {
        let before = self.connections.get(name);
        let same =
            before.filter(|known| known.bootstrap == servers && known.properties == *properties);
        if let Some(same) = same {
            return same.topics.clone();
        }
        match Admin::new(servers, &properties.to_map()) {
            Ok(admin) => admin.watch_topics(LOOK),
            // The handlers say what is wrong with it.
            Err(_) => watch::channel(None).1,
        }
    }

    /// How a cluster is reached.
    pub(super) fn connection(&self, name: &str) -> Option<&Connection> {
        self.connections.get(name)
    }

    /// The addresses of embedded brokers, by cluster.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (&str, String)> {
        self.embedded
            .iter()
            .map(|(name, embedded)| (name.as_str(), embedded.broker.bootstrap()))
    }

    /// The address of an embedded broker that has these topics.
    fn embed(&mut self, cluster: &str, topics: BTreeSet<String>) -> Result<String, Error> {
        if let Some(Embedded {
            broker,
            topics: there,
        }) = self.embedded.get_mut(cluster)
        {
            for topic in topics.difference(&there.clone()) {
                if let Err(error) = broker.create_topic(topic, EMBEDDED_PARTITIONS) {
                    debug!(%cluster, topic, %error, "somebody has produced to the topic, which made it");
                }
                there.insert(topic.clone());
            }
            return Ok(broker.bootstrap());
        }
        let wanted: Vec<_> = topics
            .iter()
            .map(|topic| (topic.as_str(), EMBEDDED_PARTITIONS))
            .collect();
        let broker = EmbeddedBroker::start(&wanted)?;
        let address = broker.bootstrap();
        warn!(%cluster, %address, "embedded broker: in memory, for development only; its messages are gone when this process ends");
        self.embedded
            .insert(cluster.to_owned(), Embedded { broker, topics });
        Ok(address)
    }
}

/// Every topic that the handlers of an embedded cluster name.
fn embedded_topics(config: &Config, cluster: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let handlers = config.handlers.values();
    for handler in handlers.filter(|handler| handler.cluster == cluster) {
        if let Topics::List(topics) = &handler.topics {
            names.extend(topics.iter().cloned());
        }
        names.extend(handler.written_topics().map(str::to_owned));
    }
    names
}

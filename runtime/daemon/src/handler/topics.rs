//! Makes sure that the topics a handler writes to are there before it joins its group.

use std::time::Duration;

use pelton_kafka::Admin;
use tracing::{error, info, warn};

use super::Handler;
use crate::status::{Aspect, Standing};

/// How often to look again for a broker or a topic that isn't there.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How long one question to the brokers may take.
const ASK: Duration = Duration::from_secs(5);

/// Waits until the brokers answer and every output and dead-letter topic is there. Says once what it waits for.
/// Returns the largest batch that all of them take, in bytes, where the brokers tell.
pub(super) async fn wait_for_written(handler: &Handler) -> Option<u32> {
    let mut said = None;
    loop {
        match look(handler).await {
            Ok(largest) => {
                handler.status.forget_troubles(&handler.shared.name);
                return largest;
            }
            Err(why) => {
                if said.as_ref() != Some(&why.to_string()) {
                    say(handler, &why);
                    said = Some(why.to_string());
                }
                handler.wait_for(&why);
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

impl Handler {
    /// Where the brokers refuse it, it stands so under what they refuse: alerts tell a wrong password from an outage.
    fn wait_for(&self, missing: &Missing) {
        let name = &self.shared.name;
        self.status.forget_troubles(name);
        let why = Standing::Waiting(missing.to_string());
        match missing {
            Missing::Brokers { why: error, .. } => {
                self.stand(Standing::Waiting("no topic can be looked for".to_owned()));
                self.status.set(name, Aspect::Input(error.trouble()), why);
            }
            Missing::Topic { .. } | Missing::Creation { .. } => self.stand(why),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("waiting for the brokers at {bootstrap}: {why}")]
    Brokers {
        bootstrap: String,
        why: pelton_kafka::Error,
    },
    #[error(
        "topic {topic} does not exist, and the handler writes to it; create it \
         (kafka-topics.sh --create --topic {topic}), or let Pelton do so with [handlers.{handler}.create-topics]; \
         if it is there, an ACL keeps the user from seeing it: allow it to write the topic"
    )]
    Topic { topic: String, handler: String },
    #[error("topic {topic} could not be created: {why}")]
    Creation { topic: String, why: String },
}

fn say(handler: &Handler, missing: &Missing) {
    let name = &handler.shared.name;
    match missing {
        Missing::Brokers { .. } => warn!(handler = %name, "{missing}"),
        Missing::Topic { .. } | Missing::Creation { .. } => error!(handler = %name, "{missing}"),
    }
}

async fn look(handler: &Handler) -> Result<Option<u32>, Missing> {
    let connection = &handler.connection;
    let brokers = |why: pelton_kafka::Error| Missing::Brokers {
        bootstrap: connection.bootstrap.clone(),
        why,
    };
    let admin =
        Admin::new(&connection.bootstrap, &connection.properties.to_map()).map_err(brokers)?;
    let existing = admin.topics(ASK).await.map_err(brokers)?;
    for topic in handler
        .config
        .written_topics()
        .filter(|topic| !existing.contains_key(*topic))
    {
        let Some(creation) = &handler.config.topic_creation else {
            return Err(Missing::Topic {
                topic: topic.to_owned(),
                handler: handler.shared.name.clone(),
            });
        };
        let partitions = creation.partitions.map(|n| n.get() as i32);
        let replication = creation.replication.map(|n| i32::from(n.get()));
        admin
            .create_topic(topic, partitions, replication)
            .await
            .map_err(|error| Missing::Creation {
                topic: topic.to_owned(),
                why: error.to_string(),
            })?;
        info!(handler = %handler.shared.name, topic, "topic created");
    }
    Ok(smallest_batch(handler, &admin).await)
}

/// The largest batch that every written topic takes, where it can be had: asking may be forbidden, and the
/// embedded broker answers no such question. Then librdkafka's own limit holds.
async fn smallest_batch(handler: &Handler, admin: &Admin) -> Option<u32> {
    if handler.connection.embedded {
        return None;
    }
    let mut smallest = None;
    for topic in handler.config.written_topics() {
        match tokio::time::timeout(ASK, admin.max_message_bytes(topic)).await {
            Ok(Ok(Some(bytes))) => {
                smallest = Some(smallest.map_or(bytes, |least: u32| least.min(bytes)));
            }
            Ok(Ok(None)) => {}
            Ok(Err(_)) | Err(_) => {
                warn!(handler = %handler.shared.name, topic,
                    "the topic's max.message.bytes can't be read; if it is below a megabyte, set batch.size in producer-properties");
                break;
            }
        }
    }
    smallest
}

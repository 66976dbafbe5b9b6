//! The topic that a handler's dead letters are redriven to: it is read once it is there.
//!
//! Whoever redrives makes it, with no daemon at hand, so it may appear at any time. The handler joins its group anew then,
//! drained and committed, which happens once.

use std::time::Duration;

use pelton_kafka::TopicNames;
use tokio::sync::watch;

use super::Connection;

/// How long the cluster's topics are waited for before a group is joined.
const KNOWN: Duration = Duration::from_secs(5);

/// Whether it is there, and whether it is subscribed to.
pub(super) struct Retry {
    /// `None` where there are no dead letters.
    topic: Option<String>,
    topics: watch::Receiver<TopicNames>,
    subscribed: bool,
}

impl Retry {
    pub(super) async fn of(handler: &pelton_config::Handler, connection: &Connection) -> Self {
        let topic = handler.retry_topic();
        let mut topics = connection.topics.clone();
        if topic.is_some() {
            // Whoever comes this far has heard of the brokers, so that it is known in a moment.
            let known = topics.wait_for(Option::is_some);
            let _ = tokio::time::timeout(KNOWN, known).await;
        }
        let mut retry = Self {
            topic,
            topics,
            subscribed: false,
        };
        retry.subscribed = retry.is_there() == Some(true);
        retry
    }

    /// The topic to subscribe to.
    pub(super) fn subscribed(&self) -> Option<String> {
        self.topic.clone().filter(|_| self.subscribed)
    }

    /// Waits until it has come, or gone, and says so.
    pub(super) async fn changes(&mut self) -> String {
        let (Some(topic), wanted) = (self.topic.clone(), !self.subscribed) else {
            return std::future::pending().await;
        };
        let differs = |names: &TopicNames| {
            names
                .as_ref()
                .is_some_and(|names| names.contains(&topic) == wanted)
        };
        if self.topics.wait_for(differs).await.is_err() {
            return std::future::pending().await;
        }
        match wanted {
            true => format!(
                "topic {topic} is there now, to which dead letters are redriven: joining anew to read it"
            ),
            false => format!(
                "topic {topic} is gone, to which dead letters were redriven: joining anew without it"
            ),
        }
    }

    fn is_there(&self) -> Option<bool> {
        let names = self.topics.borrow();
        let names = names.as_ref()?;
        Some(names.contains(self.topic.as_deref()?))
    }
}

//! Looks again and again which topics a cluster has.
//!
//! Invariant: one client, on a thread of its own, for as long as somebody listens.

use std::{
    collections::BTreeSet,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rdkafka::ClientConfig;
use tokio::sync::watch;

use super::Admin;
use crate::native::Client;

/// How long the brokers may take to answer.
const ASK: Duration = Duration::from_secs(5);
/// How soon it is noticed that nobody listens any more.
const TICK: Duration = Duration::from_secs(1);

/// The names of a cluster's topics, once they are known.
pub type TopicNames = Option<Arc<BTreeSet<String>>>;

impl Admin {
    /// Which topics there are, looked at this often. Nothing is told while no broker answers.
    pub fn watch_topics(&self, every: Duration) -> watch::Receiver<TopicNames> {
        let (told, hears) = watch::channel(None);
        let config = self.config.clone();
        let spawned = thread::Builder::new()
            .name("pelton-topics".to_owned())
            .spawn(move || look(config, every, &told));
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread to look for topics: one that appears is noticed at the next start");
        }
        hears
    }
}

fn look(config: ClientConfig, every: Duration, told: &watch::Sender<TopicNames>) {
    // What is wrong with it is told by those who can't work without.
    let Ok(client) = Client::producer(config) else {
        return;
    };
    let mut next = Instant::now();
    while !told.is_closed() {
        if Instant::now() >= next {
            if let Ok(topics) = client.topics(ASK) {
                next = Instant::now() + every;
                let names: BTreeSet<String> = topics.into_keys().collect();
                told.send_if_modified(|known| {
                    let differs = known.as_deref() != Some(&names);
                    if differs {
                        *known = Some(Arc::new(names));
                    }
                    differs
                });
            }
            // Its errors are told by the others too; nobody reads them here.
            while client
                .main_queue()
                .and_then(|q| q.poll(Duration::ZERO).map(drop))
                .is_some()
            {}
        }
        thread::sleep(TICK);
    }
}

//! How a handler's tasks tell that it can't go on.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// What a handler can't go on with, and begins anew after.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the producer can't go on: {0}")]
    Producer(String),
    #[error("a partition's task died")]
    Task,
    #[error("outputs of partitions that were given up were still on their way")]
    Stale,
    /// No new life of the handler mends it.
    #[error("{0}")]
    Refused(String),
}

/// Told by a partition when its handler can't go on; heard by the handler.
#[derive(Clone, Default)]
pub(crate) struct Trouble(Arc<(Mutex<Option<Broken>>, Notify)>);

impl Trouble {
    pub(crate) fn happened_to(&self, what: Broken) {
        self.0.0.lock().get_or_insert(what);
        self.0.1.notify_one();
    }

    /// Waits until it happens.
    pub(crate) async fn happened(&self) -> Broken {
        loop {
            if let Some(what) = &*self.0.0.lock() {
                return what.clone();
            }
            self.0.1.notified().await;
        }
    }
}

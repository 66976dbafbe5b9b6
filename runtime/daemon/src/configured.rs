//! The configuration that a daemon runs, for who does something at the brokers beside it.

use std::sync::Arc;

use pelton_config::Config;
use tokio::sync::watch;

/// What a daemon runs now: its file may say something else. Copies are the same.
#[derive(Clone)]
pub struct Configured(watch::Sender<Arc<Config>>);

impl Configured {
    pub(crate) fn new(config: &Config) -> Self {
        Self(watch::Sender::new(Arc::new(config.clone())))
    }

    pub(crate) fn change(&self, config: &Config) {
        self.0.send_replace(Arc::new(config.clone()));
    }

    /// As it is at this moment.
    pub fn now(&self) -> Arc<Config> {
        self.0.borrow().clone()
    }
}

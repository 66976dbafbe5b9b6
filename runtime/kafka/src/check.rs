//! Whether librdkafka takes what a client is configured with, before anything rests on it.
//!
//! A client is made and destroyed. It knows no broker, so nobody hears of it, and a subscription joins no group.
//! Both may take a while: never on an async runtime.

use rdkafka::ClientConfig;

use crate::{
    Admin, ConsumerSettings, Error, ProducerSettings, TransactionSettings, consumer::subscribe,
    native::Client, producer::Transactional, properties,
};

impl ConsumerSettings {
    /// Whether a consumer can be made of this, whoever the brokers are.
    ///
    /// # Errors
    /// Properties librdkafka refuses, a pattern that isn't a regular expression.
    pub fn check(&self) -> Result<(), Error> {
        let client = Client::consumer(apart(properties::consumer(self)?))?;
        subscribe(&client, self)
    }
}

impl ProducerSettings {
    /// Whether a producer can be made of this, whoever the brokers are.
    ///
    /// # Errors
    /// Properties librdkafka refuses.
    pub fn check(&self) -> Result<(), Error> {
        Client::producer(apart(properties::producer(self, None)?)).map(drop)
    }
}

impl TransactionSettings {
    /// Whether a transactional producer can be made of this, whoever the brokers are.
    ///
    /// # Errors
    /// Properties librdkafka refuses.
    pub fn check(&self) -> Result<(), Error> {
        let transactional = Transactional::from(self);
        let config = properties::producer(&self.producer, Some(&transactional))?;
        Client::transactional(apart(config)).map(drop)
    }
}

impl Admin {
    /// Whether a client can be made of this, whoever the brokers are.
    ///
    /// # Errors
    /// Properties librdkafka refuses.
    pub fn check(&self) -> Result<(), Error> {
        Client::producer(apart(self.config.clone())).map(drop)
    }
}

/// The same without a broker.
fn apart(mut config: ClientConfig) -> ClientConfig {
    config.remove("bootstrap.servers");
    config
}

//! What a proxy keeps of what it did.

use std::{fmt, time::Duration};

use super::{frame::Api, rule::Fault};

/// A fault that was done to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// When, since the proxy's start.
    pub at: Duration,
    /// To which kind of request.
    pub api: Api,
    /// Which version of it the client speaks.
    pub version: i16,
    /// The request's number within its connection.
    pub correlation: i32,
    /// The `client.id`.
    pub client: String,
    /// What was done.
    pub fault: Fault,
}

impl fmt::Display for Injection {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api, version, .. } = self;
        let (seconds, fault) = (self.at.as_secs_f64(), self.fault);
        let (correlation, client) = (self.correlation, &self.client);
        write!(
            to,
            "{seconds:9.3} s {api:?} v{version} no. {correlation} of {client:?}: {fault:?}"
        )
    }
}

/// A held request that reached the broker after all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// How it came to be late.
    pub injection: Injection,
    /// When it was sent on, since the proxy's start.
    pub sent: Duration,
    /// Whether the broker has answered. `false` when the connection ended first.
    pub answered: bool,
    /// Kafka's error code in the answer, 0 for none. Known for [`Api::EndTxn`] and [`Api::AddOffsetsToTxn`]
    /// before their version 3, which is what librdkafka speaks.
    pub error: Option<i16>,
}

impl fmt::Display for Late {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, error) = (self.sent.as_secs_f64(), self.error);
        let (answered, was) = (self.answered, &self.injection);
        write!(
            to,
            "{seconds:9.3} s late, answered: {answered}, error: {error:?}; was {was}"
        )
    }
}

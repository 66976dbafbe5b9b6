//! Turns the stream of librdkafka's errors into a line per change of state.
//!
//! librdkafka repeats an error for each broker and each attempt to connect. People want to hear once that
//! something is wrong and once that it is well again.
//!
//! Invariant: between two reports of the same class there is a recovery of that class; a broker that refuses a client is
//! not called unreachable beside.

mod class;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::{Duration, Instant},
};

use rdkafka::types::RDKafkaErrorCode as Code;

pub use self::class::TroubleClass;

/// How long the reason of an outage is waited for, so that one line says both.
const REASON: Duration = Duration::from_secs(2);
/// How long a broker that could not read its log must not say so again until that is over: it is asked for the
/// same offset twice a second.
const CALM: Duration = Duration::from_secs(3);

/// Whether a connection ended because the broker said in TLS what it doesn't like. With TLS 1.3 that comes behind the
/// handshake, so that librdkafka takes it for the end of a connection like any other; of an end it says `SSL` too.
fn is_refused_in_tls(reason: &str) -> bool {
    reason.contains("SSL") && reason.contains("alert")
}

/// Whether the credentials don't allow what was asked for.
pub(crate) fn is_authorization(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
    )
}

/// What librdkafka says, without how long it took: that would make another message of it each time.
pub(crate) fn plain(reason: &str) -> &str {
    reason
        .split_once(" (after ")
        .map_or(reason, |(what, _)| what)
}

/// What is wrong at the moment.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    /// By class, and for topics that aren't there by what librdkafka says of each.
    open: BTreeMap<(TroubleClass, String), String>,
    /// The last reason why a connection failed: the event that all brokers are down doesn't carry one.
    connection: Option<String>,
    /// Since when all brokers are down, while nothing was said of it.
    down: Option<Instant>,
    /// When a broker last could not read its log.
    corrupt: Option<Instant>,
    bootstrap: String,
}

/// One thing worth saying.
pub(crate) type Report = (TroubleClass, String);

impl Troubles {
    pub(crate) fn new(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            ..Self::default()
        }
    }

    /// Takes note of an error event; the report it makes, unless it is known already.
    pub(crate) fn error(&mut self, code: Code, reason: &str, now: Instant) -> Option<Report> {
        let reason = plain(reason);
        let class = match code {
            Code::BrokerTransportFailure if is_refused_in_tls(reason) => TroubleClass::Tls,
            Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut => {
                self.connection = Some(reason.to_owned());
                return self
                    .down
                    .is_some()
                    .then(|| self.say_unreachable())
                    .flatten();
            }
            Code::AllBrokersDown => {
                // The reason often comes a moment later.
                self.down = Some(now);
                return self
                    .connection
                    .is_some()
                    .then(|| self.say_unreachable())
                    .flatten();
            }
            Code::Authentication | Code::SaslAuthenticationFailed => TroubleClass::Authentication,
            Code::SSL => TroubleClass::Tls,
            code if is_authorization(code) => TroubleClass::Authorization,
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
                TroubleClass::UnknownTopic
            }
            Code::InconsistentGroupProtocol
            | Code::InvalidGroupId
            | Code::InvalidSessionTimeout
            | Code::GroupMaxSizeReached => TroubleClass::Group,
            Code::BadMessage | Code::InvalidMessage | Code::BadCompression => {
                self.corrupt = Some(now);
                TroubleClass::Corrupt
            }
            // The rest is routine: librdkafka retries it, and what it can't retry comes as a fatal error.
            _ => {
                tracing::debug!(%code, reason, "librdkafka reports an error");
                return None;
            }
        };
        let text = class.told(reason);
        let detail = if class == TroubleClass::UnknownTopic {
            reason
        } else {
            ""
        };
        self.open(class, detail, text)
    }

    /// Says that no broker is reachable, where a reason was waited for in vain. To be asked now and then.
    pub(crate) fn unreachable(&mut self, now: Instant) -> Option<Report> {
        let overdue = self
            .down
            .is_some_and(|down| now.saturating_duration_since(down) >= REASON);
        overdue.then(|| self.say_unreachable()).flatten()
    }

    /// What is well again because nobody has spoken of it for a while, or something else is known by now. To be asked now
    /// and then.
    pub(crate) fn calm(&mut self, now: Instant) -> Vec<TroubleClass> {
        let mut over = Vec::new();
        if self.is_refused() {
            over.push(TroubleClass::Unreachable);
        }
        let last = self.corrupt;
        if last.is_some_and(|last| now.saturating_duration_since(last) >= CALM) {
            self.corrupt = None;
            over.push(TroubleClass::Corrupt);
        }
        self.close(&over)
    }

    fn say_unreachable(&mut self) -> Option<Report> {
        self.down = None;
        if self.is_refused() {
            return None;
        }
        let why = self
            .connection
            .as_deref()
            .map_or(String::new(), |why| format!(" ({why})"));
        let text = format!(
            "no broker of {} is reachable{why}; still trying",
            self.bootstrap
        );
        self.report(TroubleClass::Unreachable, text)
    }

    /// Takes note of trouble of which no error event speaks.
    pub(crate) fn report(&mut self, class: TroubleClass, text: String) -> Option<Report> {
        self.open(class, "", text)
    }

    fn open(&mut self, class: TroubleClass, detail: &str, text: String) -> Option<Report> {
        let Entry::Vacant(entry) = self.open.entry((class, detail.to_owned())) else {
            return None;
        };
        entry.insert(text.clone());
        Some((class, text))
    }

    /// Whether a broker is there and doesn't let the client in.
    fn is_refused(&self) -> bool {
        self.has(TroubleClass::Authentication) || self.has(TroubleClass::Tls)
    }

    /// What is well again because a broker answered.
    pub(crate) fn connected(&mut self) -> Vec<TroubleClass> {
        use TroubleClass::{Authentication, Tls, Unreachable};
        (self.connection, self.down) = (None, None);
        self.close(&[Unreachable, Authentication, Tls])
    }

    /// What is well again because partitions were assigned, or messages fetched.
    pub(crate) fn consuming(&mut self) -> Vec<TroubleClass> {
        if self.open.is_empty() && self.connection.is_none() && self.down.is_none() {
            return Vec::new();
        }
        let mut closed = self.connected();
        closed.extend(self.close(&[TroubleClass::Authorization, TroubleClass::Group]));
        closed
    }

    /// Closes some classes; those that were open.
    pub(crate) fn close(&mut self, classes: &[TroubleClass]) -> Vec<TroubleClass> {
        let mut closed = Vec::new();
        for class in classes {
            let before = self.open.len();
            self.open.retain(|(open, _), _| open != class);
            if self.open.len() < before {
                closed.push(*class);
            }
        }
        closed
    }

    /// Whether there is trouble of this class.
    pub(crate) fn has(&self, class: TroubleClass) -> bool {
        self.open.keys().any(|(open, _)| *open == class)
    }

    /// Whether it is worth asking a broker if it can be reached.
    pub(crate) fn is_disconnected(&self) -> bool {
        let mut classes = self.open.keys().map(|(class, _)| *class);
        classes.any(TroubleClass::is_of_connecting)
    }

    /// What is wrong, for people; the first of several.
    pub(crate) fn summary(&self) -> Option<Report> {
        let (class, text) = self
            .open
            .iter()
            .next()
            .map(|((class, _), text)| (*class, text))?;
        Some((class, text.clone()))
    }
}

#[cfg(test)]
mod tests;

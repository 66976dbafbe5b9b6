//! Turns the stream of librdkafka's errors into a line per change of state.
//!
//! librdkafka repeats an error for each broker and each attempt to connect. People want to hear once that
//! something is wrong and once that it is well again.
//!
//! Invariant: between two reports of the same class there is a recovery of that class; a broker that refuses a client is
//! not called unreachable beside.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::{Duration, Instant},
};

use rdkafka::types::RDKafkaErrorCode as Code;

/// How long the reason of an outage is waited for, so that one line says both.
const REASON: Duration = Duration::from_secs(2);
/// How long a broker that could not read its log must not say so again until that is over: it is asked for the
/// same offset twice a second.
const CALM: Duration = Duration::from_secs(3);

/// How librdkafka begins what it was told about a token that could not be had.
const NO_TOKEN: &str = "Failed to acquire SASL OAUTHBEARER token: ";

/// Whether a connection ended because the broker said in TLS what it doesn't like. With TLS 1.3 that comes behind the
/// handshake, so that librdkafka takes it for the end of a connection like any other; of an end it says `SSL` too.
fn is_refused_in_tls(reason: &str) -> bool {
    reason.contains("SSL") && reason.contains("alert")
}

/// What kind of trouble a client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TroubleClass {
    /// No broker can be reached.
    Unreachable,
    /// A broker refuses the credentials.
    Authentication,
    /// TLS could not be set up.
    Tls,
    /// The credentials don't allow something.
    Authorization,
    /// A topic isn't there.
    UnknownTopic,
    /// The group's coordinator refuses the member, or the group's offsets can't be read.
    Group,
    /// A position is out of range: retention overtook the group.
    OutOfRange,
    /// A fetched batch can't be read.
    Corrupt,
}

impl TroubleClass {
    /// The class as it stands in logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Authentication => "authentication",
            Self::Tls => "tls",
            Self::Authorization => "authorization",
            Self::UnknownTopic => "unknown-topic",
            Self::Group => "group",
            Self::OutOfRange => "out-of-range",
            Self::Corrupt => "corrupt",
        }
    }
}

impl TroubleClass {
    /// Whether every client of a cluster meets it alike.
    pub fn is_of_connecting(self) -> bool {
        match self {
            Self::Unreachable | Self::Authentication | Self::Tls => true,
            Self::Authorization
            | Self::UnknownTopic
            | Self::Group
            | Self::OutOfRange
            | Self::Corrupt => false,
        }
    }

    /// What keeps a client from connecting, as far as librdkafka's words tell.
    pub(crate) fn of_connecting(reason: &str) -> Self {
        match reason {
            _ if reason.contains("SASL") => Self::Authentication,
            _ if reason.contains("SSL") => Self::Tls,
            _ => Self::Unreachable,
        }
    }

    /// What to do about it, where librdkafka says this of it.
    pub(crate) fn remedy(self, reason: &str) -> &'static str {
        match self {
            // A broker says of a token only what RFC 7628 has for it.
            Self::Authentication
                if reason.contains("OAUTHBEARER") || reason.contains("invalid_token") =>
            {
                "check the token of `oauth-token-file`, which is read anew by itself: that it is there, has not expired, and is what the listener asks for"
            }
            Self::Unreachable => "check the address and that the broker runs",
            Self::Authentication => "check `sasl.mechanism`, `sasl.username` and `sasl.password`",
            // What a broker says of the client's own certificate, or of its absence.
            Self::Tls if reason.contains("alert") && reason.contains("certificate") => {
                "check `ssl.certificate.pem` and `ssl.key.pem`: that there are such, that they have not expired, and that the brokers trust who signed them"
            }
            Self::Tls => {
                "check `security.protocol`, `ssl.ca.location`, the client's certificate, and the name in the broker's"
            }
            Self::Authorization => {
                "allow it by an ACL: to read its topics and its group, to write what it writes"
            }
            Self::UnknownTopic => "create it, or allow the user to see it by an ACL",
            Self::Group => "check the group's members and settings",
            Self::OutOfRange => "reset the group's offset",
            Self::Corrupt => "look at the broker's disk",
        }
    }
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
        let remedy = class.remedy(reason);
        let text = match class {
            TroubleClass::Authentication if reason.contains(NO_TOKEN) => {
                let why = reason.replacen(NO_TOKEN, "", 1);
                format!("there is no token to log in with ({why}); {remedy}; still trying")
            }
            TroubleClass::Authentication => {
                format!("a broker refuses the credentials ({reason}); {remedy}; still trying")
            }
            TroubleClass::Tls => format!("TLS can't be set up ({reason}); {remedy}; still trying"),
            TroubleClass::Authorization => {
                format!("not allowed ({reason}); {remedy}; still trying")
            }
            TroubleClass::UnknownTopic => format!("a topic isn't there ({reason}); waiting for it"),
            TroubleClass::Corrupt => format!("fetched data can't be read ({reason})"),
            TroubleClass::Group | TroubleClass::Unreachable | TroubleClass::OutOfRange => {
                format!("the group's coordinator refuses this member ({reason}); still trying")
            }
        };
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
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
        assert_eq!(
            troubles.error(Code::BrokerTransportFailure, "Connection refused", now),
            None
        );
        let (class, text) = troubles
            .error(Code::AllBrokersDown, "1/1 brokers are down", now)
            .expect("a report");
        assert_eq!(class, TroubleClass::Unreachable);
        assert!(
            text.contains("broker:9092") && text.contains("Connection refused"),
            "{text}"
        );
        assert_eq!(
            troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now),
            None
        );
        assert!(troubles.is_disconnected());
        assert_eq!(troubles.connected(), [TroubleClass::Unreachable]);
        assert!(troubles.connected().is_empty());
    }

    #[test]
    fn the_reason_of_an_outage_may_follow_it_or_not() {
        let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
        assert_eq!(
            troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now),
            None
        );
        let (_, text) = troubles
            .error(Code::BrokerTransportFailure, "Connection refused", now)
            .expect("a report");
        assert!(text.contains("Connection refused"), "{text}");
        troubles.connected();
        assert_eq!(
            troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now),
            None
        );
        assert!(troubles.unreachable(now).is_none());
        assert!(troubles.unreachable(now + REASON).is_some());
        assert!(troubles.unreachable(now + REASON).is_none());
    }

    /// What librdkafka says where a broker refuses the client's certificate by TLS 1.3.
    const REFUSED: &str = "ssl://broker:9092/bootstrap: Receive failed: error:0A000415:SSL routines::ssl/tls alert \
                           certificate expired: SSL alert number 45 (after 2ms in state APIVERSION_QUERY)";

    #[test]
    fn a_certificate_that_is_refused_behind_the_handshake_is_no_outage() {
        let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
        let lost = Code::BrokerTransportFailure;
        let (class, text) = troubles.error(lost, REFUSED, now).expect("a report");
        assert_eq!(class, TroubleClass::Tls);
        assert!(text.contains("ssl.certificate.pem"), "{text}");
        let down = troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now);
        assert!(down.is_none() && troubles.unreachable(now + REASON).is_none());
        assert_eq!(troubles.error(lost, REFUSED, now), None, "it is told once");
        assert_eq!(troubles.connected(), [TroubleClass::Tls]);
    }

    #[test]
    fn a_broker_that_is_back_and_refuses_is_not_called_unreachable_any_more() {
        let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
        let lost = Code::BrokerTransportFailure;
        troubles.error(lost, "Connect failed: Connection refused", now);
        let down = troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now);
        assert!(down.is_some_and(|(class, _)| class == TroubleClass::Unreachable));
        assert!(troubles.calm(now).is_empty());
        assert!(troubles.error(lost, REFUSED, now).is_some());
        assert_eq!(troubles.calm(now), [TroubleClass::Unreachable]);
        assert!(troubles.calm(now).is_empty());
    }

    #[test]
    fn a_connection_with_tls_that_just_ends_is_an_outage() {
        let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
        let ended = "ssl://broker:9092/1: Disconnected: SSL connection closed by peer";
        assert_eq!(
            troubles.error(Code::BrokerTransportFailure, ended, now),
            None
        );
        let down = troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now);
        assert!(down.is_some_and(|(class, _)| class == TroubleClass::Unreachable));
    }

    #[test]
    fn a_single_lost_connection_is_no_trouble() {
        let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
        assert_eq!(
            troubles.error(Code::BrokerTransportFailure, "Disconnected", now),
            None
        );
        assert!(troubles.unreachable(now + REASON).is_none() && !troubles.is_disconnected());
    }

    #[test]
    fn a_log_that_could_not_be_read_is_well_again_when_nobody_speaks_of_it() {
        let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
        let said = troubles.error(Code::InvalidMessage, "CORRUPT_MESSAGE", now);
        assert!(said.is_some_and(|(class, _)| class == TroubleClass::Corrupt));
        assert!(troubles.calm(now).is_empty());
        let again = now + CALM / 2;
        assert_eq!(
            troubles.error(Code::InvalidMessage, "CORRUPT_MESSAGE", again),
            None
        );
        assert!(troubles.calm(now + CALM).is_empty());
        assert_eq!(troubles.calm(again + CALM), [TroubleClass::Corrupt]);
        assert!(troubles.calm(again + CALM).is_empty());
    }

    #[test]
    fn wrong_credentials_are_named() {
        let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
        let said = "SASL authentication error (after 3ms in state AUTH_REQ)";
        let (class, text) = troubles
            .error(Code::Authentication, said, now)
            .expect("a report");
        assert_eq!(class, TroubleClass::Authentication);
        assert!(
            text.contains("credentials") && !text.contains("3ms"),
            "{text}"
        );
        assert!(text.contains("sasl.password"), "{text}");
    }
}

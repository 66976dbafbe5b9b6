//! The kinds of trouble, and what people are told of each.

/// How librdkafka begins what it was told about a token that could not be had.
const NO_TOKEN: &str = "Failed to acquire SASL OAUTHBEARER token: ";

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

    /// What is wrong in the words of librdkafka, and what to do about it.
    pub(super) fn told(self, reason: &str) -> String {
        let remedy = self.remedy(reason);
        match self {
            Self::Authentication if reason.contains(NO_TOKEN) => {
                let why = reason.replacen(NO_TOKEN, "", 1);
                format!("there is no token to log in with ({why}); {remedy}; still trying")
            }
            Self::Authentication => {
                format!("a broker refuses the credentials ({reason}); {remedy}; still trying")
            }
            Self::Tls => format!("TLS can't be set up ({reason}); {remedy}; still trying"),
            Self::Authorization => {
                format!("not allowed ({reason}); {remedy}; still trying")
            }
            Self::UnknownTopic => format!("a topic isn't there ({reason}); waiting for it"),
            Self::Corrupt => format!("fetched data can't be read ({reason})"),
            Self::Group | Self::Unreachable | Self::OutOfRange => {
                format!("the group's coordinator refuses this member ({reason}); still trying")
            }
        }
    }
}

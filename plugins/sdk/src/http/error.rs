//! What can go wrong with a request.

use std::fmt;

/// Why there is no answer, or not the one that was wanted.
///
/// `?` makes a [`Failure`](crate::Failure) of it that is tried again, as of most errors;
/// [`OrFail`](crate::OrFail) chooses otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// It could not be sent as it is: its URL, its method or a header is none. The text says which.
    Invalid(String),
    /// It may not be sent: its origin is not granted, or its name stands for an address that isn't public. The
    /// handler's log has the line of the configuration that decides.
    Denied,
    /// There is nobody at the other end, or not whom its certificate should prove.
    Unreachable(String),
    /// It took too long.
    TimedOut,
    /// The request's or the answer's body is longer than `limits.http-body-bytes`.
    TooLarge,
    /// The other end broke off, or broke the rules of HTTP.
    Broken(String),
    /// The answer's status is not a success; see [`Response::ok`](super::Response::ok).
    Status(u16),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what) => write!(f, "the HTTP request can't be sent: {what}"),
            Self::Denied => f.write_str("the HTTP request is denied: its origin is not granted"),
            Self::Unreachable(why) => write!(f, "the HTTP service can't be reached: {why}"),
            Self::TimedOut => f.write_str("the HTTP request took too long"),
            Self::TooLarge => f.write_str("the body of the HTTP request or answer is too long"),
            Self::Broken(why) => write!(f, "the HTTP request got no whole answer: {why}"),
            Self::Status(status) => write!(f, "the HTTP service answered {status}"),
        }
    }
}

impl std::error::Error for Error {}

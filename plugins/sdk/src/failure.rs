//! How a handler says no.

use std::{any::Any, error::Error, fmt, str::Utf8Error, time::Duration};

/// Why a message could not be handled, and what is to become of it.
///
/// `?` makes a failure of any error: JSON and text that can't be read are [rejected](Self::reject), since
/// another attempt can't change that; everything else is [`other`](Self::other), which is tried again.
/// [`OrFail`] chooses otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Retry(Option<Duration>),
    Reject(String),
    Other(String),
}

impl Failure {
    /// Try again after the configured back-off. Counts as an attempt.
    pub fn retry() -> Self {
        Self {
            kind: Kind::Retry(None),
        }
    }

    /// Try again after this long, bounded by the handler's configuration. Counts as an attempt.
    pub fn retry_after(delay: Duration) -> Self {
        Self {
            kind: Kind::Retry(Some(delay)),
        }
    }

    /// This message will never succeed: dead-letter it now, with this reason, without another attempt.
    pub fn reject(reason: impl Into<String>) -> Self {
        Self {
            kind: Kind::Reject(reason.into()),
        }
    }

    /// Anything else, with a text for people. Tried again as configured.
    pub fn other(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Other(text.into()),
        }
    }

    /// Whether it asks for another attempt, and after how long if it says so.
    pub fn is_retry(&self) -> Option<Option<Duration>> {
        match &self.kind {
            Kind::Retry(delay) => Some(*delay),
            Kind::Reject(_) | Kind::Other(_) => None,
        }
    }

    /// Whether it rejects the message.
    pub fn is_reject(&self) -> bool {
        matches!(self.kind, Kind::Reject(_))
    }

    /// Whether it is neither a wish for another attempt nor a rejection.
    pub fn is_other(&self) -> bool {
        matches!(self.kind, Kind::Other(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Retry(None) => f.write_str("to be tried again"),
            Kind::Retry(Some(delay)) => write!(f, "to be tried again after {delay:?}"),
            Kind::Reject(text) => write!(f, "rejected: {text}"),
            Kind::Other(text) => f.write_str(text),
        }
    }
}

/// Not an `Error` itself, so that this can hold for every error.
impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let any: &dyn Any = &error;
        let permanent = any.is::<serde_json::Error>() || any.is::<Utf8Error>();
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        if permanent {
            Self::reject(text)
        } else {
            Self::other(text)
        }
    }
}

/// Turns a missing value or an error into a [`Failure`] of a chosen kind.
///
/// ```
/// # use pelton_sdk::{Failure, Message, OrFail};
/// fn user<'a>(message: &Message<'a>) -> Result<&'a str, Failure> {
///     message.key_str().or_reject("the key is not a user's id")
/// }
/// ```
pub trait OrFail<T>: Sized {
    /// Rejects the message; the error's own text, if there is one, follows after this.
    ///
    /// # Errors
    /// There is no value.
    fn or_reject(self, reason: &str) -> Result<T, Failure>;
    /// Fails with a text, to be tried again; the error's own, if there is one, follows after this.
    ///
    /// # Errors
    /// There is no value.
    fn or_other(self, text: &str) -> Result<T, Failure>;
    /// Asks for another attempt.
    ///
    /// # Errors
    /// There is no value.
    fn or_retry(self) -> Result<T, Failure>;
}

impl<T> OrFail<T> for Option<T> {
    fn or_reject(self, reason: &str) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::reject(reason))
    }

    fn or_other(self, text: &str) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::other(text))
    }

    fn or_retry(self) -> Result<T, Failure> {
        self.ok_or_else(Failure::retry)
    }
}

impl<T, E: fmt::Display> OrFail<T> for Result<T, E> {
    fn or_reject(self, reason: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::reject(format!("{reason}: {error}")))
    }

    fn or_other(self, text: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::other(format!("{text}: {error}")))
    }

    fn or_retry(self) -> Result<T, Failure> {
        self.map_err(|_| Failure::retry())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_text_that_cannot_be_read_are_rejected_and_all_else_is_tried_again() {
        let json = Failure::from(serde_json::from_str::<u32>("x").unwrap_err());
        assert!(json.is_reject(), "{json}");
        let text = Failure::from(String::from_utf8(vec![0xFF]).unwrap_err().utf8_error());
        assert!(text.is_reject(), "{text}");
        let number = Failure::from("x".parse::<u32>().unwrap_err());
        assert!(number.is_other(), "{number}");
    }

    #[test]
    fn a_chosen_kind_keeps_the_error_text() {
        let failure = "x".parse::<u32>().or_reject("no count").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "rejected: no count: invalid digit found in string"
        );
        assert_eq!(None::<u32>.or_retry().unwrap_err().is_retry(), Some(None));
    }
}

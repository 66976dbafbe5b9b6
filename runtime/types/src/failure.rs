//! What a handler decided about a message, or what became of it.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// The outcome of giving one message to a handler once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The handler succeeded; this many outputs wait to be produced. None at all means it was filtered.
    Done {
        /// How many outputs it returned.
        outputs: u32,
    },
    /// The handler failed, or was stopped.
    Failed(Failure),
    /// The guest never came to this message (an earlier one of the batch failed, or the call was cut short).
    NotAttempted,
}

/// Why one attempt at a message failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which kind of failure.
    pub kind: FailureKind,
    /// What it said, for people. Bounded by who makes it.
    pub text: String,
    /// How long the handler asked to wait before the next attempt.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure without a wish for a delay.
    pub fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            retry_after: None,
        }
    }
}

/// The kinds of failure, as they stand in logs, metrics and dead-letter headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The handler asked for another attempt.
    Retry,
    /// The handler declared the message unprocessable: dead-letter at once.
    Reject,
    /// The handler failed with a text of its own.
    Other,
    /// The guest trapped.
    Trap,
    /// The guest ran longer than the handler's time limit.
    TimeLimit,
    /// The guest wanted more memory than the handler's limit.
    MemoryLimit,
    /// The guest returned more outputs, or more bytes, than the handler's limit.
    OutputLimit,
    /// The guest handed the host more bytes in one call than the handler's limit.
    HostCallLimit,
    /// The guest broke the contract: an answer that can't be decoded, an output to a topic not configured.
    Contract,
    /// The broker refused an output for good: too large, not allowed.
    Produce,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Retry,
        Self::Reject,
        Self::Other,
        Self::Trap,
        Self::TimeLimit,
        Self::MemoryLimit,
        Self::OutputLimit,
        Self::HostCallLimit,
        Self::Contract,
        Self::Produce,
    ];

    /// The kind as it stands in headers, labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Reject => "reject",
            Self::Other => "other",
            Self::Trap => "trap",
            Self::TimeLimit => "time-limit",
            Self::MemoryLimit => "memory-limit",
            Self::OutputLimit => "output-limit",
            Self::HostCallLimit => "host-call-limit",
            Self::Contract => "contract",
            Self::Produce => "produce",
        }
    }

    /// Whether another attempt can't change it, so that none is made.
    pub fn is_permanent(self) -> bool {
        match self {
            Self::Reject | Self::Produce => true,
            Self::Retry
            | Self::Other
            | Self::Trap
            | Self::TimeLimit
            | Self::MemoryLimit
            | Self::OutputLimit
            | Self::HostCallLimit
            | Self::Contract => false,
        }
    }

    /// Whether the *instance*, not the handler's answer, failed. Such a failure in a batch, or in an instance
    /// that has handled earlier messages, may be a neighbour's fault (delivery rule 40).
    pub fn is_instance_fault(self) -> bool {
        match self {
            Self::Trap
            | Self::TimeLimit
            | Self::MemoryLimit
            | Self::HostCallLimit
            | Self::Contract => true,
            Self::Retry | Self::Reject | Self::Other | Self::OutputLimit | Self::Produce => false,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! The vocabulary of Pelton: what every other room speaks of.
//!
//! Plain data only: no I/O, no clock, no task. Key and value keep *null* and *empty* apart,
//! headers keep their order, their duplicates and their nulls, and a name is bytes because
//! Kafka does not promise UTF-8.
//!
//! Start reading at [`Message`], then [`Verdict`].
#![forbid(unsafe_code)]

mod failure;
mod headers;
mod hex;
mod message;
mod origin;
pub mod redrive;
mod revision;
mod secret;

pub use failure::{Failure, FailureKind, Verdict};
pub use headers::{HeaderRef, Headers, NO_HEADERS};
pub use hex::hex;
pub use message::{Header, Message, MessageId, NoMessageId, Output, Timestamp, TopicPartition};
pub use origin::{Host, Origin, Scheme};
pub use revision::RevisionId;
pub use secret::is_secret_property;

/// The position of a message in its partition, as the broker counts.
pub type Offset = i64;

//! Talks to brokers, and embeds one. The only room that names librdkafka.
//!
//! - [`Consumer`]: a member of a group. One thread polls; everything librdkafka says comes out as one
//!   stream of [`ConsumerEvent`]s. It never commits by itself and never chooses a position by itself.
//! - [`Producer`]: idempotent, `acks=all`; delivery reports arrive in a [`Mailbox`] of the sender's.
//! - [`Transactions`]: the transactional producer of one member, through its renewals; blocking calls on a thread
//!   of its own.
//! - [`Admin`]: which topics there are, and making them.
//! - [`Reader`]: reads topics outside every group, and a group's offsets.
//! - [`Turns`]: whether the thread of one of these moves.
//! - [`EmbeddedBroker`]: a broker in this process, for development and tests.
//!
//! It doesn't know what messages mean, nor what stands in the metadata beside an offset.
//!
//! Invariant: no librdkafka object is dropped on an async runtime, and none of its memory leaves this room:
//! what is handed out is copied.
//!
//! Start reading at [`ConsumerEvent`], then `consumer/thread.rs`; `native` is the layer over the C interface.

mod admin;
mod check;
mod consumer;
mod embedded;
mod error;
mod native;
mod producer;
mod properties;
mod reader;
mod token;
mod transaction;
mod trouble;
mod turns;

pub use admin::{Admin, TopicNames};
pub use consumer::{
    Assignment, Commit, CommitError, Consumer, ConsumerEvent, ConsumerMemory, ConsumerSettings,
    End, Epoch, Protocol, RevokeAck, Start, Topics, Transit,
};
pub use embedded::EmbeddedBroker;
pub use error::Error;
pub use native::Committed;
pub use producer::{
    Delivery, DeliveryError, Mailbox, Outgoing, Producer, ProducerHealth, ProducerSettings,
    SendError,
};
pub use reader::{Ranges, Reader};
pub use transaction::{TransactionError, TransactionFailure, TransactionSettings, Transactions};
pub use trouble::TroubleClass;
pub use turns::Turns;

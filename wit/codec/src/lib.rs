//! The packed batch layout, as `wit/packed.wit` documents it: many messages as one arena of bytes and a
//! flat index of words, and the answer to them in the same manner.
//!
//! Four parts, two for each side:
//!
//! | | host | guest |
//! |---|---|---|
//! | batch | [`BatchWriter`] | [`BatchReader`] |
//! | answer | [`decode_answer`] | [`AnswerWriter`] |
//!
//! Invariant: nothing that is read is trusted. Each word is checked before it is used, nothing is
//! allocated for a count that the remaining words couldn't hold, and no input makes this crate panic.
//! Everything that is read borrows from the arena; nothing is copied.
//!
//! No dependencies and no `std`, because it is compiled into each guest.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod answer;
mod answer_writer;
mod batch_reader;
mod batch_writer;
mod cursor;
mod error;
mod message;
mod packer;

pub use answer::{Answer, decode_answer};
pub use answer_writer::AnswerWriter;
pub use batch_reader::BatchReader;
pub use batch_writer::BatchWriter;
pub use error::{DecodeError, TooLong};
pub use message::{
    Field, HeaderRef, Headers, MessageRef, OutputHeaders, OutputRef, Timestamp, VerdictRef,
};

/// The version of the layout, the first word of each index.
pub const VERSION: u32 = 1;
/// In place of a length: null. In place of an output's topic or partition: the default.
pub const NULL: u32 = 0xFFFF_FFFF;
/// In place of an output's key or value length or its count of headers: the same as the message's.
pub const SAME: u32 = 0xFFFF_FFFE;
/// The words before the topics of either index: version, flags, count of topics, count of messages or verdicts.
const HEAD: usize = 4;
/// The words of a message, up to its count of headers.
const MESSAGE: usize = 11;
/// The words of an output, up to its count of headers.
const OUTPUT: usize = 8;

//! What can be wrong with an index or an arena, told precisely enough to find the defect in an encoder.

use core::{error, fmt};

/// Why a batch or an answer could not be decoded. `word` is the position in the index of the word at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The index ends before this was complete.
    IndexEnds {
        /// What was being read.
        what: &'static str,
        /// Where the index ends.
        word: usize,
    },
    /// The arena holds fewer bytes than a length asks for.
    ArenaEnds {
        /// What was being read.
        what: &'static str,
        /// The word with the length.
        word: usize,
        /// The length.
        length: u32,
        /// Bytes left in the arena.
        left: usize,
    },
    /// A layout version that this crate does not know.
    Version(u32),
    /// Reserved flags are set.
    Flags(u32),
    /// A count that the rest of the index can't hold.
    Count {
        /// What is counted.
        what: &'static str,
        /// The word with the count.
        word: usize,
        /// The count.
        count: u32,
    },
    /// A word that has none of the values it may have.
    Value {
        /// What the word stands for.
        what: &'static str,
        /// Its position.
        word: usize,
        /// Its value.
        value: u32,
    },
    /// A topic, header name or text that is not UTF-8.
    NotUtf8 {
        /// What was being read.
        what: &'static str,
        /// The word with its length.
        word: usize,
    },
    /// More verdicts than there were messages.
    TooManyVerdicts {
        /// The count of verdicts.
        verdicts: u32,
        /// The count of messages in the batch.
        messages: u32,
    },
    /// A verdict other than *not attempted* after the first failure.
    AfterFailure {
        /// The position of the verdict, from 0.
        position: u32,
    },
    /// Words or bytes are left over after the last verdict.
    LeftOver {
        /// Words left in the index.
        words: usize,
        /// Bytes left in the arena.
        bytes: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IndexEnds { what, word } => {
                write!(f, "the index ends at word {word}, within the {what}")
            }
            Self::ArenaEnds {
                what,
                word,
                length,
                left,
            } => {
                write!(
                    f,
                    "the {what} takes {length} bytes (word {word}), but the arena has {left} left"
                )
            }
            Self::Version(version) => {
                write!(
                    f,
                    "layout version {version} is not known, {} is",
                    crate::VERSION
                )
            }
            Self::Flags(flags) => write!(f, "reserved flags are set: {flags:#x}"),
            Self::Count { what, word, count } => {
                write!(
                    f,
                    "the {what} of {count} (word {word}) is more than the index holds"
                )
            }
            Self::Value { what, word, value } => {
                write!(f, "{value} is no valid {what} (word {word})")
            }
            Self::NotUtf8 { what, word } => {
                write!(f, "the {what} with its length in word {word} is not UTF-8")
            }
            Self::TooManyVerdicts { verdicts, messages } => {
                write!(f, "{verdicts} verdicts for {messages} messages")
            }
            Self::AfterFailure { position } => {
                write!(
                    f,
                    "verdict {position} follows a failure and is not `not attempted`"
                )
            }
            Self::LeftOver { words, bytes } => {
                write!(
                    f,
                    "{words} words and {bytes} bytes are left over after the last verdict"
                )
            }
        }
    }
}

impl error::Error for DecodeError {}

/// Something is too long for the layout: four gigabytes, or so many of a thing. Nothing of what was being
/// written has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("longer than the packed layout can say")
    }
}

impl error::Error for TooLong {}

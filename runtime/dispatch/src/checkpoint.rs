//! What is committed of a partition, and its form in the commit's metadata.
//!
//! An offset says that everything below it is finished. What is finished beyond, and how often failing
//! messages were attempted, stands in the metadata, so that the next owner repeats only what was not finished
//! and an endless row of restarts is no endless row of attempts (delivery rules 6 and 6b).
//!
//! The text is `pelton:1:` and, in base64 (the URL's alphabet, no padding), LEB128 numbers:
//! - the offset it was committed with: tools that copy offsets to another cluster translate it and keep the text,
//!   which then speaks of other messages and says nothing;
//! - the count of pairs; for each pair how many offsets in a row are not finished, then how many are, the
//!   first pair beginning at the committed offset. Offsets that have no message belong to either;
//! - the count of failed messages; for each its offset (how far above the one before, the first above the
//!   committed offset), its attempts, and when the next is due, in milliseconds of the driver's clock.
//!
//! Invariant: what is written never exceeds the limit it is given and is never wrong; what doesn't fit is left out.

use std::{ops::Range, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use integer_encoding::VarInt;
use pelton_types::Offset;
use serde::{Deserialize, Serialize};

/// How our metadata begins. Another program's, or another version's, is not ours to read.
const MARK: &str = "pelton:1:";
/// Most pairs, and most failed messages, that are read: far above what fits into a broker's limit.
const MOST: u64 = 100_000;

/// What is committed: everything below `next`, and beyond it what the metadata says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The lowest offset that is not finished.
    pub next: Offset,
    /// What is known beyond it, as it stands in the commit's metadata. May be empty, or someone else's.
    pub metadata: String,
}

impl Checkpoint {
    /// Nothing is known beyond `next`.
    pub fn at(next: Offset) -> Self {
        Self {
            next,
            metadata: String::new(),
        }
    }

    /// What the metadata says. Another program's metadata says nothing.
    ///
    /// # Errors
    /// It bears our mark and can't be read.
    pub fn progress(&self) -> Result<Progress, Unreadable> {
        let Some(text) = self.metadata.strip_prefix(MARK) else {
            return Ok(Progress::default());
        };
        let bytes = BASE64.decode(text).map_err(|_| Unreadable("base64"))?;
        let mut reader = Reader { rest: &bytes };
        if i64::try_from(reader.number()?) != Ok(self.next) {
            return Err(Unreadable("offset"));
        }
        let progress = Progress {
            finished: reader.finished(self.next)?,
            tried: reader.tried(self.next)?,
        };
        match reader.rest {
            [] => Ok(progress),
            _ => Err(Unreadable("length")),
        }
    }
}

/// Metadata that bears our mark and can't be read: nobody but Pelton should write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the commit's metadata is marked as Pelton's but its {0} is not right")]
pub struct Unreadable(&'static str);

/// What is known beyond the committed offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Finished offsets: ranges that rise and don't touch, none of them empty.
    pub finished: Vec<Range<Offset>>,
    /// Messages that failed and are not finished, in the order of their offsets.
    pub tried: Vec<Tried>,
}

/// A message that failed and is not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Which one.
    pub offset: Offset,
    /// Attempts made at it that count.
    pub attempts: u32,
    /// When the next one is due; whole milliseconds.
    pub due: Duration,
}

impl Progress {
    /// Whether this offset is finished.
    pub fn is_finished(&self, offset: Offset) -> bool {
        let after = self.finished.partition_point(|range| range.end <= offset);
        self.finished
            .get(after)
            .is_some_and(|range| range.contains(&offset))
    }

    /// Writes it as metadata of a commit of `next`, in at most `limit` bytes. Returns the offset from which on
    /// finished messages had to be left out, if any had to. Nothing of the progress lies below `next`.
    pub fn metadata(&self, next: Offset, limit: usize) -> Written {
        if self.finished.is_empty() && self.tried.is_empty() {
            return Written::default();
        }
        let of = u64::try_from(next).unwrap_or(0).encode_var_vec();
        let room = (limit.saturating_sub(MARK.len()) / 4 * 3).saturating_sub(of.len());
        // Failed messages get what is left by the others, and half of the room at least.
        let tried = self.tried_bytes(next, room / 2);
        let (pairs, cut) = self.pairs_bytes(next, room.saturating_sub(tried.bytes.len()));
        let tried = self.tried_bytes(next, room.saturating_sub(pairs.len()));
        let complete = cut.is_none() && tried.count == self.tried.len();
        let metadata = if room < 2 {
            String::new()
        } else {
            let bytes = [of, pairs, tried.bytes].concat();
            format!("{MARK}{}", BASE64.encode(bytes))
        };
        Written {
            metadata,
            complete,
            cut,
        }
    }

    /// How many more pairs are told for certain, in which no distance has more than so many digits.
    pub(crate) fn further_pairs(&self, next: Offset, digits: usize, limit: usize) -> usize {
        let of = u64::try_from(next).unwrap_or(0).required_space();
        let room = (limit.saturating_sub(MARK.len()) / 4 * 3).saturating_sub(of);
        let taken = self.pairs_bytes(next, usize::MAX).0.len();
        // Failed messages may take half of the room, and the count of pairs grows by two bytes at most.
        (room / 2).saturating_sub(taken + 2) / (2 * digits)
    }

    fn pairs_bytes(&self, next: Offset, room: usize) -> (Vec<u8>, Option<Offset>) {
        let (mut pairs, mut count, mut at, mut cut) = (Vec::new(), 0, next, None);
        for range in &self.finished {
            let pair = [
                distance(at, range.start).encode_var_vec(),
                distance(range.start, range.end).encode_var_vec(),
            ]
            .concat();
            if count_bytes(count + 1) + pairs.len() + pair.len() > room {
                cut = Some(range.start);
                break;
            }
            pairs.extend(pair);
            count += 1;
            at = range.end;
        }
        (counted(count, pairs), cut)
    }

    fn tried_bytes(&self, next: Offset, room: usize) -> TriedBytes {
        let (mut entries, mut count, mut at) = (Vec::new(), 0, next);
        for tried in &self.tried {
            let due = u64::try_from(tried.due.as_millis()).unwrap_or(u64::MAX);
            let entry = [
                distance(at, tried.offset).encode_var_vec(),
                tried.attempts.encode_var_vec(),
                due.encode_var_vec(),
            ]
            .concat();
            if count_bytes(count + 1) + entries.len() + entry.len() > room {
                break;
            }
            entries.extend(entry);
            count += 1;
            at = tried.offset;
        }
        TriedBytes {
            count: usize::try_from(count).unwrap_or(usize::MAX),
            bytes: counted(count, entries),
        }
    }
}

/// Progress in the form of metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text; empty where there is nothing to say.
    pub metadata: String,
    /// Everything fitted.
    pub complete: bool,
    /// Where it didn't: what is finished from here on is not told.
    pub cut: Option<Offset>,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            metadata: String::new(),
            complete: true,
            cut: None,
        }
    }
}

struct TriedBytes {
    count: usize,
    bytes: Vec<u8>,
}

/// The bytes with their count before them.
fn counted(count: u64, bytes: Vec<u8>) -> Vec<u8> {
    [count.encode_var_vec(), bytes].concat()
}

/// How many bytes a count takes.
fn count_bytes(count: u64) -> usize {
    count.required_space()
}

/// How many digits, each of seven bits, a distance is written with.
pub(crate) fn digits(distance: u64) -> usize {
    distance.required_space()
}

pub(crate) fn distance(from: Offset, to: Offset) -> u64 {
    u64::try_from(to.saturating_sub(from)).unwrap_or(0)
}

/// Reads what may be anything.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn finished(&mut self, next: Offset) -> Result<Vec<Range<Offset>>, Unreadable> {
        let mut ranges = Vec::new();
        let mut at = next;
        for _ in 0..self.count()? {
            let start = self.further(at)?;
            let end = self.further(start)?;
            if start == at && !ranges.is_empty() || end == start {
                return Err(Unreadable("row of offsets"));
            }
            ranges.push(start..end);
            at = end;
        }
        Ok(ranges)
    }

    fn tried(&mut self, next: Offset) -> Result<Vec<Tried>, Unreadable> {
        let mut all: Vec<Tried> = Vec::new();
        let mut at = next;
        for _ in 0..self.count()? {
            let offset = self.further(at)?;
            if all.last().is_some_and(|last| last.offset == offset) {
                return Err(Unreadable("order of messages"));
            }
            let attempts = u32::try_from(self.number()?).map_err(|_| Unreadable("attempts"))?;
            let due = Duration::from_millis(self.number()?);
            all.push(Tried {
                offset,
                attempts,
                due,
            });
            at = offset;
        }
        Ok(all)
    }

    fn count(&mut self) -> Result<u64, Unreadable> {
        self.number()
            .and_then(|count| (count <= MOST).then_some(count).ok_or(Unreadable("count")))
    }

    /// An offset that stands so much above another.
    fn further(&mut self, from: Offset) -> Result<Offset, Unreadable> {
        let distance = i64::try_from(self.number()?).map_err(|_| Unreadable("offset"))?;
        from.checked_add(distance).ok_or(Unreadable("offset"))
    }

    fn number(&mut self) -> Result<u64, Unreadable> {
        let (number, length) = u64::decode_var(self.rest).ok_or(Unreadable("end"))?;
        self.rest = self.rest.get(length..).unwrap_or_default();
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_room_for_further_pairs_is_half_of_what_there_is() {
        let nothing = Progress::default();
        assert_eq!(nothing.further_pairs(0, 1, 4096), 764);
        assert_eq!(nothing.further_pairs(0, 2, 4096), 382);
        let some = Progress {
            finished: vec![2..3, 4..5],
            tried: Vec::new(),
        };
        assert_eq!(some.further_pairs(0, 2, 4096), 381);
        assert_eq!(nothing.further_pairs(0, 1, 0), 0);
    }

    #[test]
    fn a_digit_holds_seven_bits() {
        let written = [0, 127, 128, 16_383, 16_384].map(digits);
        assert_eq!(written, [1, 1, 2, 2, 3]);
    }

    #[test]
    fn what_has_no_room_at_all_is_told_as_nothing() {
        let progress = Progress {
            finished: vec![2..3, 4..5],
            tried: Vec::new(),
        };
        let told = |limit| progress.metadata(0, limit).metadata;
        assert_eq!(told(12), "", "a number needs a byte");
        assert_eq!(
            told(13),
            "pelton:1:AAAA",
            "of offset 0: no pairs, no failed messages"
        );
        let checkpoint = Checkpoint {
            next: 0,
            metadata: told(13),
        };
        assert_eq!(checkpoint.progress(), Ok(Progress::default()));
    }

    proptest! {
        /// What the exactly-once guarantee rests on: nothing that finishes is left untold.
        #[test]
        fn further_pairs_are_told_beside_as_many_failed_messages_as_there_are(
            next in 0..1_000_000_i64,
            own in proptest::collection::vec((1..100_i64, 1..100_i64), 0..60),
            digits in 1..3_usize,
            limit in 0..4_097_usize,
        ) {
            let mut at = next;
            let mut progress = Progress::default();
            for (gap, length) in own {
                progress.finished.push(at + gap..at + gap + length);
                at += gap + length;
            }
            let untold = progress.metadata(next, limit).cut.is_some();
            let most = (1_i64 << (7 * digits)) - 1;
            for _ in 0..progress.further_pairs(next, digits, limit) {
                progress.tried.push(Tried {
                    offset: at + most - 1,
                    attempts: 3,
                    due: Duration::from_secs(2_000_000_000),
                });
                progress.finished.push(at + most..at + 2 * most);
                at += 2 * most;
            }
            prop_assert!(untold || progress.metadata(next, limit).cut.is_none());
        }
    }
}

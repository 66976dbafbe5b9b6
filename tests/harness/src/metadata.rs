//! What a commit's metadata says is finished beyond the committed offset, read from the bytes alone.
//!
//! The text is `pelton:1:` and base64url without padding of unsigned LEB128 numbers: the offset it
//! was committed with, how many pairs follow, then pairs of (unfinished, finished) lengths of runs of offsets that begin at the committed one. What follows (retries)
//! doesn't matter here. Written from that description, so that dispatch and its checker can't be wrong together.
//!
//! Invariant: whatever can't be read says that nothing is finished, which can only make the checker milder about
//! what may be repeated, never about what is lost.

use std::ops::Range;

/// With what Pelton's metadata of this version begins.
const MARK: &str = "pelton:1:";

/// The finished offsets at and beyond `next`. Empty for metadata that is not Pelton's.
pub fn finished(metadata: &str, next: i64) -> Vec<Range<i64>> {
    metadata
        .strip_prefix(MARK)
        .and_then(base64url)
        .and_then(|bytes| runs(&bytes, next))
        .unwrap_or_default()
}

/// The runs, or `None` when the numbers end too early or make no sense.
fn runs(bytes: &[u8], next: i64) -> Option<Vec<Range<i64>>> {
    let mut rest = bytes;
    // Copied beside another offset it would speak of other messages.
    (i64::try_from(number(&mut rest)?) == Ok(next)).then_some(())?;
    let count = number(&mut rest)?;
    let mut at = next;
    let mut found = Vec::new();
    for _ in 0..count {
        let from = at.checked_add(i64::try_from(number(&mut rest)?).ok()?)?;
        at = from.checked_add(i64::try_from(number(&mut rest)?).ok()?)?;
        found.push(from..at);
    }
    Some(found)
}

/// Takes an unsigned LEB128 number.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        let placed = bits << shift;
        // Bits that were pushed out mean a number of more than 64 bits.
        (placed >> shift == bits).then_some(())?;
        value |= placed;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Decodes base64url without padding.
fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for character in text.bytes() {
        held = held << 6 | u32::from(sextet(character)?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    // A lone character at the end, or bits that belong to no byte, come from no encoder.
    (bits < 6 && held == 0).then_some(bytes)
}

fn sextet(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The alphabet by its other end.
    fn encode(bytes: &[u8]) -> String {
        let alphabet: Vec<u8> = (0..=127_u8)
            .filter(|character| sextet(*character).is_some())
            .collect();
        let letter = |value: u8| {
            let found = alphabet.iter().find(|one| sextet(**one) == Some(value));
            char::from(*found.expect("every value has a letter"))
        };
        let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
        let mut text = String::from(MARK);
        for chunk in bits.as_bytes().chunks(6) {
            let digits = format!("{:0<6}", std::str::from_utf8(chunk).expect("ASCII"));
            text.push(letter(u8::from_str_radix(&digits, 2).expect("binary")));
        }
        text
    }

    #[test]
    fn runs_begin_at_the_committed_offset() {
        // Of offset 100, two pairs: 3 unfinished, 2 finished, 1 unfinished, 300 finished; then no retries.
        let text = encode(&[100, 2, 3, 2, 1, 0xac, 0x02, 0]);
        assert_eq!(finished(&text, 100), [103..105, 106..406]);
    }

    #[test]
    fn known_text_is_read_as_it_was_written() {
        // BwEBAgA is 07 01 01 02 00: of offset 7, one pair, one unfinished, two finished, no retries.
        assert!(
            finished("pelton:1:BwEBAgA", 7)
                .into_iter()
                .flatten()
                .eq(8..10)
        );
        assert_eq!(finished("pelton:1:BwAA", 7), []);
        assert_eq!(finished("pelton:1:BwEBAgA", 8), [], "of another offset");
    }

    #[test]
    fn metadata_of_others_says_nothing() {
        for foreign in [
            "",
            "other",
            "pelton:2:BwEBAgA",
            "pelton:1:AQE!",
            "pelton:1:A",
        ] {
            assert_eq!(finished(foreign, 7), [], "{foreign}");
        }
    }

    #[test]
    fn metadata_that_is_cut_short_or_absurd_says_nothing() {
        assert_eq!(finished(&encode(&[0, 2, 3, 2, 1]), 0), []);
        assert_eq!(finished(&encode(&[0x80]), 0), []);
        let endless = [&[0, 1, 0][..], &[0xff; 9], &[0x7f]].concat();
        assert_eq!(finished(&encode(&endless), 0), []);
    }
}

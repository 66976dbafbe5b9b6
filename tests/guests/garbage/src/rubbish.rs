//! Answers that no host may accept.

use pelton_codec::{NULL, VERSION};

/// Arena and index for a word, in a batch of `count` messages.
pub(crate) fn rubbish(word: &str, count: u32) -> Option<(Vec<u8>, Vec<u32>)> {
    let done_with = |output: [u32; 8]| [[VERSION, 0, 0, 1, 0, 1].as_slice(), &output].concat();
    let (arena, index): (&[u8], Vec<u32>) = match word {
        "version" => (b"", vec![99, 0, 0, 0]),
        "flags" => (b"", vec![VERSION, 4, 0, 0]),
        "words" => (b"rubbish", random(64)),
        "counts" => (b"", vec![VERSION, 0, NULL, 0]),
        "too-many" => {
            let mut index = vec![VERSION, 0, 0, count + 1];
            index.extend((0..=count).flat_map(|_| [0, 0]));
            (b"", index)
        }
        "arena" => (
            b"short",
            done_with([NULL, NULL, 0, 0, 0, NULL, 1_000_000, 0]),
        ),
        "utf8" => (b"\xFF\xFE", vec![VERSION, 0, 0, 1, 3, 2]),
        "topic" => (b"", done_with([3, NULL, 0, 0, 0, NULL, NULL, 0])),
        "after-failure" => (b"", vec![VERSION, 0, 0, 2, 1, NULL, NULL, 0, 0]),
        "left-over" => (b"bytes", vec![VERSION, 0, 0, 1, 0, 0, 7, 7, 7]),
        "large" => (b"", vec![VERSION; 4 << 20]),
        _ => return None,
    };
    Some((arena.to_vec(), index))
}

/// Always the same words, by xorshift.
fn random(count: usize) -> Vec<u32> {
    let mut state = 0x9E37_79B9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_refused_by_the_decoder() {
        let words = [
            "version",
            "flags",
            "words",
            "counts",
            "too-many",
            "arena",
            "utf8",
            "topic",
            "after-failure",
            "left-over",
            "large",
        ];
        for word in words {
            for count in [1, 2, 100] {
                let (arena, index) = rubbish(word, count).unwrap();
                assert!(
                    pelton_codec::decode_answer(&arena, &index, count).is_err(),
                    "{word} {count}"
                );
            }
        }
        assert_eq!(rubbish("something else", 1), None);
    }
}

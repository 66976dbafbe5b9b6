//! Where a letter stands on its topic, as people and programs write it: a partition and an offset, as in `0@42`.

/// As many digits as are always a partition, and an offset.
pub const DIGITS: (usize, usize) = (9, 18);

/// Reads a partition and an offset.
///
/// # Errors
/// It is none, in words.
pub fn parse(text: &str) -> Result<(i32, i64), String> {
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let parts = text.split_once('@');
    let parts =
        parts.filter(|(partition, offset)| digits(partition, DIGITS.0) && digits(offset, DIGITS.1));
    let parsed =
        parts.and_then(|(partition, offset)| Some((partition.parse().ok()?, offset.parse().ok()?)));
    parsed
        .ok_or_else(|| format!("a letter stands at PARTITION@OFFSET, as in 0@42, not at `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_partition_and_an_offset_and_nothing_else() {
        assert_eq!(parse("0@42"), Ok((0, 42)));
        let (partition, offset) = ("9".repeat(9), "9".repeat(18));
        assert!(parse(&format!("{partition}@{offset}")).is_ok());
        for wrong in [
            "42",
            "-1@0",
            "0@-1",
            "+1@0",
            "@",
            "0@",
            &format!("{partition}9@0"),
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

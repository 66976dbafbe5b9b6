//! Texts that come from guests, or are about them, on their way to people.
//!
//! Invariant: such a text is one line and bounded. It ends up in the daemon's log, where a line end or a
//! terminal's escape in a guest's reason, or in the name of one of its functions, would forge other lines.

const CUT: &str = "… (cut)";

/// The text as one line of not many more bytes than these: cut, and control characters written out.
pub(crate) fn bounded(text: &str, bytes: usize) -> String {
    let text = text.trim_end();
    let mut line = String::with_capacity(text.len().min(bytes));
    for character in text.chars() {
        let before = line.len();
        if character.is_control() && character != '\t' {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        if line.len() > bytes {
            line.truncate(before);
            line.push_str(CUT);
            break;
        }
    }
    line
}

/// The text up to so many bytes, cut between characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_is_cut_between_characters() {
        assert_eq!(bounded("a\nb\u{1b}[31m\tc\n", 100), "a\\nb\\u{1b}[31m\tc");
        assert_eq!(bounded("short", 5), "short");
        assert_eq!(bounded("ééé", 3), "é… (cut)");
        assert_eq!(bounded("\u{1b}\u{1b}", 7), "\\u{1b}… (cut)");
        assert_eq!(cut("ééé", 3), "é");
    }
}

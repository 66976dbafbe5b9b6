//! How text looks on a terminal, and that it has no say in that itself.

use std::io::{IsTerminal, stdout};

use terminal_size::{Height, Width, terminal_size};

/// Lines of a terminal that doesn't tell.
const HEIGHT: usize = 24;

/// What standard output can show.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// Columns to keep to; `None` where nobody sits before it.
    pub width: Option<usize>,
    /// Lines to keep to, where it is drawn anew.
    pub height: usize,
    pub colour: bool,
}

/// What a word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Good,
    Attention,
    Bad,
    Strong,
    Faint,
}

impl Look {
    /// Of standard output at this moment: a terminal may be made narrower.
    pub(crate) fn now() -> Self {
        let terminal = stdout().is_terminal();
        let size = terminal_size().filter(|_| terminal);
        // https://no-color.org
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            width: size.map(|(Width(columns), _)| usize::from(columns)),
            height: size.map_or(HEIGHT, |(_, Height(lines))| usize::from(lines)),
            colour: terminal && !unwanted && !dumb,
        }
    }

    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Good => "32",
            Paint::Attention => "33",
            Paint::Bad => "31",
            Paint::Strong => "1",
            Paint::Faint => "2",
        };
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    /// A text in lines that fit, each further one as far in as the first.
    pub(crate) fn wrap(self, indent: usize, text: &str) -> Vec<String> {
        let Some(width) = self.width else {
            return vec![format!("{:indent$}{text}", "")];
        };
        let room = width.saturating_sub(indent).max(20);
        let mut lines = vec![String::new()];
        for word in text.split(' ') {
            let line = lines.last().map_or(0, |line| line.chars().count());
            if line > 0 && line + 1 + word.chars().count() > room {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        lines
            .iter()
            .map(|line| format!("{:indent$}{line}", ""))
            .collect()
    }
}

/// A text as one line that can do nothing to a terminal.
pub(crate) fn plain(text: &str) -> String {
    let shown = |c: char| match c.is_control() || is_invisible(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(shown).collect()
}

/// What turns the direction of text, or stands for nothing.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// How much a text is to be cut to fit.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    kept + "…"
}

/// So many milliseconds, in the two largest units.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..=59 => format!("{seconds}s"),
        60..=3599 => format!("{minutes}m {}s", seconds % 60),
        3600..=86_399 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 0s"),
            (3_661, "1h 1m"),
            (90_000, "1d 1h"),
        ] {
            assert_eq!(span(seconds * 1000), text);
        }
    }

    #[test]
    fn text_wraps_at_words_and_only_for_people() {
        let look = Look {
            width: Some(22),
            ..Look::default()
        };
        let text = "topic orders is not there, create it";
        assert_eq!(
            look.wrap(2, text),
            ["  topic orders is not", "  there, create it"]
        );
        assert_eq!(Look::default().wrap(2, text), [format!("  {text}")]);
    }

    #[test]
    fn nothing_of_a_text_reaches_the_terminal_but_what_can_be_seen() {
        assert_eq!(plain("a\x1b[2Jb\n\u{202e}c"), "a\\u{1b}[2Jb\\n\\u{202e}c");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("äbc", 3), "äbc");
    }
}

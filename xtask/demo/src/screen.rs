//! Lines on a terminal: scrolling, with little colour, readable in 80 columns and better in 100.

mod digest;
mod show;

use std::{
    cell::Cell,
    io::{IsTerminal, Write, stdout},
    time::Instant,
};

pub use show::Counts;

/// The narrowest and the widest that lines are made.
const WIDTHS: std::ops::RangeInclusive<usize> = 76..=140;
/// The width where there is no terminal.
const WIDTH: usize = 100;

/// A colour, or how a text is set off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// As it is.
    Plain,
    /// What is said in passing.
    Dim,
    /// What was done.
    Green,
    /// What went wrong.
    Red,
    /// What has changed.
    Yellow,
    /// What is a heading.
    Bold,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Dim => "2",
            Self::Green => "32",
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Bold => "1",
        }
    }
}

/// A terminal, or whatever else takes lines.
pub struct Screen {
    colour: bool,
    begun: Instant,
    gone: Cell<bool>,
}

impl Screen {
    /// Standard output; with colour if it is a terminal and NO_COLOR isn't set.
    pub fn new() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: stdout().is_terminal() && !refused,
            begun: Instant::now(),
            gone: Cell::new(false),
        }
    }

    /// Columns of a line.
    pub fn width(&self) -> usize {
        let size = terminal_size::terminal_size();
        size.map_or(WIDTH, |(width, _)| usize::from(width.0))
            .clamp(*WIDTHS.start(), *WIDTHS.end())
    }

    /// The time since the demonstration began, `mm:ss`.
    pub fn time(&self) -> String {
        let seconds = self.begun.elapsed().as_secs();
        format!("{:02}:{:02}", seconds / 60, seconds % 60)
    }

    /// Prints a line of pieces.
    pub fn line(&self, pieces: &[(Ink, &str)]) {
        let mut line = String::new();
        for (ink, text) in pieces {
            if self.colour && *ink != Ink::Plain {
                line.push_str(&format!("\x1b[{}m{text}\x1b[0m", ink.code()));
            } else {
                line.push_str(text);
            }
        }
        if writeln!(stdout(), "{line}").is_err() {
            self.gone.set(true);
        }
    }

    /// Whether nobody reads any more.
    pub fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// Prints a line of one piece.
    pub fn say(&self, ink: Ink, text: &str) {
        self.line(&[(ink, text)]);
    }

    /// Prints what happened, with the time and a mark that tells it from messages.
    pub fn event(&self, ink: Ink, text: &str) {
        let width = self.width() - 9;
        for (at, part) in wrap(text, width, width).iter().enumerate() {
            let before = if at == 0 {
                format!("{} ** ", self.time())
            } else {
                " ".repeat(9)
            };
            self.line(&[(Ink::Dim, &before), (ink, part)]);
        }
    }
}

/// Breaks a text at blanks, or within a word that is longer than a line, into a first line of one width and further
/// ones of another. What can't be shown as it is (control characters) is escaped.
fn wrap(text: &str, first: usize, further: usize) -> Vec<String> {
    let text: String = text.chars().map(printable).collect();
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let width = if lines.len() == 1 { first } else { further }.max(1);
            let Some(line) = lines.last_mut() else {
                return lines;
            };
            let used = line.chars().count();
            let blank = usize::from(used > 0);
            if used + blank + word.len() <= width {
                line.push_str(&" ".repeat(blank));
                line.extend(word.iter());
                break;
            }
            if used == 0 {
                line.extend(word.drain(..width));
            }
            lines.push(String::new());
        }
    }
    lines
}

fn printable(char: char) -> char {
    if char.is_control() { '·' } else { char }
}

/// A text cut to a width and filled up to it.
fn column(text: &str, width: usize) -> String {
    let mut cells: Vec<char> = text.chars().map(printable).collect();
    if cells.len() > width {
        cells.truncate(width.saturating_sub(1));
        cells.push('…');
    }
    let text: String = cells.into_iter().collect();
    format!("{text:<width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_at_blanks_and_long_words_anywhere() {
        assert_eq!(wrap("one two three", 7, 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3, 4), ["abc", "defg", "h ij"]);
        assert_eq!(wrap("", 3, 4), [""]);
        assert_eq!(wrap("a\nb", 3, 4), ["a·b"]);
    }

    #[test]
    fn columns_are_cut_and_filled() {
        assert_eq!(column("abc", 5), "abc  ");
        assert_eq!(column("abcdef", 5), "abcd…");
    }
}

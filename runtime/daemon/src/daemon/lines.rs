//! Several things that are told together.

use std::fmt;

/// One or more, each a line.
#[derive(Debug)]
pub(super) struct Lines<T>(pub(super) Vec<T>);

impl<T: fmt::Display> fmt::Display for Lines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(T::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

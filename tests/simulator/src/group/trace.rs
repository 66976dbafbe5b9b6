//! The last steps of a run, for people who look for a fault.

use std::collections::VecDeque;

/// How many steps are kept.
const KEPT: usize = 60;

/// Lines about what happened.
#[derive(Debug)]
pub(super) struct Trace {
    verbose: bool,
    lines: VecDeque<String>,
}

impl Trace {
    /// Keeps the last lines, and prints every one if `verbose`.
    pub fn new(verbose: bool) -> Self {
        Self {
            verbose,
            lines: VecDeque::with_capacity(KEPT),
        }
    }

    pub fn line(&mut self, line: String) {
        if self.verbose {
            println!("{line}");
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    pub fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}

//! When fetching pauses and resumes.
//!
//! Invariant: pause and resume alternate, and a partition that stands still, halted or by an operator's will, stays
//! paused.

use super::backlog::Backlog;
use crate::Command;

/// Whether fetching is paused.
#[derive(Debug, Default)]
pub(super) struct Flow {
    paused: bool,
}

impl Flow {
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Pauses when what is held reaches a limit (messages, bytes), resumes at half of it, so that it doesn't flutter.
    /// Finished messages that wait behind an unfinished one are held too: the driver keeps their bytes.
    pub fn regulate(
        &mut self,
        most: (u32, u32),
        backlog: &Backlog,
        still: bool,
        commands: &mut Vec<Command>,
    ) {
        let held = (backlog.len() as u64, backlog.bytes());
        let most = (u64::from(most.0), u64::from(most.1));
        if self.paused {
            if !still && held.0 <= most.0 / 2 && held.1 <= most.1 / 2 {
                self.paused = false;
                commands.push(Command::ResumeFetch);
            }
        } else if still || held.0 >= most.0 || (held.1 >= most.1 && held.0 > 0) {
            self.paused = true;
            commands.push(Command::PauseFetch);
        }
    }
}

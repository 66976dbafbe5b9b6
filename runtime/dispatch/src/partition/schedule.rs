//! Which messages are called next.
//!
//! Invariant, in partition order: the messages of a call follow one another without a gap, and every
//! message before them is decided. Another order is another function here; the rest of the machine
//! keeps its state for each message and does not care which of them were chosen.

use std::time::Duration;

use super::{backlog::Backlog, entry::State};
use crate::Attempt;

/// How much fits into one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub messages: usize,
    pub bytes: u32,
}

/// What to do about calling.
#[derive(Debug)]
pub(super) enum Choice {
    /// There is no message to be called.
    Nothing,
    /// The next message to be called waits for its retry.
    Wait { due: Duration },
    /// Call these; they are marked as being called.
    Call { messages: Vec<Attempt>, fresh: bool },
}

/// The first undecided message and those that follow it, as far as limits and suspicion allow.
/// A message under suspicion is called alone, on a fresh instance (rule 40); one that waits for its
/// retry holds up everything behind it.
pub(super) fn in_partition_order(backlog: &mut Backlog, now: Duration, limits: Limits) -> Choice {
    let mut messages = Vec::new();
    let mut bytes = 0_u64;
    let mut fresh = false;
    let mut repeated = 0;
    for entry in backlog.undecided() {
        match entry.state {
            State::Retrying { due } if due > now && messages.is_empty() => {
                return Choice::Wait { due };
            }
            State::Retrying { due } if due > now => break,
            State::Queued | State::Retrying { .. } => {}
            State::Calling
            | State::Producing
            | State::DeadLettering(_)
            | State::LetterWaiting(_)
            | State::Halted
            | State::Finished => break,
        }
        bytes += u64::from(entry.bytes);
        let full = messages.len() >= limits.messages || bytes > u64::from(limits.bytes);
        if !messages.is_empty() && (full || entry.suspect) {
            break;
        }
        repeated += usize::from(matches!(entry.state, State::Retrying { .. }));
        entry.state = State::Calling;
        messages.push(Attempt {
            offset: entry.offset,
            attempt: entry.attempts + 1,
        });
        if entry.suspect {
            fresh = true;
            break;
        }
    }
    backlog.count_retrying(0, repeated);
    if messages.is_empty() {
        Choice::Nothing
    } else {
        Choice::Call { messages, fresh }
    }
}

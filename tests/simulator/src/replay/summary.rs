//! What recordings contain: real runs that never meet a case prove nothing about it.

use std::fmt;

use pelton_dispatch::{Command, Event};

const EVENTS: [&str; 15] = [
    "fetched",
    "called",
    "delivered",
    "refused",
    "committed",
    "commit-failed",
    "timer",
    "drain",
    "lost",
    "buffer",
    "seal",
    "transaction-ended",
    "pause",
    "resume",
    "swapped",
];
const COMMANDS: [&str; 19] = [
    "call",
    "curtail",
    "cancel",
    "produce",
    "dead-letter",
    "skip",
    "retry",
    "release",
    "commit",
    "pause-fetch",
    "resume-fetch",
    "set-timer",
    "drained",
    "halt",
    "hold",
    "progress",
    "sealed",
    "spoil",
    "fall-back",
];

/// What was replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Recordings.
    pub recordings: usize,
    /// Files without a whole line: their process was killed before it wrote one.
    pub empty: usize,
    events: [usize; EVENTS.len()],
    commands: [usize; COMMANDS.len()],
}

impl Summary {
    pub(super) fn of_a_recording() -> Self {
        Self {
            recordings: 1,
            ..Self::default()
        }
    }

    pub(super) fn of_an_empty_recording() -> Self {
        Self {
            empty: 1,
            ..Self::default()
        }
    }

    /// Events in all recordings.
    pub fn events(&self) -> usize {
        self.events.iter().sum()
    }

    /// Commands in all recordings.
    pub fn commands(&self) -> usize {
        self.commands.iter().sum()
    }

    pub(super) fn count(&mut self, event: &Event, commands: &[Command]) {
        increment(&mut self.events, event_kind(event));
        commands
            .iter()
            .for_each(|command| increment(&mut self.commands, command_kind(command)));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.recordings += other.recordings;
        self.empty += other.empty;
        self.events
            .iter_mut()
            .zip(other.events)
            .for_each(|(count, more)| *count += more);
        self.commands
            .iter_mut()
            .zip(other.commands)
            .for_each(|(count, more)| *count += more);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = EVENTS
            .iter()
            .zip(&self.events)
            .chain(COMMANDS.iter().zip(&self.commands));
        kinds
            .clone()
            .try_for_each(|(kind, count)| writeln!(f, "{count:>12}  {kind}"))?;
        let never: Vec<_> = kinds
            .filter(|(_, count)| **count == 0)
            .map(|(kind, _)| *kind)
            .collect();
        if !never.is_empty() {
            writeln!(f, "never met: {}", never.join(", "))?;
        }
        if self.empty > 0 {
            writeln!(
                f,
                "{} files are empty: their processes were killed before they wrote a line",
                self.empty
            )?;
        }
        let (events, commands) = (self.events(), self.commands());
        write!(
            f,
            "{} recordings replay: {events} events, {commands} commands",
            self.recordings
        )
    }
}

fn increment(counts: &mut [usize], kind: usize) {
    if let Some(count) = counts.get_mut(kind) {
        *count += 1;
    }
}

/// The position of an event's name in [`EVENTS`].
fn event_kind(event: &Event) -> usize {
    match event {
        Event::Fetched(_) => 0,
        Event::Called { .. } => 1,
        Event::Delivered { .. } => 2,
        Event::Refused { .. } => 3,
        Event::Committed { .. } => 4,
        Event::CommitFailed { .. } => 5,
        Event::Timer => 6,
        Event::Drain { .. } => 7,
        Event::Lost => 8,
        Event::Buffer { .. } => 9,
        Event::Seal => 10,
        Event::TransactionEnded(_) => 11,
        Event::Pause => 12,
        Event::Resume => 13,
        Event::Swapped => 14,
    }
}

/// The position of a command's name in [`COMMANDS`].
fn command_kind(command: &Command) -> usize {
    match command {
        Command::Call { .. } => 0,
        Command::Curtail { .. } => 1,
        Command::Cancel { .. } => 2,
        Command::Produce { .. } => 3,
        Command::DeadLetter { .. } => 4,
        Command::Skip { .. } => 5,
        Command::Retry { .. } => 6,
        Command::Release { .. } => 7,
        Command::Commit(_) => 8,
        Command::PauseFetch => 9,
        Command::ResumeFetch => 10,
        Command::SetTimer { .. } => 11,
        Command::Drained { .. } => 12,
        Command::Halt { .. } => 13,
        Command::Hold { .. } => 14,
        Command::Progress { .. } => 15,
        Command::Sealed(_) => 16,
        Command::Spoil { .. } => 17,
        Command::FallBack { .. } => 18,
    }
}

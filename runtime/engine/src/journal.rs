//! Which message an instance is at, and what it says about it.
//!
//! Shared between the instance's store and its standard output streams, so that each line, by whatever way
//! it comes, carries the message's topic, partition and offset. Lines are bounded in length, and in number by
//! the handler's [`LogBudget`].

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;
use pelton_types::{Message, MessageId, Offset, TopicPartition};
use tracing::Level;

use crate::{
    log_budget::LogBudget,
    text::{bounded, cut},
};

/// Lines kept of what a guest last said about a message, to go with its trap, and bytes of each.
const LAST_LINES: usize = 5;
const LAST_LINE_BYTES: usize = 200;
/// Stands for: no message.
const NONE: u32 = u32::MAX;

/// Logs a line at a level that is only known at run time.
macro_rules! log_at {
    ($level:expr, $($field:tt)*) => {
        match $level {
            Level::TRACE => tracing::trace!(target: "pelton::guest", $($field)*),
            Level::DEBUG => tracing::debug!(target: "pelton::guest", $($field)*),
            Level::INFO => tracing::info!(target: "pelton::guest", $($field)*),
            Level::WARN => tracing::warn!(target: "pelton::guest", $($field)*),
            Level::ERROR => tracing::error!(target: "pelton::guest", $($field)*),
        }
    };
}

/// One message of the call under way, as `delivery` and the log know it.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: MessageId,
    pub(crate) attempt: u32,
}

/// The journal of one instance.
#[derive(Debug)]
pub(crate) struct Journal {
    budget: Arc<LogBudget>,
    position: AtomicU32,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    /// The partitions of the call, nearly always one: naming it for each message would cost more than the rest.
    places: Vec<TopicPartition>,
    deliveries: Vec<Placed>,
    last_words: VecDeque<String>,
    /// The position of the message that they were said at.
    last_words_at: u32,
}

/// A message of the call.
#[derive(Debug)]
struct Placed {
    /// Which of the places.
    place: usize,
    offset: Offset,
    attempt: u32,
}

impl Entries {
    fn place(&mut self, message: &Message) -> usize {
        let here = |place: &TopicPartition| {
            place.partition == message.partition && place.topic == message.topic
        };
        if !self.places.last().is_some_and(here) {
            let place = TopicPartition::new(message.topic.clone(), message.partition);
            self.places.push(place);
        }
        self.places.len() - 1
    }

    fn clear(&mut self) {
        self.places.clear();
        self.deliveries.clear();
    }
}

impl Journal {
    pub(crate) fn new(budget: Arc<LogBudget>) -> Self {
        let entries = Entries {
            last_words_at: NONE,
            ..Entries::default()
        };
        Self {
            budget,
            position: AtomicU32::new(NONE),
            entries: Mutex::new(entries),
        }
    }

    /// A call with these messages begins; none of them is begun yet.
    pub(crate) fn open(&self, messages: &[(&Message, u32)]) {
        self.position.store(NONE, Ordering::Relaxed);
        let mut entries = self.entries.lock();
        entries.last_words_at = NONE;
        entries.last_words.clear();
        entries.clear();
        for (message, attempt) in messages {
            let place = entries.place(message);
            entries.deliveries.push(Placed {
                place,
                offset: message.offset,
                attempt: *attempt,
            });
        }
    }

    /// The call is over.
    pub(crate) fn close(&self) {
        self.position.store(NONE, Ordering::Relaxed);
        self.entries.lock().clear();
    }

    /// The message at this position begins.
    pub(crate) fn begin(&self, position: u32) {
        self.position.store(position, Ordering::Relaxed);
    }

    /// The position of the message that was begun last.
    pub(crate) fn position(&self) -> Option<usize> {
        match self.position.load(Ordering::Relaxed) {
            NONE => None,
            position => usize::try_from(position).ok(),
        }
    }

    /// The message that was begun last.
    pub(crate) fn delivery(&self) -> Option<Delivery> {
        let position = self.position()?;
        let entries = self.entries.lock();
        let placed = entries.deliveries.get(position)?;
        let TopicPartition { topic, partition } = entries.places.get(placed.place)?;
        let id = MessageId {
            topic: topic.clone(),
            partition: *partition,
            offset: placed.offset,
        };
        Some(Delivery {
            id,
            attempt: placed.attempt,
        })
    }

    /// Whether a line of this level would go anywhere.
    pub(crate) fn enabled(&self, level: Level) -> bool {
        match level {
            Level::TRACE => tracing::enabled!(target: "pelton::guest", Level::TRACE),
            Level::DEBUG => tracing::enabled!(target: "pelton::guest", Level::DEBUG),
            Level::INFO => tracing::enabled!(target: "pelton::guest", Level::INFO),
            Level::WARN => tracing::enabled!(target: "pelton::guest", Level::WARN),
            Level::ERROR => tracing::enabled!(target: "pelton::guest", Level::ERROR),
        }
    }

    /// Writes a line of the guest's, and keeps it in case the guest traps right after. `last_words`: keep it also if
    /// nobody wants to read lines of its level.
    pub(crate) fn write(&self, level: Level, line: &str, last_words: bool) {
        let enabled = self.enabled(level);
        if enabled || last_words {
            self.keep(line);
        }
        if !enabled || !self.budget.admit() {
            return;
        }
        let line = bounded(line, self.budget.line_bytes);
        let delivery = self.delivery();
        let id = delivery.as_ref().map(|delivery| &delivery.id);
        log_at!(
            level,
            handler = self.budget.handler(),
            topic = id.map(|id| &*id.topic),
            partition = id.map(|id| id.partition),
            offset = id.map(|id| id.offset),
            "{line}"
        );
    }

    /// What the guest last said about the message it is at.
    pub(crate) fn last_words(&self) -> Option<String> {
        let entries = self.entries.lock();
        let at = self.position.load(Ordering::Relaxed);
        (entries.last_words_at == at && !entries.last_words.is_empty())
            .then(|| Vec::from(entries.last_words.clone()).join(" / "))
    }

    fn keep(&self, text: &str) {
        let at = self.position.load(Ordering::Relaxed);
        let mut entries = self.entries.lock();
        if entries.last_words_at != at {
            entries.last_words.clear();
            entries.last_words_at = at;
        }
        // A guest's line may be megabytes of nothing.
        let text = cut(text, 8 * LAST_LINES * LAST_LINE_BYTES);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if entries.last_words.len() == LAST_LINES {
                entries.last_words.pop_front();
            }
            let line = bounded(line, LAST_LINE_BYTES);
            entries.last_words.push_back(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_belong_to_their_message() {
        let journal = Journal::new(Arc::new(LogBudget::new("h".into(), 10, 100)));
        journal.begin(0);
        journal.write(Level::ERROR, "panicked at a.rs:\nas told\n", true);
        journal.write(Level::ERROR, "at line 3", true);
        assert_eq!(
            journal.last_words().as_deref(),
            Some("panicked at a.rs: / as told / at line 3")
        );
        journal.begin(1);
        assert_eq!(journal.last_words(), None);
        for line in 0..20 {
            journal.write(Level::ERROR, &format!("{line}"), true);
        }
        let last = journal.last_words();
        assert_eq!(last.as_deref(), Some("15 / 16 / 17 / 18 / 19"));
        journal.write(Level::ERROR, &"x".repeat(1 << 20), true);
        assert!(journal.last_words().is_some_and(|said| said.len() < 1000));
    }
}

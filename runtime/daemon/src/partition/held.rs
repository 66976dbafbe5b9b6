//! The messages of a partition that are fetched and not finished.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use pelton_types::{Message, Offset, RevisionId, redrive::restored};

/// Messages in the order of their offsets.
#[derive(Default)]
pub(super) struct Held(VecDeque<Item>);

struct Item {
    /// Where it stands in this partition.
    offset: Offset,
    /// When it was fetched.
    since: Duration,
    /// What the handler is given: the message as it was, where it was redriven.
    message: Arc<Message>,
    /// How often it was.
    redrives: u32,
    /// Which revision was last given the message.
    tried_by: Option<RevisionId>,
    /// It has spoken for or against a revision.
    spoke: bool,
}

/// With the machine's own entry of a message, of 96 bytes, and with tables that are half empty.
const _: () = assert!(
    size_of::<Message>() + 2 * size_of::<usize>() + 2 * (size_of::<Item>() + 96)
        <= Message::OVERHEAD
);

impl Held {
    /// Takes messages that were fetched now. What lies at or below what is held already was fetched again, and is left out.
    pub(super) fn extend(&mut self, messages: Vec<Message>, now: Duration, retry: Option<&str>) {
        for message in messages {
            let offset = message.offset;
            if self.0.back().is_none_or(|last| last.offset < offset) {
                let (message, redrives) = restored(message, retry);
                self.0.push_back(Item {
                    offset,
                    since: now,
                    message: Arc::new(message),
                    redrives,
                    tried_by: None,
                    spoke: false,
                });
            }
        }
    }

    pub(super) fn message(&self, offset: Offset) -> Option<Arc<Message>> {
        Some(self.0.get(self.position(offset)?)?.message.clone())
    }

    /// How often the message was redriven.
    pub(super) fn redrives(&self, offset: Offset) -> u32 {
        let item = self.position(offset).and_then(|at| self.0.get(at));
        item.map_or(0, |item| item.redrives)
    }

    pub(super) fn tried_by(&self, offset: Offset) -> Option<RevisionId> {
        self.0.get(self.position(offset)?)?.tried_by
    }

    /// Notes which revision was given the message.
    pub(super) fn try_with(&mut self, offset: Offset, revision: RevisionId) {
        if let Some(item) = self.position(offset).and_then(|at| self.0.get_mut(at)) {
            item.tried_by = Some(revision);
        }
    }

    /// Whether the message speaks about a revision, which it does once.
    pub(super) fn speaks(&mut self, offset: Offset) -> bool {
        let item = self.position(offset).and_then(|at| self.0.get_mut(at));
        item.is_some_and(|item| !std::mem::replace(&mut item.spoke, true))
    }

    /// Drops every message below `below`, and tells of each batch in them when it was fetched and how many of it they are.
    pub(super) fn release(&mut self, below: Offset, mut finished: impl FnMut(Duration, u64)) {
        let mut batch: Option<(Duration, u64)> = None;
        while let Some(item) = self.0.pop_front_if(|item| item.offset < below) {
            match &mut batch {
                Some((since, messages)) if *since == item.since => *messages += 1,
                other => {
                    if let Some((since, messages)) = other.replace((item.since, 1)) {
                        finished(since, messages);
                    }
                }
            }
        }
        if let Some((since, messages)) = batch {
            finished(since, messages);
        }
    }

    fn position(&self, offset: Offset) -> Option<usize> {
        // Most offsets follow one another.
        let first = self.0.front()?.offset;
        let guess = usize::try_from(offset.checked_sub(first)?).ok()?;
        let at = |index: usize| self.0.get(index).map(|item| item.offset);
        if at(guess) == Some(offset) {
            return Some(guess);
        }
        self.0
            .binary_search_by_key(&offset, |item| item.offset)
            .ok()
    }
}

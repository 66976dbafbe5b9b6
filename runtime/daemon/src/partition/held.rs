//! The messages of a partition that are fetched and not finished.

use std::{collections::VecDeque, sync::Arc};

use pelton_types::{Message, Offset};

/// Messages in the order of their offsets.
#[derive(Default)]
pub(super) struct Held(VecDeque<Arc<Message>>);

impl Held {
    pub(super) fn extend(&mut self, messages: Vec<Message>) {
        self.0.extend(messages.into_iter().map(Arc::new));
    }

    pub(super) fn message(&self, offset: Offset) -> Option<Arc<Message>> {
        let at = self.0.binary_search_by_key(&offset, |m| m.offset).ok()?;
        self.0.get(at).cloned()
    }

    /// Drops every message below `below`.
    pub(super) fn release(&mut self, below: Offset) {
        let finished = self.0.partition_point(|m| m.offset < below);
        self.0.drain(..finished);
    }
}

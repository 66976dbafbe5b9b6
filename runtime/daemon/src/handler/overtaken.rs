//! Partitions that stand still because what they were to read next is not there any more.
//!
//! Invariant: each is told until it is given up or read again, whatever becomes of the others: the consumer says it
//! once, and an assignment may be of other partitions alone.

use std::collections::BTreeMap;

use pelton_types::TopicPartition;

use crate::status::{Aspect, Standing, Status};

/// Those of one member.
pub(super) struct Overtaken {
    handler: String,
    status: Status,
    told: BTreeMap<TopicPartition, String>,
}

impl Overtaken {
    pub(super) fn new(handler: &str, status: &Status) -> Self {
        Self {
            handler: handler.to_owned(),
            status: status.clone(),
            told: BTreeMap::new(),
        }
    }

    /// This one stands still from now on, as the text says.
    pub(super) fn add(&mut self, partition: &TopicPartition, text: String) {
        self.told.insert(partition.clone(), text);
        self.tell();
    }

    /// This one is not ours any more, or is read again.
    pub(super) fn remove(&mut self, partition: &TopicPartition) {
        if self.told.remove(partition).is_some() {
            self.tell();
        }
    }

    fn tell(&self) {
        let (handler, aspect) = (&self.handler, Aspect::Overtaken);
        if self.told.is_empty() {
            return self.status.clear(handler, aspect);
        }
        let texts: Vec<_> = self.told.values().map(String::as_str).collect();
        let standing = Standing::Troubled(texts.join("; "));
        self.status.set(handler, aspect, standing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_is_told_until_it_is_given_up_or_read_again() {
        let status = Status::default();
        let mut overtaken = Overtaken::new("h", &status);
        let partition = |number| TopicPartition::new("t", number);
        overtaken.add(&partition(1), "t/1 stands still".to_owned());
        overtaken.add(&partition(0), "t/0 stands still".to_owned());
        let both = ["h: t/0 stands still; t/1 stands still"];
        assert_eq!(status.not_ready(), both);
        overtaken.remove(&partition(2));
        assert_eq!(status.not_ready(), both, "another one was given up");
        overtaken.remove(&partition(0));
        assert_eq!(status.not_ready(), ["h: t/1 stands still"]);
        overtaken.remove(&partition(1));
        assert!(status.not_ready().is_empty());
    }
}

//! Which messages wait for which: those of one lane come one after the other.

use std::collections::HashSet;

use super::entry::Entry;
use crate::Order;

/// A row of messages that wait for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// The whole partition.
    Partition,
    /// The messages of a key.
    Key(u64),
    /// This message alone.
    Own,
}

impl Lane {
    pub fn of(order: Order, entry: &Entry) -> Self {
        match (order, entry.key) {
            (Order::Partition, _) => Self::Partition,
            (Order::Key, Some(key)) => Self::Key(key),
            (Order::Key, None) | (Order::None, _) => Self::Own,
        }
    }
}

/// Lanes in which nothing further can be called, or believed.
#[derive(Debug, Default)]
pub(super) struct Closed {
    partition: bool,
    keys: HashSet<u64>,
}

impl Closed {
    pub fn close(&mut self, lane: Lane) {
        match lane {
            Lane::Partition => self.partition = true,
            Lane::Key(key) => {
                self.keys.insert(key);
            }
            Lane::Own => {}
        }
    }

    pub fn contains(&self, lane: Lane) -> bool {
        match lane {
            Lane::Partition => self.partition,
            Lane::Key(key) => self.keys.contains(&key),
            Lane::Own => false,
        }
    }

    /// The whole partition is closed.
    pub fn all(&self) -> bool {
        self.partition
    }
}

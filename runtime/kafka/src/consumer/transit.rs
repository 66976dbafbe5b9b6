//! Bytes between the poll thread and whoever takes messages in.
//!
//! What waits on the way is bounded in bytes, not only in events, for all partitions together and for each: the
//! poll thread stands still while there is too much of it. That is a moment only, because the receiver takes
//! messages in whatever it does with them. The bound for each keeps a partition from getting more than it wants
//! before it can say that it wants no more.
//!
//! Invariant: bytes are given back once, when what was handed on is taken in or dropped.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};
use pelton_types::TopicPartition;

/// Bytes of messages that were handed on. Drop it when they are taken in.
#[derive(Debug)]
pub struct Transit {
    way: Arc<Way>,
    partition: TopicPartition,
    bytes: u64,
}

impl Drop for Transit {
    fn drop(&mut self) {
        let mut load = self.way.load.lock();
        load.bytes -= self.bytes;
        if let Some(bytes) = load.partitions.get_mut(&self.partition) {
            *bytes -= self.bytes;
            if *bytes == 0 {
                load.partitions.remove(&self.partition);
            }
        }
        drop(load);
        self.way.less.notify_all();
    }
}

/// What is on its way from one poll thread.
#[derive(Debug)]
pub(super) struct Way {
    load: Mutex<Load>,
    less: Condvar,
}

#[derive(Debug)]
struct Load {
    bytes: u64,
    most: u64,
    /// Only those that have something on the way.
    partitions: HashMap<TopicPartition, u64>,
    most_of_each: u64,
}

impl Load {
    /// Whether there is room for more; there is whenever nothing is on the way.
    fn has_room(&self) -> bool {
        let room = |bytes: u64, most: u64| bytes == 0 || bytes < most;
        let each = self.partitions.values();
        room(self.bytes, self.most)
            && each
                .into_iter()
                .all(|bytes| room(*bytes, self.most_of_each))
    }
}

impl Way {
    /// A way that takes no more once so many bytes are on it.
    pub(super) fn new(most: u64) -> Arc<Self> {
        let load = Load {
            bytes: 0,
            most,
            partitions: HashMap::new(),
            most_of_each: u64::MAX,
        };
        Arc::new(Self {
            load: Mutex::new(load),
            less: Condvar::new(),
        })
    }

    /// From now on it takes no more once so many bytes of one partition are on it.
    pub(super) fn limit_each(&self, most: u64) {
        self.load.lock().most_of_each = most;
        self.less.notify_all();
    }

    /// How many bytes of one partition may be on it.
    pub(super) fn most_of_each(&self) -> u64 {
        self.load.lock().most_of_each
    }

    /// Counts bytes that are handed on.
    pub(super) fn enter(self: &Arc<Self>, partition: &TopicPartition, bytes: u64) -> Transit {
        let mut load = self.load.lock();
        load.bytes += bytes;
        *load.partitions.entry(partition.clone()).or_default() += bytes;
        Transit {
            way: self.clone(),
            partition: partition.clone(),
            bytes,
        }
    }

    /// Waits until there is room for more, or the time is up; whether there is.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let mut load = self.load.lock();
        let is_full = |load: &mut Load| !load.has_room();
        self.less.wait_while_for(&mut load, is_full, limit);
        load.has_room()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    #[test]
    fn there_is_room_again_when_messages_are_taken_in() {
        let way = Way::new(100);
        let first = way.enter(&partition(0), 60);
        assert!(way.wait(SOON));
        // What comes in one piece may go beyond.
        let second = way.enter(&partition(1), 60);
        assert!(!way.wait(SOON));
        drop(first);
        assert!(way.wait(SOON));
        drop(second);
        assert_eq!(way.load.lock().bytes, 0);
        assert!(way.load.lock().partitions.is_empty());
    }

    #[test]
    fn one_message_at_a_time_passes_whatever_the_limit() {
        let way = Way::new(0);
        way.limit_each(0);
        assert!(way.wait(SOON));
        let one = way.enter(&partition(0), 1);
        assert!(!way.wait(SOON));
        drop(one);
        assert!(way.wait(SOON));
    }

    #[test]
    fn one_partition_s_messages_fill_no_more_than_its_part() {
        let way = Way::new(100);
        way.limit_each(20);
        let others = [way.enter(&partition(1), 15), way.enter(&partition(2), 15)];
        assert!(way.wait(SOON));
        let full = way.enter(&partition(0), 20);
        assert!(!way.wait(SOON));
        drop(others);
        assert!(!way.wait(SOON));
        way.limit_each(21);
        assert!(way.wait(SOON));
        drop(full);
    }

    #[test]
    fn who_waits_is_woken() {
        let way = Way::new(1);
        let all = way.enter(&partition(0), 1);
        let waiting = std::thread::spawn({
            let way = way.clone();
            move || way.wait(Duration::from_secs(60))
        });
        drop(all);
        assert!(waiting.join().unwrap());
    }
}

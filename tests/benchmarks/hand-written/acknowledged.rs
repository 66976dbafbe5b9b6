//! Which outputs are acknowledged, in epochs: acknowledgements come out of order across the output's partitions, so that
//! only their number can be kept, of each epoch apart.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use rdkafka::{
    ClientContext, Message as _, TopicPartitionList, message::DeliveryResult,
    producer::ProducerContext,
};

/// Epochs that may be waited for. One lasts as long as there is time between two commits.
const EPOCHS: usize = 64;

/// How many outputs of each epoch wait for their acknowledgement. The producer's context.
pub struct Outstanding {
    epochs: [AtomicUsize; EPOCHS],
    refused: AtomicU64,
}

impl Default for Outstanding {
    fn default() -> Self {
        Self {
            epochs: [const { AtomicUsize::new(0) }; EPOCHS],
            refused: AtomicU64::new(0),
        }
    }
}

impl Outstanding {
    /// Whether an output was refused for good: nothing may be committed any more.
    pub fn is_broken(&self) -> bool {
        self.refused.load(Ordering::Relaxed) > 0
    }
}

impl ClientContext for Outstanding {}

impl ProducerContext for Outstanding {
    /// The epoch.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, epoch: usize) {
        if let Err((error, message)) = result {
            eprintln!("an output to {} was refused: {error}", message.topic());
            self.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.epochs[epoch].fetch_sub(1, Ordering::Relaxed);
    }
}

/// The epochs in order.
#[derive(Default)]
pub struct Epochs {
    open: usize,
    /// What may be committed once each of these and of those before it is acknowledged.
    closed: VecDeque<(usize, TopicPartitionList)>,
}

impl Epochs {
    /// Counts an output that is about to be sent; its epoch.
    pub fn sending(&self, outstanding: &Outstanding) -> usize {
        outstanding.epochs[self.open].fetch_add(1, Ordering::Relaxed);
        self.open
    }

    /// Begins the next epoch; one too many only makes this one longer.
    pub fn close(&mut self, positions: TopicPartitionList) {
        if self.closed.len() < EPOCHS - 1 {
            self.closed.push_back((self.open, positions));
            self.open = (self.open + 1) % EPOCHS;
        }
    }

    /// Partitions were given up, with everything of them acknowledged and committed.
    pub fn forget(&mut self) {
        self.closed.clear();
    }

    /// What may be committed now, if that is more than before.
    pub fn acknowledged(&mut self, outstanding: &Outstanding) -> Option<TopicPartitionList> {
        let mut last = None;
        while let Some((epoch, _)) = self.closed.front() {
            if outstanding.epochs[*epoch].load(Ordering::Relaxed) > 0 {
                break;
            }
            last = self.closed.pop_front().map(|(_, positions)| positions);
        }
        last
    }
}

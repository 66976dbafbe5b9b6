//! One partition's log: messages that appear in the course of time, at offsets with gaps.

use std::time::Duration;

use pelton_dispatch::{Arrival, Order};
use pelton_types::Offset;
use rand::{Rng, rngs::SmallRng};

use super::{
    behaviour::Behaviour,
    coverage::{Coverage, Seen},
    plan::Plan,
};

/// One message of the log.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    pub offset: Offset,
    pub bytes: u32,
    /// When it is written.
    pub at: Duration,
    pub behaviour: Behaviour,
    /// How long the handler takes for it.
    pub takes: Duration,
    /// It takes that long waiting for something else than the CPU.
    pub waits: bool,
    pub key: Option<u64>,
}

/// Messages whose order counts among themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    Partition,
    Key(u64),
    Alone(Offset),
}

impl Logged {
    /// The row in which this message stands.
    pub fn row(&self, order: Order) -> Row {
        match (order, self.key) {
            (Order::Partition, _) => Row::Partition,
            (Order::Key, Some(key)) => Row::Key(key),
            (Order::Key, None) | (Order::None, _) => Row::Alone(self.offset),
        }
    }
}

/// One partition.
#[derive(Clone, Debug)]
pub(super) struct Log(pub Vec<Logged>);

impl Log {
    pub fn draw(rng: &mut SmallRng, plan: &Plan, coverage: &mut Coverage) -> Self {
        let mut at: Vec<_> = (0..plan.messages)
            .map(|_| rng.random_range(Duration::ZERO..plan.calm_at))
            .collect();
        at.sort();
        let mut offset = 0;
        let log = at.into_iter().map(|at| {
            if rng.random_bool(plan.gaps) {
                coverage.saw(Seen::OffsetGap);
                offset += rng.random_range(1..10);
            }
            offset += 1;
            Logged {
                offset: offset - 1,
                bytes: rng.random_range(1..plan.most_bytes),
                at,
                behaviour: Behaviour::draw(rng, plan.trouble, plan.probation),
                takes: plan.draw_handling(rng),
                waits: rng.random_bool(plan.waits),
                key: plan.draw_key(rng),
            }
        });
        Self(log.collect())
    }

    /// The position in the log of the first message at or above an offset.
    pub fn index_from(&self, offset: Offset) -> usize {
        self.0.partition_point(|message| message.offset < offset)
    }

    /// The position in the log of the message at an offset.
    pub fn index_of(&self, offset: Offset) -> Option<usize> {
        self.0
            .binary_search_by_key(&offset, |message| message.offset)
            .ok()
    }

    pub fn get(&self, offset: Offset) -> Option<&Logged> {
        self.index_of(offset).and_then(|index| self.0.get(index))
    }

    /// The nearest message before this one in its row.
    pub fn before(&self, offset: Offset, order: Order) -> Option<&Logged> {
        let index = self.index_of(offset)?;
        let row = self.0.get(index)?.row(order);
        let earlier = self.0.get(..index).unwrap_or_default();
        earlier
            .iter()
            .rev()
            .find(|message| message.row(order) == row)
    }

    /// The next offset after the last message.
    pub fn end(&self) -> Offset {
        self.0.last().map_or(0, |message| message.offset + 1)
    }

    /// Messages from an offset on that are written by now, at most so many; or when the next one will be.
    pub fn fetch(
        &self,
        from: Offset,
        now: Duration,
        most: usize,
    ) -> Result<Vec<Arrival>, Option<Duration>> {
        let rest = self.0.get(self.index_from(from)..).unwrap_or_default();
        let there = rest
            .iter()
            .take_while(|message| message.at <= now)
            .take(most);
        let arrivals: Vec<_> = there
            .map(|message| Arrival {
                offset: message.offset,
                bytes: message.bytes,
                key: message.key,
            })
            .collect();
        if arrivals.is_empty() {
            Err(rest.first().map(|message| message.at))
        } else {
            Ok(arrivals)
        }
    }
}

//! What a `read_committed` reader sees, against what the group's offsets say.
//!
//! Invariant, checked when each transaction is committed: a message is told finished exactly when it is done: all of
//! its outputs are visible, from one call and once, or its dead letter is, once, or it had none to give.

use std::collections::{BTreeMap, BTreeSet};

use pelton_dispatch::{Attempt, Checkpoint, OnExhausted, Order, Policy};
use pelton_types::{Failure, Offset};

use super::{broker::Record, world::Outputs};
use crate::{
    group::{
        behaviour::Expected,
        topic::{Log, Row},
    },
    model::{Violation, ensure},
};

/// The facts of all partitions.
#[derive(Debug)]
pub(super) struct Judge {
    partitions: Vec<Facts>,
    stops: bool,
    order: Order,
    /// Attempts that the policy allows.
    attempts: u32,
}

/// The facts of one partition.
#[derive(Debug)]
struct Facts {
    messages: Vec<Message>,
    committed: Checkpoint,
}

/// The facts of one message.
#[derive(Debug)]
struct Message {
    offset: Offset,
    expected: Expected,
    row: Row,
    /// The handler returned no outputs.
    filtered: bool,
    skipped: bool,
    halted: bool,
    /// It was called.
    called: bool,
    /// Of which call the visible outputs are, and how many; or the dead letter.
    visible: Vec<(Outputs, bool)>,
}

impl Judge {
    pub fn new(logs: &[Log], policy: &Policy) -> Self {
        let message = |logged: &crate::group::topic::Logged| Message {
            offset: logged.offset,
            expected: logged.behaviour.expected(policy),
            row: logged.row(policy.order),
            filtered: false,
            skipped: false,
            halted: false,
            called: false,
            visible: Vec::new(),
        };
        let facts = |log: &Log| Facts {
            messages: log.0.iter().map(message).collect(),
            committed: Checkpoint::at(0),
        };
        Self {
            partitions: logs.iter().map(facts).collect(),
            stops: policy.on_exhausted == OnExhausted::Stop,
            order: policy.order,
            attempts: policy.retry.attempts.get(),
        }
    }

    /// What is committed of a partition.
    pub fn checkpoint(&self, partition: usize) -> &Checkpoint {
        static NOTHING: Checkpoint = Checkpoint {
            next: 0,
            metadata: String::new(),
        };
        self.partitions
            .get(partition)
            .map_or(&NOTHING, |facts| &facts.committed)
    }

    fn message(&mut self, partition: usize, offset: Offset) -> Result<&mut Message, Violation> {
        let messages = self
            .partitions
            .get_mut(partition)
            .map(|facts| &mut facts.messages);
        messages
            .and_then(|messages| messages.iter_mut().find(|m| m.offset == offset))
            .ok_or_else(|| Violation(format!("{partition}@{offset} is not in the log")))
    }

    /// A message is called, by its partition's owner or by one that was. Returns whether it had been done before.
    pub fn called(
        &mut self,
        partition: usize,
        Attempt { offset, attempt }: Attempt,
        owns: bool,
    ) -> Result<bool, Violation> {
        let progress = self.checkpoint(partition).progress().unwrap_or_default();
        let tried = progress.tried.iter().find(|tried| tried.offset == offset);
        let made = tried.map_or(0, |tried| tried.attempts.min(self.attempts - 1));
        ensure!(
            !owns || attempt > made,
            "{partition}@{offset}: attempt {attempt}, of which {made} are committed as made"
        );
        let told = self
            .partitions
            .get(partition)
            .is_some_and(|facts| facts.tells(offset));
        ensure!(
            !(owns && told),
            "{partition}@{offset} is called, though it is committed as finished"
        );
        let message = self.message(partition, offset)?;
        Ok(std::mem::replace(&mut message.called, true) && message.filtered)
    }

    pub fn filtered(&mut self, partition: usize, offset: Offset) -> Result<(), Violation> {
        self.message(partition, offset)?.filtered = true;
        Ok(())
    }

    /// Only what can't be handled is given up.
    fn guilty(&mut self, partition: usize, offset: Offset) -> Result<&mut Message, Violation> {
        let message = self.message(partition, offset)?;
        ensure!(
            message.expected == Expected::GivenUp,
            "{partition}@{offset} is innocent and was given up"
        );
        Ok(message)
    }

    pub fn skipped(&mut self, partition: usize, offset: Offset) -> Result<(), Violation> {
        self.guilty(partition, offset)?.skipped = true;
        Ok(())
    }

    pub fn halted(&mut self, partition: usize, offset: Offset) -> Result<(), Violation> {
        self.guilty(partition, offset)?.halted = true;
        Ok(())
    }

    pub fn lettered(
        &mut self,
        partition: usize,
        offset: Offset,
        failure: &Failure,
    ) -> Result<(), Violation> {
        let guilty = self.guilty(partition, offset);
        guilty
            .map(drop)
            .map_err(|error| Violation(format!("{error}: {failure:?}")))
    }

    /// A transaction is committed: these are visible, in this order, and these offsets count.
    pub fn committed(
        &mut self,
        records: &[Record],
        offsets: &BTreeMap<usize, Checkpoint>,
    ) -> Result<(), Violation> {
        for record in records {
            self.becomes_visible(record)?;
        }
        for (partition, checkpoint) in offsets {
            let Some(facts) = self.partitions.get_mut(*partition) else {
                continue;
            };
            let before = facts.committed.next;
            ensure!(
                checkpoint.next >= before,
                "{partition}: committed {} after {before}",
                checkpoint.next
            );
            facts.committed = checkpoint.clone();
        }
        let touched: BTreeSet<_> = records
            .iter()
            .map(|record| record.partition)
            .chain(offsets.keys().copied())
            .collect();
        for partition in touched {
            self.agrees(partition)?;
        }
        Ok(())
    }

    fn becomes_visible(&mut self, record: &Record) -> Result<(), Violation> {
        let Record {
            partition, offset, ..
        } = *record;
        let message = self.message(partition, offset)?;
        let expected = match record.letter {
            true => Expected::GivenUp,
            false => Expected::Outputs,
        };
        ensure!(
            message.expected == expected,
            "{partition}@{offset} got {record:?}, expected {:?}",
            message.expected
        );
        let first = message.visible.is_empty();
        message.visible.push((record.outputs, record.letter));
        let row = message.row;
        if first && !record.letter && self.order != Order::None {
            let messages = self.partitions.get(partition).map(|facts| &facts.messages);
            let earlier = |m: &&Message| m.offset < offset && m.row == row;
            let missing = messages
                .into_iter()
                .flatten()
                .filter(earlier)
                .find(|m| m.expected == Expected::Outputs && m.visible.is_empty());
            ensure!(
                missing.is_none(),
                "{partition}@{offset} became visible before the earlier {missing:?} of its row"
            );
        }
        Ok(())
    }

    /// What is visible and what is told are the same.
    fn agrees(&self, partition: usize) -> Result<(), Violation> {
        let Some(facts) = self.partitions.get(partition) else {
            return Ok(());
        };
        for message in &facts.messages {
            if let Some((outputs, _)) = message.visible.first() {
                let whole = message.visible.len() == outputs.count as usize;
                let one = message.visible.iter().all(|(of, _)| of == outputs);
                ensure!(
                    whole && one,
                    "{partition}: visible in parts, or more than once: {message:?}"
                );
            }
            let told = facts.tells(message.offset);
            let visible = !message.visible.is_empty();
            ensure!(
                !told || message.is_done(),
                "{partition}: committed {:?}, which calls {message:?} finished: it is lost",
                facts.committed
            );
            ensure!(
                told || !visible,
                "{partition}: committed {:?}, which doesn't tell of {message:?}: it will be repeated",
                facts.committed
            );
        }
        Ok(())
    }

    /// At rest: everything is done and told, up to what halts a partition.
    pub fn at_rest(&self, partition: usize, end: Offset) -> Result<(), Violation> {
        self.agrees(partition)?;
        let Some(facts) = self.partitions.get(partition) else {
            return Ok(());
        };
        let guilty = |m: &&Message| self.stops && m.expected == Expected::GivenUp;
        let mut end = end;
        if let Some(first) = facts.messages.iter().find(guilty) {
            let halted = facts.messages.iter().any(|m| m.halted);
            ensure!(halted, "{partition}: nothing halted it");
            // What stands before it in other rows may still wait when a message halts the partition.
            if self.order != Order::Partition {
                return Ok(());
            }
            end = first.offset;
        }
        let left = facts
            .messages
            .iter()
            .find(|m| m.offset >= facts.committed.next);
        ensure!(
            left.is_none_or(|left| left.offset >= end),
            "{partition}: at rest with {:?} committed of {end}: {left:?}",
            facts.committed
        );
        Ok(())
    }
}

impl Facts {
    /// Whether a message is told finished.
    fn tells(&self, offset: Offset) -> bool {
        let beyond = |told: pelton_dispatch::Progress| told.is_finished(offset);
        offset < self.committed.next || self.committed.progress().is_ok_and(beyond)
    }
}

impl Message {
    fn is_done(&self) -> bool {
        match self.expected {
            Expected::Outputs => !self.visible.is_empty(),
            Expected::Filtered => self.filtered,
            Expected::GivenUp => self.skipped || !self.visible.is_empty(),
        }
    }
}

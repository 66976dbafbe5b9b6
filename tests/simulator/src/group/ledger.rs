//! What really landed at the broker, and what was really committed.
//!
//! Invariant, checked at each commit: every message below the committed offset has ended as its behaviour
//! and the policy demand, by facts and not by anybody's word. And nothing is written a second time but
//! what was begun and not committed when an assignment ended badly.

use std::collections::BTreeMap;

use pelton_dispatch::{Checkpoint, OnExhausted, Order};
use pelton_types::Offset;

mod commits;

use super::{
    behaviour::Expected,
    coverage::{Coverage, Seen},
    queue::AssignmentId,
    topic::{Log, Logged, Row},
};
use crate::model::{Violation, ensure};

/// The facts of one partition.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    partition: usize,
    facts: Vec<Facts>,
    committed: Checkpoint,
    /// The last commit's metadata was full, or another program's: it need not tell everything.
    excused: bool,
    on_exhausted: OnExhausted,
    order: Order,
    /// Attempts at a message that the policy allows.
    attempts: u32,
}

/// The facts of one message.
#[derive(Clone, Debug)]
struct Facts {
    offset: Offset,
    expected: Expected,
    /// The handler returned no outputs.
    filtered: bool,
    skipped: bool,
    halted: bool,
    /// By whom its outputs or its dead letter were written.
    written: Vec<AssignmentId>,
    /// It was begun and not committed when an assignment ended badly.
    repeatable: bool,
    /// The message before it in its row that yields outputs.
    before: Option<Offset>,
    /// The last commit calls it finished.
    told: bool,
    /// Some commit called it finished, and the last one does not any more: whose that was.
    untold: Option<AssignmentId>,
    /// Failed attempts at it that the last commit tells.
    told_attempts: u32,
    /// The last of them that its present owner said.
    made: Option<(AssignmentId, u32)>,
    /// Failed attempts that another followed, over all owners.
    failures: u32,
    /// How many of them were forgotten for a reason.
    forgotten: u32,
}

/// How a message was given up without anything being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    Skipped,
    Halted,
}

impl Ledger {
    pub fn new(partition: usize, log: &Log, policy: &pelton_dispatch::Policy) -> Self {
        let order = policy.order;
        let mut last: BTreeMap<Row, Offset> = BTreeMap::new();
        let mut before = |message: &Logged, expected| {
            let row = message.row(order);
            let before = last.get(&row).copied();
            if expected == Expected::Outputs {
                last.insert(row, message.offset);
            }
            before
        };
        let facts = log.0.iter().map(|message| Facts {
            offset: message.offset,
            expected: message.behaviour.expected(policy),
            filtered: false,
            skipped: false,
            halted: false,
            written: Vec::new(),
            repeatable: false,
            before: before(message, message.behaviour.expected(policy)),
            told: false,
            untold: None,
            told_attempts: 0,
            made: None,
            failures: 0,
            forgotten: 0,
        });
        Self {
            partition,
            facts: facts.collect(),
            committed: Checkpoint::at(0),
            excused: false,
            on_exhausted: policy.on_exhausted,
            order,
            attempts: policy.retry.attempts.get(),
        }
    }

    /// What is committed.
    pub fn committed(&self) -> &Checkpoint {
        &self.committed
    }

    fn facts(&mut self, offset: Offset) -> Result<&mut Facts, Violation> {
        let found = self
            .facts
            .binary_search_by_key(&offset, |facts| facts.offset);
        let facts = found.ok().and_then(|index| self.facts.get_mut(index));
        facts.ok_or_else(|| Violation(format!("offset {offset} is not in the log")))
    }

    /// Whether a message is one that must be given up.
    pub fn is_guilty(&mut self, offset: Offset) -> bool {
        self.facts(offset)
            .is_ok_and(|facts| facts.expected == Expected::GivenUp)
    }

    pub fn filtered(&mut self, offset: Offset) -> Result<(), Violation> {
        self.facts(offset)?.filtered = true;
        Ok(())
    }

    pub fn gave_up(&mut self, offset: Offset, how: GivenUp) -> Result<(), Violation> {
        let partition = self.partition;
        let facts = self.facts(offset)?;
        ensure!(
            facts.expected == Expected::GivenUp,
            "{partition}@{offset} is innocent and was given up: {how:?}"
        );
        match how {
            GivenUp::Skipped => facts.skipped = true,
            GivenUp::Halted => facts.halted = true,
        }
        Ok(())
    }

    /// An output or a dead letter is in the log. `unclean`: its writer is dead, fenced, or left it behind.
    pub fn landed(
        &mut self,
        offset: Offset,
        by: AssignmentId,
        letter: bool,
        unclean: bool,
        coverage: &mut Coverage,
    ) -> Result<(), Violation> {
        let partition = self.partition;
        let facts = self.facts(offset)?;
        let expected = if letter {
            Expected::GivenUp
        } else {
            Expected::Outputs
        };
        let what = if letter { "a dead letter" } else { "outputs" };
        ensure!(
            facts.expected == expected,
            "{partition}@{offset} got {what}, expected {:?}",
            facts.expected
        );
        ensure!(
            !facts.written.contains(&by),
            "{partition}@{offset} got {what} twice by assignment {by}"
        );
        let (first, before) = (facts.written.is_empty(), facts.before);
        if !first {
            ensure!(
                facts.repeatable || unclean,
                "{partition}@{offset} got {what} again, without need"
            );
            coverage.saw(Seen::Repeated);
        }
        facts.written.push(by);
        facts.repeatable |= unclean && !facts.told;
        let before = before.filter(|_| first && !letter);
        let missing = before.filter(|before| {
            self.facts(*before)
                .is_ok_and(|facts| facts.written.is_empty())
        });
        ensure!(
            missing.is_none(),
            "{partition}@{offset} got {what} before the earlier {missing:?} of its row"
        );
        Ok(())
    }

    /// At rest: everything ended as it must, and is committed.
    pub fn at_rest(&self, end: Offset) -> Result<(), Violation> {
        let (partition, committed) = (self.partition, self.committed.next);
        let stop = self.on_exhausted == OnExhausted::Stop;
        let guilty = |facts: &&Facts| stop && facts.expected == Expected::GivenUp;
        let end = match self.facts.iter().find(guilty) {
            None => end,
            // What stands before it in other rows may still wait when a message halts the partition.
            Some(_) if self.order != Order::Partition => {
                let halted = self.facts.iter().any(|facts| facts.halted);
                ensure!(halted, "{partition}: nothing halted it");
                committed
            }
            Some(first) => {
                ensure!(first.halted, "{partition}: {first:?} did not halt");
                first.offset
            }
        };
        // Where nothing is left of a gap's far side, the commit may stand on its near side.
        let reached = self
            .facts
            .iter()
            .find(|facts| facts.offset >= committed)
            .map_or(end, |facts| facts.offset);
        ensure!(
            reached >= end,
            "{partition}: at rest with {committed} committed of {end}"
        );
        let unfinished = self
            .facts
            .iter()
            .find(|facts| facts.offset < end && !facts.is_finished());
        ensure!(unfinished.is_none(), "{partition}: lost {unfinished:?}");
        Ok(())
    }
}

impl Facts {
    fn is_finished(&self) -> bool {
        self.filtered || self.skipped || !self.written.is_empty()
    }
}

//! What really landed at the broker, and what was really committed.
//!
//! Invariant, checked at each commit: every message below the committed offset has ended as its behaviour
//! and the policy demand, by facts and not by anybody's word. And nothing is written a second time but
//! what was begun and not committed when an assignment ended badly.

use pelton_dispatch::OnExhausted;
use pelton_types::Offset;

use super::{
    behaviour::Expected,
    coverage::{Coverage, Seen},
    queue::AssignmentId,
    topic::Log,
};
use crate::model::{Violation, ensure};

/// The facts of one partition.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    partition: usize,
    facts: Vec<Facts>,
    committed: Offset,
    on_exhausted: OnExhausted,
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
}

/// How a message was given up without anything being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    Skipped,
    Halted,
}

impl Ledger {
    pub fn new(partition: usize, log: &Log, policy: &pelton_dispatch::Policy) -> Self {
        let facts = log.0.iter().map(|message| Facts {
            offset: message.offset,
            expected: message.behaviour.expected(policy),
            filtered: false,
            skipped: false,
            halted: false,
            written: Vec::new(),
            repeatable: false,
        });
        Self {
            partition,
            facts: facts.collect(),
            committed: 0,
            on_exhausted: policy.on_exhausted,
        }
    }

    /// The next offset that is committed.
    pub fn committed(&self) -> Offset {
        self.committed
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
        if !facts.written.is_empty() {
            ensure!(
                facts.repeatable || unclean,
                "{partition}@{offset} got {what} again, without need"
            );
            coverage.saw(Seen::Repeated);
        }
        facts.written.push(by);
        facts.repeatable |= unclean;
        Ok(())
    }

    /// A commit takes effect.
    pub fn commit(&mut self, next: Offset) -> Result<(), Violation> {
        let (partition, committed) = (self.partition, self.committed);
        ensure!(
            next >= committed,
            "{partition}: committed {next} after {committed}"
        );
        let range = |facts: &&Facts| facts.offset >= committed && facts.offset < next;
        if let Some(facts) = self
            .facts
            .iter()
            .filter(range)
            .find(|facts| !facts.is_finished())
        {
            return Err(Violation(format!(
                "{partition}: committed {next} past the unfinished {facts:?}"
            )));
        }
        self.committed = next;
        Ok(())
    }

    /// An assignment is over, and its last commit is decided.
    pub fn ended(&mut self, by: AssignmentId, clean: bool) -> Result<(), Violation> {
        let (partition, committed) = (self.partition, self.committed);
        let left = self
            .facts
            .iter_mut()
            .filter(|f| f.offset >= committed && f.written.contains(&by));
        for facts in left {
            ensure!(
                !clean,
                "{partition}: a clean end of assignment {by} leaves {facts:?} uncommitted"
            );
            facts.repeatable = true;
        }
        Ok(())
    }

    /// At rest: everything ended as it must, and is committed.
    pub fn at_rest(&self, end: Offset) -> Result<(), Violation> {
        let (partition, committed) = (self.partition, self.committed);
        let stop = self.on_exhausted == OnExhausted::Stop;
        let halting = self
            .facts
            .iter()
            .find(|facts| stop && facts.expected == Expected::GivenUp);
        let end = halting.map_or(end, |facts| facts.offset);
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
        ensure!(
            halting.is_none_or(|facts| facts.halted),
            "{partition}: {halting:?} did not halt"
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

//! What was committed, against what really happened: offsets, and what the metadata tells beyond them.
//!
//! Invariant: what stands committed as finished is finished, and is neither called nor written again; and no
//! attempt is forgotten but for a reason.

use pelton_dispatch::Checkpoint;
use pelton_types::Offset;

use super::{Facts, Ledger};
use crate::{
    group::{
        coverage::{Coverage, Seen},
        queue::AssignmentId,
    },
    model::{Violation, ensure},
};

/// What one more entry may need: metadata that is shorter than its limit by more than this was not full.
const ENTRY: usize = 40;

impl Ledger {
    /// A commit takes effect, of a member that may write so many bytes of metadata.
    pub fn commit(
        &mut self,
        checkpoint: Checkpoint,
        by: AssignmentId,
        limit: u32,
        coverage: &mut Coverage,
    ) -> Result<(), Violation> {
        let (partition, committed, next) = (self.partition, self.committed.next, checkpoint.next);
        ensure!(
            next >= committed,
            "{partition}: committed {next} after {committed}"
        );
        ensure!(
            checkpoint.metadata.len() <= limit as usize,
            "{partition}: committed {checkpoint:?}, at most {limit} bytes"
        );
        if next == committed && checkpoint.metadata != self.committed.metadata {
            coverage.saw(Seen::CommittedSame);
        }
        let progress = checkpoint.progress().map_err(|error| {
            Violation(format!("{partition}: committed {checkpoint:?}: {error}"))
        })?;
        let full = checkpoint.metadata.len() + ENTRY >= limit as usize;
        let range = |facts: &&mut Facts| facts.offset >= committed;
        for facts in self.facts.iter_mut().filter(range) {
            let told = facts.offset >= next && progress.is_finished(facts.offset);
            let finished = told || facts.offset < next;
            ensure!(
                !finished || facts.is_finished(),
                "{partition}: committed {checkpoint:?}, which calls {facts:?} finished"
            );
            let forgotten = facts.told && !finished;
            ensure!(
                full || !forgotten,
                "{partition}: committed {checkpoint:?}, which forgets {facts:?}"
            );
            let tried = progress
                .tried
                .iter()
                .find(|tried| tried.offset == facts.offset);
            let attempts = tried.map_or(0, |tried| tried.attempts);
            if forgotten {
                coverage.saw(Seen::Untold);
            }
            facts.tell(finished, attempts, Some(by));
        }
        self.committed = checkpoint;
        self.excused = full;
        Ok(())
    }

    /// Another program committed the same offset, with its own metadata.
    pub fn overwritten(&mut self, metadata: &str) {
        metadata.clone_into(&mut self.committed.metadata);
        self.excused = true;
        let committed = self.committed.next;
        for facts in self
            .facts
            .iter_mut()
            .filter(|facts| facts.offset >= committed)
        {
            facts.tell(false, 0, None);
        }
    }

    /// A message is called. What is committed as finished is not, unless its caller is fenced.
    pub fn called(&mut self, offset: Offset, unclean: bool) -> Result<(), Violation> {
        let (partition, committed) = (self.partition, self.committed.next);
        let told = self.facts(offset)?.told || offset < committed;
        ensure!(
            unclean || !told,
            "{partition}@{offset} is called, though it is committed as finished"
        );
        Ok(())
    }

    /// An attempt failed and another follows. Over all owners they come to an end (rule 6b).
    pub fn failed(
        &mut self,
        offset: Offset,
        by: AssignmentId,
        attempt: u32,
        unclean: bool,
    ) -> Result<(), Violation> {
        let (partition, most) = (self.partition, self.attempts);
        let facts = self.facts(offset)?;
        if unclean {
            return Ok(());
        }
        facts.made = Some((by, attempt));
        facts.failures += 1;
        ensure!(
            facts.failures < most + facts.forgotten,
            "{partition}@{offset} failed {} times and is attempted again, of {most}, {} forgotten for a reason",
            facts.failures,
            facts.forgotten
        );
        Ok(())
    }

    /// An assignment is over, and its last commit is decided.
    pub fn ended(&mut self, by: AssignmentId, clean: bool) -> Result<(), Violation> {
        let (partition, committed, excused) = (self.partition, self.committed.next, self.excused);
        let left = |facts: &&mut Facts| facts.offset >= committed && !facts.told;
        for facts in self.facts.iter_mut().filter(left) {
            let wrote = facts.written.contains(&by);
            ensure!(
                !clean || !wrote && facts.untold != Some(by),
                "{partition}: a clean end of assignment {by} leaves {facts:?} uncommitted"
            );
            facts.repeatable |= wrote;
            if let Some((_, made)) = facts.made.take_if(|(maker, _)| *maker == by) {
                let lost = made.saturating_sub(facts.told_attempts);
                ensure!(
                    !clean || excused || lost == 0,
                    "{partition}: a clean end of assignment {by} forgets attempts at {facts:?}"
                );
                facts.forgotten += lost;
            }
        }
        Ok(())
    }
}

impl Facts {
    /// What the last commit says of it.
    fn tell(&mut self, finished: bool, attempts: u32, by: Option<AssignmentId>) {
        let forgets = self.told && !finished;
        self.untold = if forgets {
            by
        } else {
            self.untold.filter(|_| !finished)
        };
        self.repeatable = (self.repeatable || forgets) && !finished;
        self.told = finished;
        self.forgotten += self.told_attempts.saturating_sub(attempts);
        if forgets {
            // With it go the attempts that came before its end.
            self.forgotten = self.forgotten.max(self.failures);
        }
        self.told_attempts = attempts;
    }
}

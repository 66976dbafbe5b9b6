//! What a commit must tell, and what follows when it can't.
//!
//! Only the form is taken from dispatch's encoder; what has to be in it is worked out here.

use std::{ops::Range, time::Duration};

use pelton_dispatch::{Arrival, Checkpoint, Progress, Tried, Written};
use pelton_types::Offset;

use super::{Fate, Known, Model, Violation, ensure, transaction::Told};

impl Model {
    /// Everything that is known beyond the watermark: by this owner of what it fetched, by earlier ones of the rest.
    fn progress(&self) -> Progress {
        let mut finished: Vec<Range<Offset>> = Vec::new();
        let mut before_is_finished = false;
        for (offset, known) in self.messages.range(self.watermark()..) {
            let is_finished = known.fate == Fate::Finished;
            if is_finished && before_is_finished {
                // Nothing unfinished lies between two neighbours, only offsets without a message.
                finished
                    .last_mut()
                    .into_iter()
                    .for_each(|range| range.end = offset + 1);
            } else if is_finished {
                finished.push(*offset..offset + 1);
            }
            before_is_finished = is_finished;
        }
        for range in self.rest() {
            match finished.last_mut().filter(|last| last.end == range.start) {
                Some(last) => last.end = range.end,
                None => finished.push(range),
            }
        }
        let own = self
            .messages
            .iter()
            .filter_map(|(offset, known)| tried(*offset, known));
        let rest = self
            .inherited
            .tried
            .iter()
            .filter(|tried| tried.offset >= self.position);
        let tried = own.chain(rest.copied()).collect();
        Progress { finished, tried }
    }

    /// What earlier owners finished and this one has not come to.
    fn rest(&self) -> impl Iterator<Item = Range<Offset>> {
        let ranges = self.inherited.finished.iter();
        ranges
            .map(|range| range.start.max(self.position)..range.end)
            .filter(|range| !range.is_empty())
    }

    fn written(&self) -> Written {
        let limit = self.policy.metadata_bytes as usize;
        self.progress().metadata(self.watermark(), limit)
    }

    /// A commit tells everything that fits, and nothing else.
    pub(super) fn tells(&self, checkpoint: &Checkpoint) -> Result<Written, Violation> {
        let (watermark, limit) = (self.watermark(), self.policy.metadata_bytes as usize);
        ensure!(
            checkpoint.next == watermark,
            "a commit of {}, watermark {watermark}",
            checkpoint.next
        );
        let length = checkpoint.metadata.len();
        ensure!(
            length <= limit,
            "{length} bytes of metadata, at most {limit}"
        );
        let (progress, expected) = (self.progress(), self.written());
        let told = checkpoint
            .progress()
            .map_err(|error| Violation(format!("own metadata: {error}")))?;
        let wrong = told
            .finished
            .iter()
            .find(|range| !progress.finished.contains(range));
        ensure!(
            wrong.is_none(),
            "told that {wrong:?} are finished, of {progress:?}"
        );
        let wrong = told
            .tried
            .iter()
            .find(|tried| !progress.tried.contains(tried));
        ensure!(wrong.is_none(), "told {wrong:?}, of {progress:?}");
        ensure!(
            told == progress || !expected.complete,
            "told {told:?} of {progress:?}, which fits"
        );
        ensure!(
            checkpoint.metadata == expected.metadata,
            "metadata {:?} of {progress:?}, expected {:?}",
            checkpoint.metadata,
            expected.metadata
        );
        Ok(expected)
    }

    /// How much of what is finished the last commit leaves out.
    pub(super) fn untold(&self) -> u64 {
        let Some(cut) = self.written().cut else {
            return 0;
        };
        let own = self
            .messages
            .range(cut..)
            .filter(|(_, known)| known.fate == Fate::Finished);
        let rest = self.rest().flatten().filter(|offset| *offset >= cut);
        (own.count() + rest.count()) as u64
    }

    /// Where the machine may have looked whether everything fits by now: before it calls, in each step.
    pub(super) fn look_at_crowd(&mut self) {
        if self.crowded.looked.is_some() {
            return;
        }
        let calls = self.drain.is_none() && self.goes_on();
        let crowd = self.crowded.perhaps || self.crowded.surely;
        if crowd && calls && self.written().complete {
            let under_way = self.calls.len();
            self.crowded.surely &= under_way >= self.most_calls(self.waiting.once);
            self.crowded.perhaps &= under_way >= self.most_calls(self.surely_waits());
        }
        let begun = self.begun.max(self.watermark() + 1);
        let below = |crowded: bool| if crowded { begun } else { Offset::MAX };
        self.crowded.looked = Some((below(self.crowded.surely), below(self.crowded.perhaps)));
    }

    pub(super) fn surely_waits(&self) -> bool {
        self.waiting.once && !self.waiting.not_always
    }

    /// A message that an earlier owner may have told something about.
    pub(super) fn arrives(&mut self, arrival: &Arrival) {
        let Arrival { offset, bytes, key } = *arrival;
        let told = self
            .inherited
            .tried
            .iter()
            .find(|tried| tried.offset == offset);
        let is_finished = self
            .inherited
            .finished
            .iter()
            .any(|range| range.contains(&offset));
        let most = self.now.saturating_add(self.policy.retry.max_backoff);
        let (attempts, fate) = match told {
            _ if is_finished => (0, Fate::Finished),
            // One attempt is left at least, and no other clock delays it for ever.
            Some(tried) => (
                tried.attempts.min(self.policy.retry.attempts.get() - 1),
                Fate::Retrying {
                    due: tried.due.min(most),
                },
            ),
            None => (0, Fate::Queued),
        };
        let due = match fate {
            Fate::Retrying { due } => due,
            _ => Duration::ZERO,
        };
        if fate != Fate::Queued {
            self.begun = offset + 1;
        }
        let told = if is_finished {
            Told::Committed
        } else {
            Told::Not
        };
        let known = Known {
            bytes,
            key,
            attempts,
            due,
            suspect: false,
            fallback: false,
            passed_over: 0,
            doomed: None,
            told,
            fate,
        };
        self.messages.insert(offset, known);
    }
}

/// What is to be told of a message's failed attempts, its time in whole milliseconds and never too early.
fn tried(offset: Offset, known: &Known) -> Option<Tried> {
    if matches!(
        known.fate,
        Fate::Held | Fate::OweHold | Fate::Producing | Fate::Finished
    ) {
        return None;
    }
    let due = Duration::from_millis(known.due.as_nanos().div_ceil(1_000_000) as u64);
    let attempts = known.attempts;
    (attempts > 0).then_some(Tried {
        offset,
        attempts,
        due,
    })
}

//! What the machine may command, by the whole history.

use std::collections::BTreeSet;

use pelton_dispatch::{Attempt, CallId, Checkpoint, Command, Order};
use pelton_types::Offset;

use super::Script;
use crate::support::ms;

impl Script {
    pub(super) fn judge_state(&self) {
        let snapshot = self.machine.snapshot();
        assert_eq!(snapshot.watermark, self.watermark());
        if self.draining || self.halted || self.suspended || !self.calls.is_empty() {
            return;
        }
        // Nothing is called: then nothing can be.
        let room = self.in_flight() < self.policy.in_flight.get() as usize;
        let mut undecided = self
            .fetched
            .keys()
            .filter(|offset| !self.decided.contains(offset));
        if let Some(first) = undecided.next() {
            let waits = self.retrying.get(first).is_some_and(|due| *due > self.now);
            let held_up = *first != snapshot.watermark && (snapshot.crowded || !room);
            assert!(waits || held_up, "{first} could have been called");
        }
    }

    pub(super) fn judge_call(&mut self, call: CallId, messages: &[Attempt]) {
        let most = match self.policy.order {
            Order::Partition => 1,
            Order::Key | Order::None => self.policy.calls.get() as usize,
        };
        assert!(self.calls.len() < most && !self.draining && !self.halted);
        assert!(self.calls.is_empty() || messages.len() == 1);
        let offsets: Vec<_> = messages.iter().map(|attempt| attempt.offset).collect();
        for (index, Attempt { offset, attempt }) in messages.iter().enumerate() {
            assert!(self.fetched.contains_key(offset) && !self.decided.contains(offset));
            let mut before = self.fetched.range(..offset).map(|(offset, _)| *offset);
            let waits = before.find(|before| {
                let done = self.decided.contains(before) || offsets[..index].contains(before);
                self.in_a_lane(*before, *offset) && !done
            });
            assert_eq!(waits, None, "{offset} waits for it");
            let made = self.attempts.get(offset).copied().unwrap_or_default();
            assert_eq!(*attempt, made + 1);
            match self.retrying.remove(offset) {
                Some(due) => assert!(due <= self.now),
                None => assert!(
                    self.in_flight() < self.policy.in_flight.get() as usize
                        || *offset == self.watermark()
                ),
            }
            assert!(self.calling.insert(*offset), "one call at a time for each");
        }
        self.calls.push((call, offsets));
    }

    /// How much of what is finished, by this owner or an earlier one, a checkpoint leaves out.
    pub(super) fn judge_checkpoint(&self, checkpoint: &Checkpoint) -> usize {
        let next = self.watermark();
        let limit = self.policy.metadata_bytes as usize;
        assert!(checkpoint.next == next && checkpoint.metadata.len() <= limit);
        let told = checkpoint.progress().unwrap();
        let here = |offset: &Offset| *offset >= next && *offset < self.next();
        let own = self.finished.iter().copied().filter(here);
        let rest = self.inherited.finished.iter().flat_map(Clone::clone);
        let finished: BTreeSet<_> = own.chain(rest.filter(|o| *o >= self.next())).collect();
        let told_finished = told.finished.into_iter().flatten();
        let no_message = |o: &Offset| *o < self.next() && !self.fetched.contains_key(o);
        let told_finished: BTreeSet<_> = told_finished.filter(|o| !no_message(o)).collect();
        let untold = finished.difference(&told_finished).count();
        assert!(told_finished.is_subset(&finished));
        for tried in &told.tried {
            assert!(!finished.contains(&tried.offset) && tried.attempts > 0);
            let due = self.retrying.get(&tried.offset);
            assert!(due.is_none_or(|due| tried.due >= *due));
            if here(&tried.offset) {
                assert_eq!(self.attempts.get(&tried.offset), Some(&tried.attempts));
            }
        }
        let producing = |o: &&Offset| self.delivering.contains(o) && !self.given_up.contains(o);
        let attempted = self.attempts.iter().filter(|(_, attempts)| **attempts > 0);
        let attempted = attempted.map(|(offset, _)| offset);
        let own = attempted
            .filter(|o| !self.finished.contains(o) && !producing(o))
            .count();
        let rest = self
            .inherited
            .tried
            .iter()
            .filter(|t| t.offset >= self.next());
        let complete = untold == 0 && told.tried.len() == own + rest.count();
        assert!(
            complete || checkpoint.metadata.len() + 40 > limit,
            "there was room"
        );
        untold
    }

    pub(super) fn judge(&mut self, command: Command) {
        assert!(!self.over, "after the end: {command:?}");
        match command {
            Command::Call {
                call,
                messages,
                fallback,
                ..
            } => {
                assert!(!self.suspended, "called during a pause");
                let due = |attempt: &Attempt| self.fallen_back.contains(&attempt.offset);
                assert_eq!(fallback, messages.iter().any(due));
                assert!(!fallback || messages.len() == 1, "alone");
                self.judge_call(call, &messages);
            }
            Command::Cancel { call } => {
                let index = self
                    .calls
                    .iter()
                    .position(|(under_way, _)| *under_way == call);
                self.calls.remove(index.unwrap());
            }
            Command::Curtail { call } => {
                assert!(self.calls.iter().any(|(under_way, _)| *under_way == call));
            }
            Command::Produce { offset } => {
                assert!(self.decided.contains(&offset) && self.produced.insert(offset));
                self.delivering.push(offset);
            }
            Command::DeadLetter {
                offset, attempts, ..
            } => {
                self.attempts.insert(offset, attempts);
                assert!(self.given_up.insert(offset) || self.refused_letters.remove(&offset));
                assert!(!self.finished.contains(&offset));
                self.decided.insert(offset);
                self.delivering.push(offset);
            }
            Command::Skip { offset, .. } => {
                self.news = true;
                assert!(self.given_up.insert(offset) && self.finished.insert(offset));
                self.decided.insert(offset);
            }
            Command::Halt {
                offset, attempts, ..
            } => {
                self.attempts.insert(offset, attempts);
                assert!(self.given_up.insert(offset) && !self.finished.contains(&offset));
                self.decided.insert(offset);
                self.halted = true;
            }
            Command::Retry {
                offset,
                attempt,
                due,
                ..
            } => {
                self.attempts.insert(offset, attempt);
                self.retrying.insert(offset, due);
                self.news = true;
                assert!(due >= self.now && due <= self.now + ms(2000));
                assert!(!self.decided.contains(&offset));
            }
            Command::FallBack {
                offset, attempts, ..
            } => {
                self.attempts.insert(offset, attempts);
                self.news = true;
                assert_eq!(attempts, self.policy.retry.attempts.get());
                assert!(!self.decided.contains(&offset) && self.fallen_back.insert(offset));
            }
            Command::Release { below } => {
                assert!(below == self.watermark() && below > self.released);
                self.released = below;
                self.news = true;
            }
            Command::Commit(checkpoint) => {
                self.judge_checkpoint(&checkpoint);
                let next = checkpoint.next;
                assert!(next >= self.committed && self.commit.is_none() && self.news);
                self.commit = Some(next);
                self.news = false;
            }
            Command::Drained { last, unfinished } => {
                assert_eq!(last.is_some(), self.news || self.commit.is_some());
                let in_doubt = self.calling.len() + self.delivering.len();
                if let Some(last) = last {
                    let untold = self.judge_checkpoint(&last);
                    assert_eq!(unfinished as usize, in_doubt + untold);
                }
                assert!(unfinished as usize >= in_doubt);
                assert!(self.draining && self.calls.is_empty());
                self.over = true;
            }
            Command::SetTimer { at } => assert!(at >= self.now),
            Command::PauseFetch | Command::ResumeFetch => {}
            Command::Hold { .. }
            | Command::Progress { .. }
            | Command::Sealed(_)
            | Command::Spoil { .. } => panic!("there is no transaction: {command:?}"),
        }
    }
}

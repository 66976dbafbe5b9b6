//! What the script does to the machine, and what it writes down of it.

use std::time::Duration;

use pelton_dispatch::{Arrival, CallId, Command, Event};
use pelton_types::{Failure, FailureKind, Offset, Verdict};

use super::{Op, Script, Stray};
use crate::support::ms;

impl Script {
    pub(super) fn perform(&mut self, op: Op) {
        match op {
            Op::Fetch(arrivals) => self.fetch(&arrivals),
            Op::Answer(pick, verdicts, micros, percent, probation) => {
                let took = Duration::from_micros(micros);
                self.answer(pick, &verdicts, (took, took * percent / 100), probation);
            }
            Op::Swap => self.event(Event::Swapped),
            Op::Buffer(bytes) => self.event(Event::Buffer { bytes }),
            Op::Suspend(suspended) => {
                self.suspended = suspended;
                self.event(if suspended {
                    Event::Pause
                } else {
                    Event::Resume
                });
            }
            Op::Deliver(_) | Op::Refuse(_) if self.delivering.is_empty() => {}
            Op::Deliver(pick) => {
                // A few at once, in any order.
                let count = self.delivering.len().min(1 + pick % 3);
                let mut one = |_| self.delivering.swap_remove(pick % self.delivering.len());
                let offsets: Vec<_> = (0..count).map(&mut one).collect();
                self.finished.extend(&offsets);
                self.news = true;
                self.event(Event::Delivered { offsets });
            }
            Op::Refuse(pick) => {
                let offset = self.delivering.swap_remove(pick % self.delivering.len());
                if self.given_up.contains(&offset) {
                    self.refused_letters.insert(offset);
                }
                self.event(Event::Refused {
                    offset,
                    failure: Failure::new(FailureKind::Produce, "no"),
                    partly: true,
                });
            }
            Op::Commit(succeeds) => {
                let Some(next) = self.commit.take() else {
                    return;
                };
                if succeeds {
                    self.committed = next;
                } else {
                    self.news = true;
                }
                self.event(if succeeds {
                    Event::Committed { next }
                } else {
                    Event::CommitFailed { next }
                });
            }
            Op::Wait(millis) => {
                self.now += ms(millis);
                self.event(Event::Timer);
            }
            Op::Drain(millis) => {
                self.draining = true;
                self.event(Event::Drain {
                    deadline: self.now + ms(millis),
                });
            }
            Op::Lose => {
                let under_way = std::mem::take(&mut self.calls);
                let said = self.handle(Event::Lost);
                let cancels = under_way
                    .into_iter()
                    .map(|(call, _)| Command::Cancel { call });
                let expected: Vec<_> = cancels.filter(|_| !self.over).collect();
                assert_eq!(said, expected, "a lost partition cancels, and that is all");
                self.over = true;
            }
            Op::Stray(stray, number) => self.stray(stray, number),
        }
    }

    pub(super) fn fetch(&mut self, arrivals: &[(i64, u32, Option<u64>)]) {
        let mut messages = Vec::new();
        for (gap, bytes, key) in arrivals.iter().copied() {
            let offset = self.position + gap;
            self.position = offset + 1;
            messages.push(Arrival { offset, bytes, key });
            if !self.draining && !self.over {
                self.arrives(offset, key);
            }
        }
        self.event(Event::Fetched(messages));
    }

    pub(super) fn arrives(&mut self, offset: Offset, key: Option<u64>) {
        self.fetched.insert(offset, key);
        let tried = self
            .inherited
            .tried
            .iter()
            .find(|tried| tried.offset == offset);
        if self.inherited.is_finished(offset) {
            self.decided.insert(offset);
            self.finished.insert(offset);
        } else if let Some(tried) = tried {
            let most = self.policy.retry.attempts.get() - 1;
            self.attempts.insert(offset, tried.attempts.min(most));
            self.retrying
                .insert(offset, tried.due.min(self.now + ms(2000)));
        }
    }

    /// Only the leading successes of a lane count as such.
    pub(super) fn answer(
        &mut self,
        pick: usize,
        verdicts: &[Verdict],
        (took, waited): (Duration, Duration),
        probation: bool,
    ) {
        if self.calls.is_empty() {
            return;
        }
        let (call, offsets) = self.calls.remove(pick % self.calls.len());
        let mut failed: Vec<Offset> = Vec::new();
        for (index, offset) in offsets.iter().enumerate() {
            self.calling.remove(offset);
            let counts = !failed.iter().any(|failed| self.in_a_lane(*failed, *offset));
            match verdicts.get(index) {
                Some(Verdict::Done { outputs }) if counts => {
                    self.decided.insert(*offset);
                    if *outputs == 0 {
                        self.finished.insert(*offset);
                        self.news = true;
                    }
                }
                _ => failed.push(*offset),
            }
        }
        self.event(Event::Called {
            call,
            verdicts: verdicts.to_vec(),
            took,
            waited,
            probation,
        });
    }

    pub(super) fn stray(&mut self, stray: Stray, number: i64) {
        let waited_for = self.delivering.contains(&number) || self.commit == Some(number);
        if waited_for {
            return;
        }
        let failure = Failure::new(FailureKind::Produce, "stray");
        let verdicts = vec![Verdict::Done { outputs: 1 }; 3];
        let event = match stray {
            Stray::Called => Event::Called {
                call: CallId(number.unsigned_abs() + 1_000),
                verdicts,
                took: ms(1),
                waited: ms(0),
                probation: false,
            },
            Stray::Delivered => Event::Delivered {
                offsets: vec![number],
            },
            Stray::Refused => Event::Refused {
                offset: number,
                failure,
                partly: true,
            },
            Stray::Committed => Event::Committed { next: number },
            Stray::CommitFailed => Event::CommitFailed { next: number },
            Stray::Fetched => {
                let offset = number.min(self.next() - 1);
                Event::Fetched(vec![Arrival {
                    offset,
                    bytes: 1,
                    key: None,
                }])
            }
        };
        let before = self.machine.snapshot();
        assert_eq!(self.handle(event), [], "nobody waits for it");
        assert_eq!(self.machine.snapshot(), before);
    }

    pub(super) fn handle(&mut self, event: Event) -> Vec<Command> {
        let (mut said, mut twin) = (Vec::new(), Vec::new());
        self.twin.handle(self.now, event.clone(), &mut twin);
        self.machine.handle(self.now, event, &mut said);
        assert_eq!(said, twin, "the same events give the same commands");
        said
    }

    pub(super) fn event(&mut self, event: Event) {
        let said = self.handle(event);
        assert!(said.is_empty() || !self.over, "after the end: {said:?}");
        said.into_iter().for_each(|command| self.judge(command));
        if !self.over {
            self.judge_state();
        }
    }

    /// Everything goes well from here on: what was begun must come to its end.
    pub(super) fn come_to_rest(&mut self) {
        self.perform(Op::Suspend(false));
        for _ in 0..10_000 {
            let before = (self.finished.len(), self.calls.clone(), self.committed);
            while let Some((_, offsets)) = self.calls.first() {
                let verdicts = vec![Verdict::Done { outputs: 1 }; offsets.len()];
                self.perform(Op::Answer(0, verdicts, 1, 50, false));
                if self.delivering.len() > 100 {
                    break;
                }
            }
            while !self.delivering.is_empty() {
                self.perform(Op::Deliver(0));
            }
            self.perform(Op::Commit(true));
            self.perform(Op::Wait(2_000));
            let quiet =
                self.calls.is_empty() && self.delivering.is_empty() && self.commit.is_none();
            if quiet && before == (self.finished.len(), self.calls.clone(), self.committed) {
                break;
            }
        }
        if !self.over && !self.halted {
            assert_eq!(self.committed, self.next(), "everything is committed");
            assert_eq!(self.machine.snapshot().messages, 0);
        }
    }
}

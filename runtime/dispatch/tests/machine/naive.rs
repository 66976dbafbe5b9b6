//! Any order of events, possible or not, against a naive model that looks at the whole history each time.
//!
//! The script below answers what the machine asks for, in any order, well or badly, and mixes in answers
//! that nobody waits for. The model keeps plain sets and works out the watermark by walking over them.

use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use pelton_dispatch::{
    Arrival, Attempt, CallId, Command, Event, OnExhausted, Partition, Policy, Retry,
};
use pelton_types::{Failure, FailureKind, Offset, Verdict};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::support::ms;

#[derive(Clone, Debug)]
enum Op {
    /// Messages arrive: for each the gap before it and its bytes.
    Fetch(Vec<(i64, u32)>),
    /// The call under way answers, not always for each of its messages.
    Answer(Vec<Verdict>, u64),
    /// One of the deliveries under way is acknowledged or refused.
    Deliver(usize),
    Refuse(usize),
    /// The commit under way is answered.
    Commit(bool),
    Wait(u64),
    Drain(u64),
    Lose,
    /// Something that nobody waits for.
    Stray(Stray, i64),
}

#[derive(Clone, Copy, Debug)]
enum Stray {
    Called,
    Delivered,
    Refused,
    Committed,
    CommitFailed,
    Fetched,
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let kinds = vec![
        FailureKind::Retry,
        FailureKind::Reject,
        FailureKind::Other,
        FailureKind::Trap,
        FailureKind::TimeLimit,
        FailureKind::Contract,
        FailureKind::OutputLimit,
    ];
    let failure = (select(kinds), proptest::option::of(0..3000_u64)).prop_map(|(kind, wish)| {
        Verdict::Failed(Failure {
            retry_after: wish.map(ms),
            ..Failure::new(kind, "boom")
        })
    });
    prop_oneof![
        6 => (0..3_u32).prop_map(|outputs| Verdict::Done { outputs }),
        2 => failure,
        1 => Just(Verdict::NotAttempted),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let strays = vec![
        Stray::Called,
        Stray::Delivered,
        Stray::Refused,
        Stray::Committed,
        Stray::CommitFailed,
        Stray::Fetched,
    ];
    prop_oneof![
        8 => vec((0..4_i64, 1..200_u32), 1..12).prop_map(Op::Fetch),
        12 => (vec(verdicts(), 0..30), 0..5_000_u64).prop_map(|(verdicts, took)| Op::Answer(verdicts, took)),
        12 => (0..64_usize).prop_map(Op::Deliver),
        2 => (0..64_usize).prop_map(Op::Refuse),
        4 => any::<bool>().prop_map(Op::Commit),
        8 => (0..2_000_u64).prop_map(Op::Wait),
        1 => (0..2_000_u64).prop_map(Op::Drain),
        1 => Just(Op::Lose),
        3 => (select(strays), -5..200_i64).prop_map(|(stray, number)| Op::Stray(stray, number)),
    ]
}

fn policies() -> impl Strategy<Value = Policy> {
    let number = |most: u32| (1..=most).prop_map(|n| NonZeroU32::new(n).unwrap());
    let ends = select(vec![
        OnExhausted::DeadLetter,
        OnExhausted::Skip,
        OnExhausted::Stop,
    ]);
    (
        number(3),
        0..1500_u64,
        0..100_u8,
        ends,
        number(30),
        number(40),
        0..800_u64,
    )
        .prop_map(
            |(
                attempts,
                backoff,
                jitter_percent,
                on_exhausted,
                batch_messages,
                buffer_messages,
                interval,
            )| Policy {
                retry: Retry {
                    attempts,
                    backoff: ms(backoff),
                    max_backoff: ms(2000),
                    jitter_percent,
                    jitter_seed: 1,
                },
                on_exhausted,
                batch_messages,
                batch_bytes: 500,
                batch_target: ms(1),
                buffer_messages,
                buffer_bytes: 2_000,
                commit_interval: ms(interval),
            },
        )
}

/// The machine, what it waits for, and the whole history in plain sets.
struct Script {
    machine: Partition,
    twin: Partition,
    now: Duration,
    fetched: Vec<Offset>,
    position: Offset,
    begun: BTreeSet<Offset>,
    /// Messages of the call under way, or of the one that was cancelled at the end.
    calling: BTreeSet<Offset>,
    /// The handler's part is over.
    decided: BTreeSet<Offset>,
    finished: BTreeSet<Offset>,
    /// Skipped, halted or dead-lettered a first time, or produced: each at most once.
    produced: BTreeSet<Offset>,
    given_up: BTreeSet<Offset>,
    call: Option<(CallId, Vec<Offset>)>,
    delivering: Vec<Offset>,
    refused_letters: BTreeSet<Offset>,
    commit: Option<Offset>,
    committed: Offset,
    released: Offset,
    draining: bool,
    halted: bool,
    over: bool,
}

impl Script {
    fn new(policy: &Policy) -> Self {
        Self {
            machine: Partition::new(policy.clone(), 0),
            twin: Partition::new(policy.clone(), 0),
            now: Duration::ZERO,
            fetched: Vec::new(),
            position: 0,
            begun: BTreeSet::new(),
            calling: BTreeSet::new(),
            decided: BTreeSet::new(),
            finished: BTreeSet::new(),
            produced: BTreeSet::new(),
            given_up: BTreeSet::new(),
            call: None,
            delivering: Vec::new(),
            refused_letters: BTreeSet::new(),
            commit: None,
            committed: 0,
            released: 0,
            draining: false,
            halted: false,
            over: false,
        }
    }

    fn watermark(&self) -> Offset {
        let unfinished = self
            .fetched
            .iter()
            .find(|offset| !self.finished.contains(offset));
        unfinished
            .copied()
            .unwrap_or_else(|| self.fetched.last().map_or(0, |last| last + 1))
    }

    fn perform(&mut self, op: Op) {
        match op {
            Op::Fetch(arrivals) => self.fetch(&arrivals),
            Op::Answer(verdicts, micros) => self.answer(verdicts, Duration::from_micros(micros)),
            Op::Deliver(_) | Op::Refuse(_) if self.delivering.is_empty() => {}
            Op::Deliver(pick) => {
                let offset = self.delivering.swap_remove(pick % self.delivering.len());
                self.finished.insert(offset);
                self.event(Event::Delivered { offset });
            }
            Op::Refuse(pick) => {
                let offset = self.delivering.swap_remove(pick % self.delivering.len());
                if self.given_up.contains(&offset) {
                    self.refused_letters.insert(offset);
                }
                self.event(Event::Refused {
                    offset,
                    failure: Failure::new(FailureKind::Produce, "no"),
                });
            }
            Op::Commit(succeeds) => {
                let Some(next) = self.commit.take() else {
                    return;
                };
                if succeeds {
                    self.committed = next;
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
                let under_way = self.call.take().map(|(call, _)| Command::Cancel { call });
                let said = self.handle(Event::Lost);
                let expected: Vec<_> = under_way.filter(|_| !self.over).into_iter().collect();
                assert_eq!(said, expected, "a lost partition cancels, and that is all");
                self.over = true;
            }
            Op::Stray(stray, number) => self.stray(stray, number),
        }
    }

    fn fetch(&mut self, arrivals: &[(i64, u32)]) {
        let mut messages = Vec::new();
        for (gap, bytes) in arrivals {
            let offset = self.position + gap;
            self.position = offset + 1;
            messages.push(Arrival {
                offset,
                bytes: *bytes,
                key: None,
            });
            if !self.draining && !self.over {
                self.fetched.push(offset);
            }
        }
        self.event(Event::Fetched(messages));
    }

    /// Only the leading successes count as such. Whatever the guest was at when it failed is begun.
    fn answer(&mut self, verdicts: Vec<Verdict>, took: Duration) {
        let Some((call, offsets)) = self.call.take() else {
            return;
        };
        let mut all_done = true;
        let mut any_failed = false;
        self.calling.clear();
        for (offset, verdict) in offsets.iter().zip(&verdicts) {
            match verdict {
                Verdict::Done { outputs } if all_done => {
                    self.begun.insert(*offset);
                    self.decided.insert(*offset);
                    if *outputs == 0 {
                        self.finished.insert(*offset);
                    }
                }
                Verdict::Failed(failure) => {
                    if all_done || failure.kind.is_instance_fault() && !any_failed {
                        self.begun.insert(*offset);
                        any_failed = true;
                    }
                    all_done = false;
                }
                Verdict::Done { .. } | Verdict::NotAttempted => all_done = false,
            }
        }
        self.event(Event::Called {
            call,
            verdicts,
            took,
        });
    }

    fn stray(&mut self, stray: Stray, number: i64) {
        let waited_for = self.delivering.contains(&number) || self.commit == Some(number);
        let under_way = self
            .call
            .as_ref()
            .is_some_and(|(call, _)| i64::try_from(call.0) == Ok(number));
        if waited_for || under_way {
            return;
        }
        let failure = Failure::new(FailureKind::Produce, "stray");
        let verdicts = vec![Verdict::Done { outputs: 1 }; 3];
        let event = match stray {
            Stray::Called => Event::Called {
                call: CallId(number.unsigned_abs() + 1_000),
                verdicts,
                took: ms(1),
            },
            Stray::Delivered => Event::Delivered { offset: number },
            Stray::Refused => Event::Refused {
                offset: number,
                failure,
            },
            Stray::Committed => Event::Committed { next: number },
            Stray::CommitFailed => Event::CommitFailed { next: number },
            Stray::Fetched => {
                let offset = number.min(self.fetched.last().copied().unwrap_or(-1));
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

    fn handle(&mut self, event: Event) -> Vec<Command> {
        let (mut said, mut twin) = (Vec::new(), Vec::new());
        self.twin.handle(self.now, event.clone(), &mut twin);
        self.machine.handle(self.now, event, &mut said);
        assert_eq!(said, twin, "the same events give the same commands");
        said
    }

    fn event(&mut self, event: Event) {
        let said = self.handle(event);
        assert!(said.is_empty() || !self.over, "after the end: {said:?}");
        said.into_iter().for_each(|command| self.judge(command));
        if !self.over {
            assert_eq!(self.machine.snapshot().watermark, self.watermark());
        }
    }

    fn judge_call(&mut self, call: CallId, messages: &[Attempt]) {
        assert!(self.call.is_none() && !self.draining && !self.halted);
        let offsets: Vec<_> = messages.iter().map(|attempt| attempt.offset).collect();
        let undecided = self
            .fetched
            .iter()
            .copied()
            .filter(|offset| !self.decided.contains(offset));
        let first: Vec<_> = undecided.take(offsets.len()).collect();
        assert_eq!(offsets, first, "in partition order");
        self.calling.extend(&offsets);
        self.call = Some((call, offsets));
    }

    fn judge(&mut self, command: Command) {
        assert!(!self.over, "after the end: {command:?}");
        match command {
            Command::Call { call, messages, .. } => self.judge_call(call, &messages),
            Command::Cancel { call } => {
                assert_eq!(self.call.take().map(|(under_way, _)| under_way), Some(call))
            }
            Command::Curtail { call } => assert_eq!(
                self.call.as_ref().map(|(under_way, _)| *under_way),
                Some(call)
            ),
            Command::Produce { offset } => {
                assert!(self.decided.contains(&offset) && self.produced.insert(offset));
                self.delivering.push(offset);
            }
            Command::DeadLetter { offset, .. } => {
                assert!(self.given_up.insert(offset) || self.refused_letters.remove(&offset));
                assert!(!self.finished.contains(&offset));
                self.decided.insert(offset);
                self.delivering.push(offset);
            }
            Command::Skip { offset, .. } => {
                assert!(self.given_up.insert(offset) && self.finished.insert(offset));
                self.decided.insert(offset);
            }
            Command::Halt { offset, .. } => {
                assert!(self.given_up.insert(offset) && !self.finished.contains(&offset));
                self.decided.insert(offset);
                self.halted = true;
            }
            Command::Retry { offset, due, .. } => {
                assert!(due >= self.now && due <= self.now + ms(2000));
                assert!(!self.decided.contains(&offset));
            }
            Command::Release { below } => {
                assert!(below == self.watermark() && below > self.released);
                self.released = below;
            }
            Command::Commit { next } => {
                assert!(next == self.watermark() && next > self.committed && self.commit.is_none());
                self.commit = Some(next);
            }
            Command::Drained { next, unfinished } => {
                let watermark = self.watermark();
                assert_eq!(next, (watermark > self.committed).then_some(watermark));
                assert_eq!(
                    unfinished as usize,
                    (&self.begun | &self.calling).range(watermark..).count()
                );
                assert!(self.draining && self.call.is_none());
                self.over = true;
            }
            Command::SetTimer { at } => assert!(at >= self.now),
            Command::PauseFetch | Command::ResumeFetch => {}
        }
    }

    /// Everything goes well from here on: what was begun must come to its end.
    fn come_to_rest(&mut self) {
        for _ in 0..10_000 {
            let before = (self.finished.len(), self.call.clone(), self.committed);
            if let Some((_, offsets)) = &self.call {
                let verdicts = vec![Verdict::Done { outputs: 1 }; offsets.len()];
                self.perform(Op::Answer(verdicts, 1));
            }
            while !self.delivering.is_empty() {
                self.perform(Op::Deliver(0));
            }
            self.perform(Op::Commit(true));
            self.perform(Op::Wait(2_000));
            let quiet = self.call.is_none() && self.delivering.is_empty() && self.commit.is_none();
            if quiet && before == (self.finished.len(), self.call.clone(), self.committed) {
                break;
            }
        }
        if !self.over && !self.halted {
            assert_eq!(
                self.committed,
                self.fetched.last().map_or(0, |last| last + 1),
                "everything is committed"
            );
            assert_eq!(self.machine.snapshot().messages, 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_events_keeps_the_rules_and_comes_to_rest(policy in policies(), ops in vec(ops(), 1..120)) {
        let mut script = Script::new(&policy);
        ops.into_iter().for_each(|op| script.perform(op));
        script.come_to_rest();
    }
}

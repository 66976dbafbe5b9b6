//! Any order of events, possible or not, against a naive model that looks at the whole history each time.
//!
//! The script below answers what the machine asks for, in any order, well or badly, and mixes in answers
//! that nobody waits for. The model keeps plain sets and works out the watermark by walking over them.

mod happens;
mod judges;

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    time::Duration,
};

use pelton_dispatch::{
    CallId, Checkpoint, Guarantee, OnExhausted, Order, Partition, Policy, Progress, Retry, Tried,
};
use pelton_types::{Failure, FailureKind, Offset, Verdict};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::support::ms;

#[derive(Clone, Debug)]
enum Op {
    /// Messages arrive: for each the gap before it, its bytes and its key.
    Fetch(Vec<(i64, u32, Option<u64>)>),
    /// One of the calls under way answers, not always for each of its messages: it took so many microseconds
    /// and waited for so many percent of them; perhaps by a revision on probation.
    Answer(usize, Vec<Verdict>, u64, u32, bool),
    /// One of the deliveries under way is acknowledged or refused.
    Deliver(usize),
    Refuse(usize),
    /// The commit under way is answered.
    Commit(bool),
    Wait(u64),
    Buffer(u32),
    Swap,
    /// An operator pauses it, or lets it go on.
    Suspend(bool),
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
        8 => vec((0..4_i64, 1..200_u32, proptest::option::weighted(0.9, 0..4_u64)), 1..12).prop_map(Op::Fetch),
        16 => (0..8_usize, vec(verdicts(), 0..30), 0..5_000_u64, 40..100_u32, any::<bool>())
            .prop_map(|(pick, verdicts, took, waited, probation)| Op::Answer(pick, verdicts, took, waited, probation)),
        1 => (0..3_000_u32).prop_map(Op::Buffer),
        1 => Just(Op::Swap),
        2 => any::<bool>().prop_map(Op::Suspend),
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
    let retries =
        (number(3), 0..1500_u64, 0..100_u8).prop_map(|(attempts, backoff, percent)| Retry {
            attempts,
            backoff: ms(backoff),
            max_backoff: ms(2000),
            jitter_percent: percent,
            jitter_seed: 1,
        });
    let ends = select(vec![
        OnExhausted::DeadLetter,
        OnExhausted::Skip,
        OnExhausted::Stop,
    ]);
    let order = select(vec![Order::Partition, Order::Key, Order::None]);
    let bounds = (number(12), number(6), number(30), number(40));
    let metadata_bytes = select(vec![0, 20, 40, 4096]);
    (retries, ends, order, bounds, 0..800_u64, metadata_bytes).prop_map(
        |(retry, on_exhausted, order, bounds, interval, metadata_bytes)| Policy {
            guarantee: Guarantee::AtLeastOnce,
            retry,
            on_exhausted,
            order,
            in_flight: bounds.0,
            calls: bounds.1,
            batch_messages: bounds.2,
            batch_bytes: 500,
            batch_target: ms(1),
            buffer_messages: bounds.3,
            buffer_bytes: 2_000,
            commit_interval: ms(interval),
            metadata_bytes,
        },
    )
}

/// What earlier owners finished beyond the offset 0, and what they attempted. It may be more than the policy's
/// metadata holds: theirs may have held more.
fn progress() -> impl Strategy<Value = Progress> {
    let fates = vec(0..6_u32, 0..40);
    fates.prop_map(|fates| {
        let mut progress = Progress::default();
        for (offset, fate) in (1..).zip(fates) {
            match (fate, progress.finished.last_mut()) {
                (0, Some(last)) if last.end == offset => last.end = offset + 1,
                (0, _) => progress.finished.push(offset..offset + 1),
                (1 | 2, _) => progress.tried.push(Tried {
                    offset,
                    attempts: fate,
                    due: ms(u64::from(fate) * 1_000),
                }),
                _ => {}
            }
        }
        progress
    })
}

/// The machine, what it waits for, and the whole history in plain sets.
struct Script {
    policy: Policy,
    machine: Partition,
    twin: Partition,
    now: Duration,
    /// What was fetched, with its key.
    fetched: BTreeMap<Offset, Option<u64>>,
    position: Offset,
    inherited: Progress,
    /// Messages of the calls under way, or of those that were cancelled at the end.
    calling: BTreeSet<Offset>,
    /// The handler's part is over.
    decided: BTreeSet<Offset>,
    finished: BTreeSet<Offset>,
    /// Failed attempts, and when the next one is due while it waits for that.
    attempts: BTreeMap<Offset, u32>,
    retrying: BTreeMap<Offset, Duration>,
    /// Skipped, halted or dead-lettered a first time, or produced: each at most once.
    produced: BTreeSet<Offset>,
    given_up: BTreeSet<Offset>,
    /// For the revision before, at most once each.
    fallen_back: BTreeSet<Offset>,
    calls: Vec<(CallId, Vec<Offset>)>,
    delivering: Vec<Offset>,
    refused_letters: BTreeSet<Offset>,
    commit: Option<Offset>,
    committed: Offset,
    /// Something happened that no commit tells.
    news: bool,
    released: Offset,
    draining: bool,
    suspended: bool,
    halted: bool,
    over: bool,
}

impl Script {
    fn new(policy: &Policy, inherited: Progress) -> Self {
        let start = Checkpoint {
            next: 0,
            metadata: inherited.metadata(0, 4096).metadata,
        };
        Self {
            policy: policy.clone(),
            machine: Partition::new(policy.clone(), &start),
            twin: Partition::new(policy.clone(), &start),
            now: Duration::ZERO,
            fetched: BTreeMap::new(),
            position: 0,
            inherited,
            calling: BTreeSet::new(),
            decided: BTreeSet::new(),
            finished: BTreeSet::new(),
            attempts: BTreeMap::new(),
            retrying: BTreeMap::new(),
            produced: BTreeSet::new(),
            given_up: BTreeSet::new(),
            fallen_back: BTreeSet::new(),
            calls: Vec::new(),
            delivering: Vec::new(),
            refused_letters: BTreeSet::new(),
            commit: None,
            committed: 0,
            news: false,
            released: 0,
            draining: false,
            suspended: false,
            halted: false,
            over: false,
        }
    }

    fn next(&self) -> Offset {
        self.fetched
            .last_key_value()
            .map_or(0, |(last, _)| last + 1)
    }

    fn watermark(&self) -> Offset {
        let mut unfinished = self
            .fetched
            .keys()
            .filter(|offset| !self.finished.contains(offset));
        unfinished.next().copied().unwrap_or_else(|| self.next())
    }

    /// Whether one message waits for the other.
    fn in_a_lane(&self, one: Offset, other: Offset) -> bool {
        let key = self.fetched[&one];
        match self.policy.order {
            Order::Partition => true,
            Order::Key => key.is_some() && key == self.fetched[&other],
            Order::None => false,
        }
    }

    fn in_flight(&self) -> usize {
        self.calling.len()
            + self.delivering.len()
            + self.refused_letters.len()
            + self.retrying.len()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_events_keeps_the_rules_and_comes_to_rest(
        policy in policies(),
        inherited in progress(),
        ops in vec(ops(), 1..120),
    ) {
        let mut script = Script::new(&policy, inherited);
        ops.into_iter().for_each(|op| script.perform(op));
        script.come_to_rest();
    }
}

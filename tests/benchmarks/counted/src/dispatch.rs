//! A partition's machine in a day without failures: fetched, called, produced, delivered, committed.

use std::{collections::VecDeque, num::NonZeroU32, time::Duration};

use pelton_dispatch::{
    Arrival, Checkpoint, Command, Event, Guarantee, OnExhausted, Order, Partition, Policy, Retry,
};
use pelton_types::Verdict;

/// As many as the consumer hands on at once.
const ROUND: u32 = 512;

/// So many messages; how many commands they took.
pub fn partition(count: u32) -> u64 {
    let mut machine = Partition::new(policy(), &Checkpoint::at(0));
    let (mut commands, mut pending, mut told) = (Vec::new(), VecDeque::new(), 0);
    let mut now = Duration::ZERO;
    for round in 0..count / ROUND {
        now += Duration::from_millis(2);
        pending.push_back(Event::Fetched(arrivals(round)));
        while let Some(event) = pending.pop_front() {
            machine.handle(now, event, &mut commands);
            told += commands.len() as u64;
            pending.extend(commands.drain(..).filter_map(answer));
        }
    }
    told
}

fn arrivals(round: u32) -> Vec<Arrival> {
    let first = round * ROUND;
    let arrival = |number| Arrival {
        offset: i64::from(number),
        bytes: 300,
        key: Some(u64::from(number % 997)),
    };
    (first..first + ROUND).map(arrival).collect()
}

/// What the world says to a command.
fn answer(command: Command) -> Option<Event> {
    match command {
        Command::Call { call, messages, .. } => Some(Event::Called {
            call,
            verdicts: vec![Verdict::Done { outputs: 1 }; messages.len()],
            took: Duration::from_micros(100),
            waited: Duration::ZERO,
            probation: false,
        }),
        Command::Produce { offset } => Some(Event::Delivered {
            offsets: vec![offset],
        }),
        Command::Commit(checkpoint) => Some(Event::Committed {
            next: checkpoint.next,
        }),
        _ => None,
    }
}

/// What a handler has that says nothing, but for its delays.
fn policy() -> Policy {
    let number = |n: u32| NonZeroU32::MIN.saturating_add(n - 1);
    Policy {
        guarantee: Guarantee::AtLeastOnce,
        retry: Retry {
            attempts: number(5),
            backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(30),
            jitter_percent: 0,
            jitter_seed: 0,
        },
        on_exhausted: OnExhausted::DeadLetter,
        order: Order::Partition,
        in_flight: number(1000),
        calls: number(32),
        batch_messages: number(512),
        batch_bytes: 1 << 20,
        batch_target: Duration::from_millis(1),
        buffer_messages: number(4096),
        buffer_bytes: 8 << 20,
        commit_interval: Duration::from_secs(1),
        metadata_bytes: 4096,
    }
}

//! An operator's pause: what is under way ends and is committed, and nothing is called until it goes on.

use pelton_dispatch::{CallId, Checkpoint, Command, Event};
use pelton_types::FailureKind;

use crate::support::*;

const CURTAIL: Command = Command::Curtail { call: CallId(0) };

fn calls(commands: &[Command]) -> Vec<&Command> {
    let call = |command: &&Command| matches!(command, Command::Call { .. });
    commands.iter().filter(call).collect()
}

#[test]
fn what_is_under_way_is_finished_and_committed_and_nothing_else_is_called() {
    let (mut bench, _) = Bench::with(policy(), 0..20);
    let said = bench.event(Event::Pause);
    assert_eq!(said, [CURTAIL, Command::PauseFetch]);
    let answer: Vec<_> = (0..16)
        .map(|n| if n == 0 { done(1) } else { NOT_ATTEMPTED })
        .collect();
    assert_eq!(bench.called(0, answer), [Command::Produce { offset: 0 }]);
    assert_eq!(commits(&bench.delivered(0)), [1]);
    // What was on its way when fetching paused.
    assert_eq!(bench.fetch(20..25), []);
    let snapshot = bench.machine.snapshot();
    assert!(snapshot.suspended && snapshot.paused);
    assert_eq!((snapshot.watermark, snapshot.calling), (1, 0));

    let said = bench.event(Event::Resume);
    assert_eq!(calls(&said).len(), 1, "{said:?}");
    assert!(said.contains(&Command::ResumeFetch), "{said:?}");
    assert!(!bench.machine.snapshot().suspended);
}

#[test]
fn a_retry_waits_for_the_end_of_the_pause_and_is_made_then_if_it_is_due() {
    let (mut bench, _) = Bench::with(policy(), 0..1);
    bench.called(0, [failed(FailureKind::Other)]);
    bench.event(Event::Pause);
    bench.now = ms(5_000);
    assert_eq!(bench.event(Event::Timer), []);
    let said = bench.event(Event::Resume);
    assert_eq!(calls(&said).len(), 1, "{said:?}");
    let (mut early, _) = Bench::with(policy(), 0..1);
    early.event(Event::Pause);
    early.called(0, [failed(FailureKind::Other)]);
    let said = early.event(Event::Resume);
    let timer = Command::SetTimer { at: ms(1_000) };
    assert!(calls(&said).is_empty() && said.contains(&timer), "{said:?}");
}

#[test]
fn a_paused_partition_drains_as_any_other() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    bench.event(Event::Pause);
    bench.called(0, [done(0), NOT_ATTEMPTED, NOT_ATTEMPTED]);
    let drained = Command::Drained {
        last: Some(Checkpoint::at(1)),
        unfinished: 0,
    };
    assert_eq!(bench.drain(1_000), [drained]);
}

#[test]
fn pausing_twice_is_pausing_once() {
    let (mut bench, _) = Bench::with(policy(), 0..3);
    bench.event(Event::Pause);
    assert_eq!(bench.event(Event::Pause), []);
    bench.called(0, [done(0), done(0), done(0)]);
    assert_eq!(bench.event(Event::Resume), [Command::ResumeFetch]);
    assert_eq!(bench.event(Event::Resume), []);
}

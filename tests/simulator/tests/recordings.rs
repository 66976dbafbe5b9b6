//! Recordings replay; recordings that were tampered with, or that tell of the impossible, don't.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fmt::Write, fs, path::Path, time::Duration};

use pelton_dispatch::{CallId, Checkpoint, Command, Event, Member, Outcome, Partition};
use pelton_simulator::{
    group::{Options, Recorded, run_seed, transactions},
    replay::{self, Error},
};
use pelton_types::Verdict;

fn text((header, steps): &Recorded) -> String {
    let mut text = format!("{}\n", serde_json::to_string(header).unwrap());
    steps
        .iter()
        .for_each(|step| writeln!(text, "{}", serde_json::to_string(step).unwrap()).unwrap());
    text
}

fn recordings(seed: u64) -> Vec<Recorded> {
    run_seed::<Partition>(
        seed,
        Options {
            record: true,
            ..Options::default()
        },
    )
    .unwrap()
    .1
}

/// Of a group under exactly-once.
fn transacted(seed: u64) -> Vec<Recorded> {
    transactions::run_seed::<Partition, Member>(
        seed,
        transactions::Options {
            record: true,
            ..transactions::Options::default()
        },
    )
    .unwrap()
    .1
}

fn longest(recordings: Vec<Recorded>) -> Recorded {
    recordings
        .into_iter()
        .max_by_key(|(_, steps)| steps.len())
        .unwrap()
}

fn replay(recorded: &Recorded) -> Result<replay::Summary, Error> {
    replay::recording(Path::new("tampered.jsonl"), text(recorded).as_bytes())
}

#[test]
fn recordings_of_simulated_runs_replay() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = 0;
    let mut files = 0;
    for seed in 0..60 {
        let inner = folder.path().join(seed.to_string());
        fs::create_dir(&inner).unwrap();
        let both = [recordings(seed), transacted(seed)].concat();
        for (number, recorded) in both.iter().enumerate() {
            fs::write(inner.join(format!("{number}.jsonl")), text(recorded)).unwrap();
            events += recorded.1.len();
            files += 1;
        }
    }
    let summary = replay::folder(folder.path()).unwrap();
    assert_eq!((summary.recordings, summary.events()), (files, events));
    assert!(!summary.to_string().contains("never met"), "{summary}");
    assert!(summary.commands() > 0);
}

/// The machine commands the same; that it was told or asked so is a defect of the driver.
#[test]
fn transactions_that_the_model_does_not_allow_fail_the_replay() {
    let impossible = [
        vec![Event::Seal, Event::Seal],
        vec![Event::Seal, Event::Committed { next: 1 }],
        vec![Event::Seal, Event::CommitFailed { next: 1 }],
        vec![Event::TransactionEnded(Outcome::Committed); 2],
    ];
    for events in impossible {
        let (header, _) = longest(transacted(3));
        let mut machine = Partition::new(header.policy.clone(), &header.start);
        let begun = vec![Event::TransactionEnded(Outcome::Aborted)];
        let steps = [begun, events].concat().into_iter().map(|event| {
            let mut commands = Vec::new();
            machine.handle(Duration::ZERO, event.clone(), &mut commands);
            pelton_dispatch::Step {
                at: Duration::ZERO,
                event,
                commands,
            }
        });
        let recorded = (header, steps.collect());
        assert!(
            matches!(replay(&recorded), Err(Error::Violation { .. })),
            "{recorded:?}"
        );
    }
}

/// A recording with another guarantee than its driver's is one of events that can't come.
#[test]
fn a_recording_under_the_wrong_guarantee_fails_the_replay() {
    let (mut header, mut steps) = longest(transacted(3));
    header.policy.guarantee = pelton_dispatch::Guarantee::AtLeastOnce;
    steps.truncate(1);
    let mut machine = Partition::new(header.policy.clone(), &Checkpoint::at(0));
    let step = steps.first_mut().unwrap();
    step.event = Event::Seal;
    step.commands.clear();
    machine.handle(step.at, Event::Seal, &mut step.commands);
    assert!(matches!(
        replay(&(header, steps)),
        Err(Error::Violation { .. })
    ));
}

#[test]
fn a_folder_without_recordings_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        replay::folder(folder.path()),
        Err(Error::Nothing { .. })
    ));
}

#[test]
fn the_torn_last_line_of_a_killed_process_is_not_judged() {
    let recorded = recordings(3)
        .into_iter()
        .max_by_key(|(_, steps)| steps.len())
        .unwrap();
    let text = text(&recorded);
    for cut in [text.len() - 1, text.len() - 20] {
        let summary = replay::recording(Path::new("torn.jsonl"), &text.as_bytes()[..cut]).unwrap();
        assert_eq!(summary.events(), recorded.1.len() - 1);
    }
}

#[test]
fn empty_recordings_are_counted_and_alone_they_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("killed.jsonl"), "").unwrap();
    assert!(matches!(
        replay::folder(folder.path()),
        Err(Error::Nothing { .. })
    ));
    fs::write(folder.path().join("whole.jsonl"), text(&recordings(3)[0])).unwrap();
    let summary = replay::folder(folder.path()).unwrap();
    assert_eq!((summary.recordings, summary.empty), (1, 1));
}

#[test]
fn a_line_that_is_no_step_is_an_error() {
    let mut text = text(&recordings(3)[0]);
    text.push_str("{}\n");
    assert!(matches!(
        replay::recording(Path::new("odd.jsonl"), text.as_bytes()),
        Err(Error::Line { .. })
    ));
}

#[test]
fn other_commands_than_recorded_are_a_difference() {
    let mut recorded = recordings(3)
        .into_iter()
        .max_by_key(|(_, steps)| steps.len())
        .unwrap();
    let step = recorded.1.iter_mut().find(|step| {
        step.commands
            .iter()
            .any(|c| matches!(c, Command::Commit(_)))
    });
    step.unwrap()
        .commands
        .retain(|command| !matches!(command, Command::Commit(_)));
    assert!(matches!(replay(&recorded), Err(Error::Differs { .. })));
}

/// The machine ignores what can't happen; that it was recorded is still a defect of the driver.
#[test]
fn events_that_the_model_does_not_allow_fail_the_replay() {
    let impossible = [
        Event::Called {
            call: CallId(999),
            verdicts: vec![Verdict::NotAttempted],
            took: Duration::ZERO,
            waited: Duration::ZERO,
            probation: false,
        },
        Event::Delivered {
            offsets: vec![999_999],
        },
        Event::Committed { next: 999_999 },
        Event::Fetched(Vec::new()),
    ];
    for event in impossible {
        let mut recorded = recordings(3)
            .into_iter()
            .max_by_key(|(_, steps)| steps.len())
            .unwrap();
        let last = recorded.1.last_mut().unwrap();
        (last.event, last.commands) = (event, Vec::new());
        assert!(
            matches!(replay(&recorded), Err(Error::Violation { .. })),
            "{recorded:?}"
        );
    }
}

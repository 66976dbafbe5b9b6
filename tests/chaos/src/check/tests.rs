//! Handmade histories: each fault is found, and nothing is called a fault that isn't one.

use super::*;
use crate::history::{Look, Place, Progress, Snapshot};

const SETTINGS: Settings = Settings {
    in_flight: 2,
    commit_interval: 1_000,
};

/// One partition, ten messages, and these ids as they came out, one every 100 ms.
fn history(outputs: &[usize]) -> History {
    let output = |(offset, id): (usize, &usize)| Output {
        id: Some(*id),
        offset: offset as i64,
        at: 100 * offset as i64,
    };
    History {
        inputs: (0..10)
            .map(|offset| Place {
                partition: 0,
                offset,
            })
            .collect(),
        outputs: vec![outputs.iter().enumerate().map(output).collect()],
        committed: vec![10],
        ends: vec![10],
        ..History::default()
    }
}

/// A kill when so many outputs stood in the topic and so much was committed.
fn kill(outputs: i64, committed: i64) -> Incident {
    Incident {
        name: "kill".to_owned(),
        unclean: true,
        before: vec![outputs],
        snapshot: Snapshot {
            at: 100 * outputs,
            committed: vec![Progress {
                next: committed,
                finished: Vec::new(),
            }],
            ends: vec![outputs],
        },
        closed: vec![outputs],
        ..Incident::default()
    }
}

fn found(history: &History) -> Findings {
    check(history, Ordered::Partition, SETTINGS)
}

const ALL: [usize; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

#[test]
fn a_run_without_a_fault_has_no_findings() {
    let findings = found(&history(&ALL));
    let nothing = Findings {
        lag: vec![0],
        ..Findings::default()
    };
    assert_eq!(findings, nothing);
}

#[test]
fn a_message_that_never_came_out_is_lost() {
    assert_eq!(found(&history(&[0, 1, 2, 3, 4, 5, 6, 8, 9])).lost, [7]);
}

#[test]
fn an_output_of_nobody_or_in_another_partition_is_a_stranger() {
    let mut history = history(&ALL);
    history.outputs[0].push(Output {
        id: None,
        offset: 10,
        at: 0,
    });
    history.outputs.push(vec![Output {
        id: Some(3),
        offset: 0,
        at: 0,
    }]);
    assert_eq!(found(&history).strangers, 2);
}

#[test]
fn repeats_of_what_was_not_committed_are_counted_and_bounded() {
    let mut history = history(&[0, 1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 9]);
    history.incidents.push(kill(5, 3));
    let findings = found(&history);
    assert_eq!(findings.repeats[0].counts, [2]);
    // Two in flight, and all five came out within the second before.
    assert_eq!(findings.repeats[0].bounds[0].most(), 7);
    assert_eq!(findings.repeats[0].over(), [0_usize; 0]);
    // The kill was at 500 ms, and message 3 had come out at 300.
    assert_eq!(findings.repeats[0].oldest, 200);
    assert!(findings.after_commit.is_empty() && findings.unexplained.is_empty());
}

#[test]
fn more_repeats_than_in_flight_and_one_interval_are_over_the_bound() {
    let mut history = history(&[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // Five minutes passed between the copies: nothing of them finished within the interval before the kill.
    for output in &mut history.outputs[0][..5] {
        output.at -= 300_000;
    }
    let mut earlier = kill(0, 0);
    earlier.snapshot.at = -1_000;
    history.incidents = vec![earlier, kill(5, 0)];
    let findings = found(&history);
    assert_eq!(findings.repeats[1].counts, [5]);
    assert_eq!(findings.repeats[1].bounds[0].most(), 2);
    assert_eq!(findings.repeats[1].over(), [0]);
}

#[test]
fn a_repeat_of_what_was_committed_is_a_fault() {
    let mut history = history(&[0, 1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 9]);
    history.incidents.push(kill(5, 4));
    assert_eq!(found(&history).after_commit, [3]);
}

#[test]
fn what_the_metadata_says_is_finished_must_not_come_out_again_either() {
    let mut history = history(&[0, 1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 9]);
    let mut kill = kill(5, 3);
    kill.snapshot.committed[0].finished = std::iter::once(4..5).collect();
    history.incidents.push(kill);
    assert_eq!(found(&history).after_commit, [4]);
}

#[test]
fn what_was_committed_before_it_came_out_is_a_fault_too() {
    let mut history = history(&ALL);
    history.incidents.push(kill(5, 6));
    assert_eq!(found(&history).after_commit, [5]);
}

#[test]
fn a_repeat_that_nothing_explains_is_a_fault() {
    let repeated = [0, 1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 9];
    assert_eq!(found(&history(&repeated)).unexplained, [3, 4]);
    // A clean stop explains nothing,
    let mut stopped = history(&repeated);
    stopped.incidents.push(Incident {
        unclean: false,
        ..kill(5, 0)
    });
    assert_eq!(found(&stopped).unexplained, [3, 4]);
    // nor does a kill that came later, nor one that was over before the earlier copy.
    let mut late = history(&repeated);
    late.incidents.push(kill(9, 5));
    assert_eq!(found(&late).unexplained, [3, 4]);
    let mut early = history(&repeated);
    early.incidents.push(kill(2, 0));
    assert_eq!(found(&early).unexplained, [3, 4]);
}

#[test]
fn a_repeat_belongs_to_the_last_incident_that_explains_it() {
    let mut history = history(&[0, 1, 2, 3, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9]);
    history.incidents = vec![kill(4, 2), kill(10, 6)];
    let findings = found(&history);
    let sums: Vec<usize> = findings.repeats.iter().map(Repeats::sum).collect();
    assert_eq!(sums, [2, 2]);
}

#[test]
fn a_first_copy_behind_a_later_message_is_disorder() {
    let swapped = history(&[0, 1, 3, 2, 4, 5, 6, 7, 8, 9]);
    assert_eq!(found(&swapped).disordered, [2]);
    // Of two keys, 2 and 3 are not of the same one; of one key only 2 after 4 is.
    let by_key = |outputs: &[usize]| check(&history(outputs), Ordered::Key(2), SETTINGS).disordered;
    assert_eq!(by_key(&[0, 1, 3, 2, 4, 5, 6, 7, 8, 9]), [0_usize; 0]);
    assert_eq!(by_key(&[0, 1, 4, 2, 3, 5, 6, 7, 8, 9]), [2]);
}

#[test]
fn lag_at_the_end_is_told() {
    let mut history = history(&ALL);
    history.committed = vec![8];
    assert_eq!(found(&history).lag, [2]);
}

#[test]
fn a_commit_that_goes_backwards_is_told() {
    let mut history = history(&ALL);
    let look = |next| Look {
        at: 0,
        next: vec![next],
    };
    history.looks = vec![look(3), look(7), look(5)];
    assert_eq!(found(&history).backwards, [0]);
}

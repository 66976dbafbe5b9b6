//! What came of a transaction, and what follows (delivery rules 30, 32, 35 and 36).

use pelton_dispatch::{Ended, MemberCommand, MemberEvent, Trouble};

use super::{Bench, P, Q, commit, fence, leave_behind, left, renew, seal, tell};
use crate::support::ms;

/// Rule 30.
#[test]
fn a_spoiled_transaction_is_aborted_once() {
    for mut bench in [Bench::open(&[P]), Bench::sealing(&[P])] {
        assert_eq!(bench.spoiled(), [MemberCommand::Abort]);
        assert_eq!(bench.spoiled(), [], "it is being aborted");
        assert_eq!(bench.ended(Ended::Aborted), [tell(P, false)]);
    }
    let mut bench = Bench::committing(&[P]);
    assert_eq!(bench.spoiled(), [], "this one is past it");
}

/// Rules 30 and 35: where it can't be told, a new producer fences the old one, and the group's offsets decide.
#[test]
fn what_became_of_an_unknown_commit_is_read_from_the_group() {
    for (found, committed) in [(1, true), (0, false)] {
        let mut bench = Bench::committing(&[P, Q]);
        assert_eq!(bench.ended(Ended::Unknown), [renew([P, Q])]);
        let told = [tell(P, committed), tell(Q, committed)];
        assert_eq!(bench.renewed([(P, found), (Q, found)]), told);
    }
}

#[test]
fn an_unknown_abort_is_an_abort_once_the_producer_is_new() {
    let mut bench = Bench::open(&[P]);
    bench.spoiled();
    assert_eq!(bench.ended(Ended::Unknown), [renew([])]);
    assert_eq!(bench.renewed([]), [tell(P, false)]);
}

#[test]
fn offsets_that_nobody_of_us_committed_end_the_process() {
    for found in [[(P, 7), (Q, 1)], [(P, 1), (Q, 0)]] {
        let mut bench = Bench::committing(&[P, Q]);
        bench.ended(Ended::Unknown);
        assert_eq!(bench.renewed(found), [fence(Trouble::Foreign)]);
    }
}

/// Found by the simulator: a checkpoint that repeats what is committed says nothing of its transaction, and counted
/// as committed beside others that were aborted.
#[test]
fn a_checkpoint_that_changes_nothing_does_not_decide() {
    for (found, committed) in [(1, true), (0, false)] {
        let mut bench = Bench::sealing(&[P, Q]);
        bench.sealed(P, Some(0));
        bench.sealed(Q, Some(1));
        bench.ended(Ended::Unknown);
        let told = [tell(P, committed), tell(Q, committed)];
        assert_eq!(bench.renewed([(P, 0), (Q, found)]), told);
    }
}

#[test]
fn a_partition_that_was_lost_meanwhile_does_not_decide() {
    let mut bench = Bench::committing(&[P, Q]);
    bench.ended(Ended::Unknown);
    bench.lost(P);
    let told = [left(P, true), tell(Q, true)];
    assert_eq!(bench.renewed([(P, 99), (Q, 1)]), told);
}

#[test]
fn what_a_renewal_found_is_what_the_next_one_compares_with() {
    let mut bench = Bench::committing(&[P]);
    bench.ended(Ended::Unknown);
    bench.renewed([(P, 1)]);
    assert_eq!(bench.progress(P, 10, 1), [seal(P)]);
    bench.sealed(P, Some(2));
    bench.ended(Ended::Unknown);
    assert_eq!(bench.renewed([(P, 1)]), [tell(P, false)]);
}

#[test]
fn a_producer_is_asked_for_until_there_is_one_and_what_was_attempted_is_kept() {
    let mut bench = Bench::committing(&[P]);
    bench.ended(Ended::Unknown);
    for second in 1..4 {
        assert_eq!(
            bench.ended(Ended::NotRenewed),
            [],
            "what refuses may do so at once"
        );
        assert_eq!(bench.at(second * 1_000 - 1), []);
        assert_eq!(bench.at(second * 1_000), [renew([P])]);
    }
    assert_eq!(bench.renewed([(P, 1)]), [tell(P, true)]);
}

/// Rule 32.
#[test]
fn a_producer_that_is_fenced_in_time_again_and_again_has_a_namesake() {
    let mut bench = Bench::committing(&[P]);
    for _ in 0..3 {
        assert_eq!(bench.ended(Ended::Fenced), [renew([P])]);
    }
    assert_eq!(bench.ended(Ended::Fenced), [fence(Trouble::Namesake)]);
}

#[test]
fn fences_far_apart_are_nobodys_doing() {
    let mut bench = Bench::committing(&[P]);
    for minute in 1..10 {
        bench.now = ms(minute * 61_000);
        assert_eq!(bench.ended(Ended::Fenced), [renew([P])]);
    }
}

#[test]
fn a_producer_that_is_fenced_after_the_time_out_was_given_up_by_the_coordinator() {
    let mut bench = Bench::committing(&[P]);
    bench.now = ms(10_000);
    assert_eq!(bench.ended(Ended::Fenced), [renew([P])]);
}

/// A last checkpoint can be all that a transaction has: nobody was told of anything before it.
#[test]
fn a_fence_after_the_time_out_is_known_where_there_was_only_a_last_checkpoint() {
    let mut bench = Bench::open(&[P]);
    assert_eq!(bench.drained(P, Some(1)), [commit([(P, 1)])]);
    bench.now = ms(10_000);
    assert_eq!(bench.ended(Ended::Fenced), [renew([P])]);
    let mut bench = Bench::open(&[P]);
    assert_eq!(bench.spoiled(), [MemberCommand::Abort]);
    bench.now = ms(10_000);
    assert_eq!(bench.ended(Ended::Fenced), [renew([])]);
}

#[test]
fn a_refused_producer_ends_the_process_in_its_words() {
    let mut bench = Bench::starting();
    let why = "not authorized".to_owned();
    let commands = bench.ended(Ended::Refused(why.clone()));
    assert_eq!(commands, [fence(Trouble::Refused(why))]);
}

/// Rule 36: the new producer takes the epoch from whatever the call still does.
#[test]
fn a_call_that_does_not_return_is_left_behind() {
    let aborting = {
        let mut bench = Bench::open(&[P]);
        bench.spoiled();
        bench
    };
    let committing = Bench::committing(&[P]);
    for (mut bench, renewal) in [
        (committing, leave_behind([P])),
        (aborting, leave_behind([])),
    ] {
        assert_eq!(bench.at(24_999), []);
        assert_eq!(bench.at(25_000), [renewal]);
    }
}

#[test]
fn a_producer_that_is_long_in_the_making_is_waited_for() {
    let mut bench = Bench::starting();
    assert_eq!(bench.at(25_000), []);
    assert_eq!(bench.at(1_000_000), []);
    assert_eq!(bench.ended(Ended::NotRenewed), []);
    assert_eq!(bench.at(1_001_000), [renew([])]);
}

#[test]
fn what_is_aborted_again_and_again_is_redone_later_each_time() {
    let mut bench = Bench::open(&[P]);
    for _ in 0..3 {
        assert_eq!(bench.abort(), [tell(P, false)]);
    }
    for delay in [100, 200, 400] {
        assert_eq!(bench.abort(), []);
        let until = bench.now + ms(delay);
        bench.now = until - ms(1);
        assert_eq!(bench.event(MemberEvent::Timer), []);
        bench.now = until;
        assert_eq!(bench.event(MemberEvent::Timer), [tell(P, false)]);
    }
}

/// A producer that had to be renewed is no excuse.
#[test]
fn an_abort_that_a_renewal_told_of_counts_in_the_row() {
    let mut bench = Bench::open(&[P]);
    for _ in 0..3 {
        bench.abort();
    }
    assert_eq!(bench.spoiled(), [MemberCommand::Abort]);
    assert_eq!(bench.ended(Ended::Unknown), [renew([])]);
    assert_eq!(bench.renewed([]), []);
    let told = bench.now.as_millis() as u64 + 100;
    assert_eq!(bench.at(told), [tell(P, false)]);
}

#[test]
fn what_ends_a_process_is_said_in_plain_words() {
    for (why, word) in [
        (Trouble::Namesake, "instance-id"),
        (Trouble::Foreign, "someone else commits for this group"),
        (Trouble::Refused("no such id".to_owned()), "no such id"),
    ] {
        assert!(why.to_string().contains(word), "{why}");
    }
}

#[test]
fn a_commit_ends_the_row_of_aborts() {
    let mut bench = Bench::open(&[P]);
    for _ in 0..3 {
        bench.abort();
    }
    bench.progress(P, 10, 1);
    bench.sealed(P, Some(1));
    bench.ended(Ended::Committed);
    assert_eq!(bench.abort(), [tell(P, false)]);
}

#[test]
fn a_partition_that_is_to_be_given_up_cuts_the_rest_short() {
    let mut bench = Bench::open(&[P, Q]);
    for _ in 0..3 {
        bench.abort();
    }
    assert_eq!(bench.abort(), []);
    bench.progress(P, 1, 1);
    let told = [left(P, false), tell(Q, false)];
    assert_eq!(bench.drained(P, None), told);
}

#[test]
fn nothing_is_commanded_after_the_fence() {
    let mut bench = Bench::committing(&[P]);
    bench.ended(Ended::Refused("no".to_owned()));
    assert_eq!(bench.assigned(Q), []);
    assert_eq!(bench.lost(P), []);
    assert_eq!(bench.ended(Ended::Committed), []);
    assert_eq!(bench.at(1_000_000), []);
}

#[test]
fn words_of_unknown_partitions_and_answers_that_nobody_waits_for_are_ignored() {
    let mut bench = Bench::open(&[P]);
    assert_eq!(bench.progress(Q, 100, 1), []);
    assert_eq!(bench.sealed(Q, Some(1)), []);
    assert_eq!(bench.drained(Q, Some(1)), []);
    assert_eq!(bench.lost(Q), []);
    assert_eq!(bench.ended(Ended::Committed), []);
    assert_eq!(bench.sealed(P, Some(9)), [], "nobody asked");
    assert_eq!(bench.at(1_000), []);
}

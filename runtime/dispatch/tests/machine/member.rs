//! The transactions of a member: when one ends, and who takes part (delivery rules 29 and 31).

mod outcomes;

use std::{collections::BTreeMap, time::Duration};

use pelton_dispatch::{
    AssignmentId, Checkpoint, Ended, Member, MemberCommand, MemberEvent, Outcome,
    TransactionPolicy, Trouble,
};

use crate::support::ms;

const P: AssignmentId = AssignmentId(1);
const Q: AssignmentId = AssignmentId(2);
const R: AssignmentId = AssignmentId(3);

fn policy() -> TransactionPolicy {
    TransactionPolicy {
        interval: ms(100),
        messages: 10,
        bytes: 1000,
        timeout: ms(10_000),
    }
}

/// A member and the time.
struct Bench {
    machine: Member,
    now: Duration,
}

impl Bench {
    /// A machine that has asked for its first producer.
    fn starting() -> Self {
        let mut commands = Vec::new();
        let machine = Member::new(policy(), ms(0), &mut commands);
        assert_eq!(commands[0], renew([]));
        Self {
            machine,
            now: ms(0),
        }
    }

    /// A machine whose first transaction is open, with these partitions, of each of which 0 is committed.
    fn open(assignments: &[AssignmentId]) -> Self {
        let mut bench = Self::starting();
        assert_eq!(bench.renewed([]), []);
        for assignment in assignments {
            assert_eq!(bench.assigned(*assignment), [tell(*assignment, true)]);
        }
        bench
    }

    /// A machine that has asked these partitions to seal.
    fn sealing(assignments: &[AssignmentId]) -> Self {
        let mut bench = Self::open(assignments);
        let commands = bench.progress(assignments[0], 10, 1);
        assert_eq!(commands.len(), assignments.len(), "{commands:?}");
        bench
    }

    /// A machine that commits offset 1 of each of these.
    fn committing(assignments: &[AssignmentId]) -> Self {
        let mut bench = Self::sealing(assignments);
        let mut commands = Vec::new();
        for assignment in assignments {
            assert_eq!(commands, []);
            commands = bench.sealed(*assignment, Some(1));
        }
        assert_eq!(commands, [commit(assignments.iter().map(|a| (*a, 1)))]);
        bench
    }

    /// What is commanded upon an event, but for timers.
    fn event(&mut self, event: MemberEvent) -> Vec<MemberCommand> {
        let mut commands = self.all(event);
        commands.retain(|command| !matches!(command, MemberCommand::SetTimer { .. }));
        commands
    }

    fn all(&mut self, event: MemberEvent) -> Vec<MemberCommand> {
        let mut commands = Vec::new();
        self.machine.handle(self.now, event, &mut commands);
        commands
    }

    fn at(&mut self, millis: u64) -> Vec<MemberCommand> {
        self.now = ms(millis);
        self.event(MemberEvent::Timer)
    }

    fn assigned(&mut self, assignment: AssignmentId) -> Vec<MemberCommand> {
        let start = Checkpoint::at(0);
        self.event(MemberEvent::Assigned { assignment, start })
    }

    fn progress(
        &mut self,
        assignment: AssignmentId,
        messages: u32,
        bytes: u64,
    ) -> Vec<MemberCommand> {
        self.event(MemberEvent::Progress {
            assignment,
            messages,
            bytes,
            urgent: false,
        })
    }

    fn sealed(&mut self, assignment: AssignmentId, next: Option<i64>) -> Vec<MemberCommand> {
        let checkpoint = next.map(Checkpoint::at);
        self.event(MemberEvent::Sealed {
            assignment,
            checkpoint,
        })
    }

    fn drained(&mut self, assignment: AssignmentId, last: Option<i64>) -> Vec<MemberCommand> {
        let last = last.map(Checkpoint::at);
        self.event(MemberEvent::Drained { assignment, last })
    }

    fn lost(&mut self, assignment: AssignmentId) -> Vec<MemberCommand> {
        self.event(MemberEvent::Lost { assignment })
    }

    fn spoiled(&mut self) -> Vec<MemberCommand> {
        self.event(MemberEvent::Spoiled)
    }

    fn ended(&mut self, ended: Ended) -> Vec<MemberCommand> {
        self.event(MemberEvent::Ended(ended))
    }

    fn renewed<const N: usize>(&mut self, found: [(AssignmentId, i64); N]) -> Vec<MemberCommand> {
        let found = found.map(|(assignment, next)| (assignment, Checkpoint::at(next)));
        self.ended(Ended::Renewed(BTreeMap::from(found)))
    }

    /// One more transaction with something in it is aborted, until the member rests.
    fn abort(&mut self) -> Vec<MemberCommand> {
        assert_eq!(self.spoiled(), [MemberCommand::Abort]);
        self.ended(Ended::Aborted)
    }
}

fn seal(assignment: AssignmentId) -> MemberCommand {
    MemberCommand::Seal { assignment }
}

fn outcome(committed: bool) -> Outcome {
    if committed {
        Outcome::Committed
    } else {
        Outcome::Aborted
    }
}

fn tell(assignment: AssignmentId, committed: bool) -> MemberCommand {
    let outcome = outcome(committed);
    MemberCommand::Tell {
        assignment,
        outcome,
    }
}

fn left(assignment: AssignmentId, committed: bool) -> MemberCommand {
    let outcome = outcome(committed);
    MemberCommand::Left {
        assignment,
        outcome,
    }
}

fn commit(of: impl IntoIterator<Item = (AssignmentId, i64)>) -> MemberCommand {
    let at = |(assignment, next)| (assignment, Checkpoint::at(next));
    MemberCommand::Commit {
        checkpoints: of.into_iter().map(at).collect(),
    }
}

fn renew<const N: usize>(of: [AssignmentId; N]) -> MemberCommand {
    MemberCommand::Renew {
        committed_of: of.to_vec(),
        leave_behind: false,
    }
}

fn leave_behind<const N: usize>(of: [AssignmentId; N]) -> MemberCommand {
    MemberCommand::Renew {
        committed_of: of.to_vec(),
        leave_behind: true,
    }
}

fn fence(why: Trouble) -> MemberCommand {
    MemberCommand::Fence(why)
}

#[test]
fn a_transaction_ends_an_interval_after_the_first_thing_in_it() {
    let mut bench = Bench::open(&[P]);
    bench.now = ms(50);
    let progress = MemberEvent::Progress {
        assignment: P,
        messages: 1,
        bytes: 1,
        urgent: false,
    };
    let timer = MemberCommand::SetTimer { at: ms(150) };
    assert_eq!(bench.all(progress), [timer]);
    assert_eq!(bench.at(149), []);
    assert_eq!(bench.at(150), [seal(P)]);
}

#[test]
fn an_idle_member_ends_nothing() {
    let mut bench = Bench::open(&[P]);
    assert_eq!(bench.at(1_000_000), []);
}

#[test]
fn a_transaction_ends_early_where_it_is_large() {
    let mut bench = Bench::open(&[P, Q]);
    assert_eq!(bench.progress(P, 5, 1), []);
    assert_eq!(bench.progress(Q, 5, 1), [seal(P), seal(Q)]);
    let mut bench = Bench::open(&[P]);
    assert_eq!(bench.progress(P, 1, 999), []);
    assert_eq!(bench.progress(P, 1, 1), [seal(P)]);
}

#[test]
fn a_transaction_ends_early_where_a_partition_can_hold_no_more() {
    let mut bench = Bench::open(&[P]);
    let commands = bench.event(MemberEvent::Progress {
        assignment: P,
        messages: 1,
        bytes: 1,
        urgent: true,
    });
    assert_eq!(commands, [seal(P)]);
}

#[test]
fn a_commit_waits_until_every_partition_is_sealed_and_names_those_that_have_something() {
    let mut bench = Bench::sealing(&[P, Q, R]);
    assert_eq!(bench.sealed(P, Some(7)), []);
    assert_eq!(bench.sealed(Q, None), []);
    assert_eq!(bench.sealed(R, Some(3)), [commit([(P, 7), (R, 3)])]);
    let told = [tell(P, true), tell(Q, true), tell(R, true)];
    assert_eq!(bench.ended(Ended::Committed), told);
}

#[test]
fn what_nothing_came_of_is_not_committed() {
    let mut bench = Bench::sealing(&[P]);
    assert_eq!(bench.sealed(P, None), [tell(P, true)]);
}

#[test]
fn what_is_told_of_while_a_transaction_ends_counts_for_the_next() {
    let mut bench = Bench::committing(&[P]);
    assert_eq!(bench.progress(P, 10, 1), []);
    let commands = bench.ended(Ended::Committed);
    assert_eq!(commands, [tell(P, true), seal(P)]);
}

/// Rule 31: no transaction spans an assignment that began in the middle of it.
#[test]
fn a_partition_that_is_assigned_meanwhile_begins_with_the_next_transaction() {
    let mut bench = Bench::sealing(&[P]);
    assert_eq!(bench.assigned(Q), []);
    assert_eq!(bench.sealed(P, Some(1)), [commit([(P, 1)])]);
    assert_eq!(bench.assigned(R), []);
    let told = [tell(P, true), tell(Q, true), tell(R, true)];
    assert_eq!(bench.ended(Ended::Committed), told);
}

#[test]
fn a_partition_without_a_part_is_given_up_at_once() {
    let mut bench = Bench::open(&[P, Q]);
    assert_eq!(bench.drained(P, None), [left(P, true)]);
    assert!(bench.machine.is_settled());
    let mut bench = Bench::sealing(&[P, Q]);
    assert_eq!(bench.drained(Q, None), [left(Q, true)]);
    assert_eq!(bench.sealed(P, Some(1)), [commit([(P, 1)])]);
}

/// Rule 31: what a partition has handed over is committed or aborted before it is given up.
#[test]
fn a_partition_with_a_part_is_given_up_when_its_transaction_has_ended() {
    let mut bench = Bench::open(&[P, Q]);
    bench.progress(P, 1, 1);
    assert_eq!(bench.drained(P, Some(5)), [seal(Q)]);
    assert!(!bench.machine.is_settled());
    assert_eq!(bench.sealed(Q, None), [commit([(P, 5)])]);
    let told = [left(P, true), tell(Q, true)];
    assert_eq!(bench.ended(Ended::Committed), told);
    assert!(bench.machine.is_settled());
}

#[test]
fn a_last_checkpoint_that_comes_while_sealing_takes_the_place_of_what_was_sealed() {
    let mut bench = Bench::sealing(&[P, Q]);
    bench.sealed(P, Some(1));
    assert_eq!(bench.drained(P, Some(2)), []);
    assert_eq!(bench.sealed(Q, None), [commit([(P, 2)])]);
}

#[test]
fn a_drain_without_a_last_checkpoint_leaves_what_was_sealed() {
    let mut bench = Bench::sealing(&[P, Q]);
    bench.sealed(P, Some(1));
    assert_eq!(bench.drained(P, None), []);
    assert_eq!(bench.sealed(Q, None), [commit([(P, 1)])]);
}

#[test]
fn a_last_checkpoint_that_comes_while_committing_goes_into_the_next_transaction() {
    let mut bench = Bench::committing(&[P, Q]);
    assert_eq!(bench.drained(P, Some(2)), []);
    let commands = bench.ended(Ended::Committed);
    assert_eq!(commands, [tell(Q, true), seal(Q)]);
    assert_eq!(bench.sealed(Q, None), [commit([(P, 2)])]);
    let told = [left(P, true), tell(Q, true)];
    assert_eq!(bench.ended(Ended::Committed), told);
}

#[test]
fn an_abort_voids_the_last_checkpoint_that_counted_on_it() {
    let mut bench = Bench::committing(&[P]);
    bench.drained(P, Some(2));
    assert_eq!(bench.ended(Ended::MustAbort), [MemberCommand::Abort]);
    assert_eq!(bench.ended(Ended::Aborted), [left(P, false)]);
}

#[test]
fn a_partition_that_drains_while_its_commit_is_under_way_waits_for_it() {
    let mut bench = Bench::committing(&[P]);
    assert_eq!(bench.drained(P, None), []);
    assert_eq!(bench.ended(Ended::Committed), [left(P, true)]);
}

/// What it handed over is the next owner's to hand over again.
#[test]
fn a_lost_partition_with_a_part_aborts_the_transaction() {
    for sealing in [false, true] {
        let mut bench = Bench::open(&[P, Q]);
        bench.progress(P, 1, 1);
        if sealing {
            assert_eq!(bench.at(100), [seal(P), seal(Q)]);
        }
        assert_eq!(bench.lost(P), [left(P, false), MemberCommand::Abort]);
        assert_eq!(bench.ended(Ended::Aborted), [tell(Q, false)]);
    }
}

/// Found by the simulator: the loss was heard of before the word of what had been handed over, which was committed
/// without its offset.
#[test]
fn a_lost_partition_that_may_have_handed_something_over_aborts_the_transaction() {
    let mut bench = Bench::open(&[P, Q]);
    assert_eq!(bench.lost(P), [left(P, false), MemberCommand::Abort]);
    let mut bench = Bench::sealing(&[P, Q]);
    assert_eq!(bench.sealed(P, Some(1)), []);
    assert_eq!(bench.lost(Q), [left(Q, false), MemberCommand::Abort]);
}

#[test]
fn a_lost_partition_without_a_part_changes_nothing() {
    let mut bench = Bench::sealing(&[P, Q, R]);
    assert_eq!(bench.sealed(P, Some(1)), []);
    assert_eq!(bench.sealed(Q, None), []);
    assert_eq!(bench.lost(Q), [left(Q, false)]);
    assert_eq!(bench.sealed(R, None), [commit([(P, 1)])]);
    assert_eq!(bench.assigned(Q), []);
    assert_eq!(bench.lost(Q), [left(Q, false)], "it has not begun");
}

/// The group refuses its offset, or took it before: whoever gives it up hears when that is over.
#[test]
fn a_partition_that_is_lost_while_committing_is_left_to_the_group() {
    let mut bench = Bench::committing(&[P, Q]);
    assert_eq!(bench.lost(P), []);
    assert_eq!(bench.ended(Ended::MustAbort), [MemberCommand::Abort]);
    let told = [left(P, false), tell(Q, false)];
    assert_eq!(bench.ended(Ended::Aborted), told);
}

#[test]
fn a_partition_that_ends_with_nothing_to_say_is_not_asked() {
    let mut bench = Bench::open(&[P, Q]);
    bench.progress(P, 1, 1);
    assert_eq!(bench.drained(P, None), [seal(Q)]);
}

#[test]
fn the_time_of_an_end_is_asked_for_once() {
    let mut bench = Bench::open(&[P]);
    let progress = || MemberEvent::Progress {
        assignment: P,
        messages: 1,
        bytes: 1,
        urgent: false,
    };
    assert_eq!(
        bench.all(progress()),
        [MemberCommand::SetTimer { at: ms(100) }]
    );
    assert_eq!(bench.all(progress()), []);
}

#[test]
fn an_earlier_timer_replaces_the_one_of_a_call_that_has_come_back() {
    let mut bench = Bench::committing(&[P]);
    bench.now = ms(50);
    bench.ended(Ended::Committed);
    let commands = bench.all(MemberEvent::Progress {
        assignment: P,
        messages: 1,
        bytes: 1,
        urgent: false,
    });
    assert_eq!(commands, [MemberCommand::SetTimer { at: ms(150) }]);
}

//! Faults of exactly-once: of partitions, of members, and of their driver. The judge of what readers see finds each
//! of them alone; the model finds those of partitions too.

use std::{collections::BTreeMap, marker::PhantomData, time::Duration};

use pelton_dispatch::{
    AssignmentId, Checkpoint, Command, Ended, Event, Member, MemberCommand, MemberEvent, Outcome,
    Partition, TransactionPolicy,
};
use pelton_simulator::{
    group::{
        Failure,
        transactions::{DriverFault, Options, run_many, run_seed},
    },
    machine::{Machine, Transactions},
};
use pelton_types::{Failure as Refusal, FailureKind};

use crate::{
    broken::{Broken, Fault},
    calls::ForgetsToWait,
};

/// Seeds within which a fault must be found.
const WITHIN: u64 = 2_000;

fn found_out<M: Machine, T: Transactions>(name: &str, fault: Option<DriverFault>) {
    let options = Options {
        model: false,
        fault,
        ..Options::default()
    };
    found_out_by::<M, T>(name, options);
}

fn found_out_by<M: Machine, T: Transactions>(name: &str, options: Options) {
    let Err(failure) = run_many::<M, T>(0, WITHIN, 1, options, |_| ()) else {
        panic!("{name} was not found out");
    };
    let Failure {
        seed, violation, ..
    } = *failure;
    println!("{name} is found out by seed {seed}: {violation}");
    let again = run_seed::<M, T>(seed, options).unwrap_err();
    assert_eq!(again.violation, violation, "the seed replays it");
}

macro_rules! partitions {
    ($($name:ident: $fault:ty;)+) => {
        $(#[test] fn $name() {
            found_out::<Broken<$fault>, Member>(stringify!($name), None);
            found_out_by::<Broken<$fault>, Member>(stringify!($name), Options::default());
        })+
    };
}

macro_rules! members {
    ($($name:ident: $fault:ty;)+) => {
        $(#[test] fn $name() { found_out::<Partition, BrokenMember<$fault>>(stringify!($name), None); })+
    };
}

partitions! {
    seals_before_outputs_are_acknowledged: ForgetsToWait;
    releases_what_is_not_committed: ReleasesBeforeCommit;
    forgets_to_hold: ForgetsToHold;
    rewinds_nothing: RewindsNothing;
    forgets_what_is_doomed: ForgetsDoom;
    keeps_a_spoiled_transaction_for_itself: TellsOfNoSpoil;
    tells_the_member_of_nothing: TellsOfNoProgress;
    seals_an_offset_too_far: SealsTooFar;
    seals_without_a_checkpoint: SealsNothing;
}

members! {
    commits_without_waiting_for_all_seals: CommitsEarly;
    takes_an_unknown_commit_for_an_abort: UnknownIsAborted;
    takes_an_unknown_commit_for_a_commit: UnknownIsCommitted;
    ignores_lost_partitions: IgnoresLost;
    ignores_refused_outputs: IgnoresSpoiled;
    gives_partitions_up_before_their_transaction_ends: LeavesEarly;
    takes_an_abort_for_a_commit: AbortedIsCommitted;
}

fn driver_is_found_out(fault: DriverFault) {
    found_out::<Partition, Member>(&format!("{fault:?}"), Some(fault));
}

/// Rule 35.
#[test]
fn a_driver_that_believes_calls_with_unanswered_requests_is_found_out() {
    driver_is_found_out(DriverFault::BelievesUnanswered);
}

#[test]
fn a_driver_that_believes_what_was_said_before_an_abort_was_heard_of_is_found_out() {
    driver_is_found_out(DriverFault::BelievesStaleWords);
}

/// Rule 29.
#[test]
fn a_driver_that_commits_offsets_beside_the_transaction_is_found_out() {
    driver_is_found_out(DriverFault::OffsetsOutside);
}

/// Rule 29.
#[test]
fn a_driver_that_starts_from_undecided_offsets_is_found_out() {
    driver_is_found_out(DriverFault::FetchesUnstable);
}

/// Rule 29.
#[test]
fn a_driver_that_tells_of_lost_partitions_in_the_next_generation_is_found_out() {
    driver_is_found_out(DriverFault::TellsOfLossLate);
}

#[derive(Default)]
struct ReleasesBeforeCommit;
impl Fault for ReleasesBeforeCommit {
    fn says(&mut self, commands: &mut Vec<Command>) {
        let sealed = commands.iter().find_map(|command| match command {
            Command::Sealed(Some(checkpoint)) => Some(checkpoint.next),
            _ => None,
        });
        commands.extend(sealed.map(|below| Command::Release { below }));
    }
}

#[derive(Default)]
struct ForgetsToHold;
impl Fault for ForgetsToHold {
    fn says(&mut self, commands: &mut Vec<Command>) {
        commands.retain(|command| !matches!(command, Command::Hold { .. }));
    }
}

#[derive(Default)]
struct RewindsNothing;
impl Fault for RewindsNothing {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        match event {
            Event::TransactionEnded(_) => vec![Event::TransactionEnded(Outcome::Committed)],
            _ => vec![event],
        }
    }
}

/// Aborts for a refused output, and produces it again (rule 24).
#[derive(Default)]
struct ForgetsDoom {
    spoils: Option<i64>,
}
impl Fault for ForgetsDoom {
    fn hears(&mut self, event: Event) -> Vec<Event> {
        match event {
            Event::Refused {
                offset,
                partly: true,
                ..
            } => {
                self.spoils = Some(offset);
                vec![Event::Timer]
            }
            _ => vec![event],
        }
    }

    fn says(&mut self, commands: &mut Vec<Command>) {
        let failure = || Refusal::new(FailureKind::Produce, "refused");
        let spoil = |offset| Command::Spoil {
            offset,
            failure: failure(),
        };
        commands.extend(self.spoils.take().map(spoil));
    }
}

#[derive(Default)]
struct TellsOfNoSpoil;
impl Fault for TellsOfNoSpoil {
    fn says(&mut self, commands: &mut Vec<Command>) {
        commands.retain(|command| !matches!(command, Command::Spoil { .. }));
    }
}

#[derive(Default)]
struct TellsOfNoProgress;
impl Fault for TellsOfNoProgress {
    fn says(&mut self, commands: &mut Vec<Command>) {
        commands.retain(|command| !matches!(command, Command::Progress { .. }));
    }
}

#[derive(Default)]
struct SealsTooFar;
impl Fault for SealsTooFar {
    fn says(&mut self, commands: &mut Vec<Command>) {
        for command in commands {
            if let Command::Sealed(Some(checkpoint)) = command {
                *checkpoint = Checkpoint::at(checkpoint.next + 1);
            }
        }
    }
}

#[derive(Default)]
struct SealsNothing;
impl Fault for SealsNothing {
    fn says(&mut self, commands: &mut Vec<Command>) {
        for command in commands {
            if let Command::Sealed(checkpoint) = command {
                *checkpoint = None;
            }
        }
    }
}

/// A way for a member to be broken.
trait MemberFault: Default + 'static {
    fn hears(&mut self, event: MemberEvent) -> Vec<MemberEvent> {
        vec![event]
    }

    fn says(&mut self, _commands: &mut Vec<MemberCommand>) {}

    /// Events that the machine gets besides, for what it just commanded.
    fn imagines(&mut self, _commands: &[MemberCommand]) -> Vec<MemberEvent> {
        Vec::new()
    }
}

struct BrokenMember<F> {
    inner: Member,
    fault: F,
    kind: PhantomData<F>,
}

impl<F: MemberFault> Transactions for BrokenMember<F> {
    fn new(policy: TransactionPolicy, now: Duration, commands: &mut Vec<MemberCommand>) -> Self {
        Self {
            inner: Member::new(policy, now, commands),
            fault: F::default(),
            kind: PhantomData,
        }
    }

    fn handle(&mut self, now: Duration, event: MemberEvent, commands: &mut Vec<MemberCommand>) {
        let mut waiting = self.fault.hears(event);
        waiting.reverse();
        while let Some(event) = waiting.pop() {
            let mut said = Vec::new();
            self.inner.handle(now, event, &mut said);
            waiting.extend(self.fault.imagines(&said));
            self.fault.says(&mut said);
            commands.append(&mut said);
        }
    }
}

/// Takes the last partition that it asked for sealed.
#[derive(Default)]
struct CommitsEarly;
impl MemberFault for CommitsEarly {
    fn imagines(&mut self, commands: &[MemberCommand]) -> Vec<MemberEvent> {
        let asked = commands.iter().rev().find_map(|command| match command {
            MemberCommand::Seal { assignment } => Some(*assignment),
            _ => None,
        });
        let sealed = |assignment| MemberEvent::Sealed {
            assignment,
            checkpoint: None,
        };
        asked.map(sealed).into_iter().collect()
    }
}

/// What was committed last of each partition, and what was attempted after that.
#[derive(Default)]
struct Offsets {
    committed: BTreeMap<AssignmentId, Checkpoint>,
    attempted: BTreeMap<AssignmentId, Checkpoint>,
}

impl Offsets {
    fn hears(&mut self, event: &MemberEvent) {
        if let MemberEvent::Assigned { assignment, start } = event {
            self.committed.insert(*assignment, start.clone());
        }
    }

    fn says(&mut self, commands: &[MemberCommand]) {
        for command in commands {
            match command {
                MemberCommand::Commit { checkpoints } => self.attempted = checkpoints.clone(),
                MemberCommand::Tell {
                    assignment,
                    outcome: Outcome::Committed,
                } => {
                    if let Some(attempt) = self.attempted.remove(assignment) {
                        self.committed.insert(*assignment, attempt);
                    }
                }
                _ => {}
            }
        }
    }

    /// What a renewal finds, replaced by what somebody believes.
    fn believe(
        event: MemberEvent,
        believed: &BTreeMap<AssignmentId, Checkpoint>,
    ) -> Vec<MemberEvent> {
        match event {
            MemberEvent::Ended(Ended::Renewed(found)) => {
                let believed = |(name, found): (AssignmentId, Checkpoint)| {
                    (name, believed.get(&name).cloned().unwrap_or(found))
                };
                let found = found.into_iter().map(believed).collect();
                vec![MemberEvent::Ended(Ended::Renewed(found))]
            }
            _ => vec![event],
        }
    }
}

#[derive(Default)]
struct UnknownIsAborted(Offsets);
impl MemberFault for UnknownIsAborted {
    fn hears(&mut self, event: MemberEvent) -> Vec<MemberEvent> {
        self.0.hears(&event);
        Offsets::believe(event, &self.0.committed)
    }

    fn says(&mut self, commands: &mut Vec<MemberCommand>) {
        self.0.says(commands);
    }
}

#[derive(Default)]
struct UnknownIsCommitted(Offsets);
impl MemberFault for UnknownIsCommitted {
    fn hears(&mut self, event: MemberEvent) -> Vec<MemberEvent> {
        self.0.hears(&event);
        Offsets::believe(event, &self.0.attempted)
    }

    fn says(&mut self, commands: &mut Vec<MemberCommand>) {
        self.0.says(commands);
    }
}

#[derive(Default)]
struct IgnoresLost;
impl MemberFault for IgnoresLost {
    fn hears(&mut self, event: MemberEvent) -> Vec<MemberEvent> {
        match event {
            MemberEvent::Lost { .. } => Vec::new(),
            _ => vec![event],
        }
    }
}

#[derive(Default)]
struct IgnoresSpoiled;
impl MemberFault for IgnoresSpoiled {
    fn hears(&mut self, event: MemberEvent) -> Vec<MemberEvent> {
        match event {
            MemberEvent::Spoiled => Vec::new(),
            _ => vec![event],
        }
    }
}

/// Gives a partition up as soon as it is drained (rule 31).
#[derive(Default)]
struct LeavesEarly {
    leaves: Option<AssignmentId>,
}
impl MemberFault for LeavesEarly {
    fn hears(&mut self, event: MemberEvent) -> Vec<MemberEvent> {
        if let MemberEvent::Drained { assignment, .. } = &event {
            self.leaves = Some(*assignment);
        }
        vec![event]
    }

    fn says(&mut self, commands: &mut Vec<MemberCommand>) {
        commands.retain(|command| !matches!(command, MemberCommand::Left { .. }));
        let left = |assignment| MemberCommand::Left {
            assignment,
            outcome: Outcome::Committed,
        };
        commands.extend(self.leaves.take().map(left));
    }
}

#[derive(Default)]
struct AbortedIsCommitted;
impl MemberFault for AbortedIsCommitted {
    fn hears(&mut self, event: MemberEvent) -> Vec<MemberEvent> {
        match event {
            MemberEvent::Ended(Ended::Aborted) => vec![MemberEvent::Ended(Ended::Committed)],
            _ => vec![event],
        }
    }
}

//! The broker's side: the transaction coordinator of the old protocol, and what lands in its transactions.
//!
//! A request is checked by its producer's epoch alone: one that comes too late, from a transaction before, is
//! taken for one of the present transaction (what KIP-890's second part forbids, which librdkafka doesn't speak).

use std::{collections::BTreeMap, time::Duration};

use pelton_dispatch::Checkpoint;
use pelton_types::Offset;
use rand::Rng;

use super::{
    queue::{Item, ProcessId, Seat},
    run::DriverFault,
    seen::Seen,
    world::{Outputs, World},
};
use crate::model::Violation;

/// What the coordinator knows of a transactional id, and what stands in its transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Transactional {
    pub epoch: u64,
    pub state: State,
    /// Transactions that were begun.
    pub serial: u64,
    /// How the last one ended.
    last: Option<bool>,
    pub records: Vec<Record>,
    pub offsets: BTreeMap<usize, Checkpoint>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Empty,
    Ongoing,
    /// It is decided whether it is committed; the markers are not written.
    Prepared(bool),
}

/// One output, or a dead letter, in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub partition: usize,
    pub offset: Offset,
    pub outputs: Outputs,
    pub letter: bool,
}

/// Outputs of one message on their way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    pub seat: Seat,
    pub offset: Offset,
    pub outputs: Outputs,
    pub letter: bool,
    /// The last of them is refused.
    pub refused: bool,
    /// Into which of its producer's transactions it was handed over.
    pub transaction: u64,
    pub epoch: u64,
}

/// A request of the transaction protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    AddPartitions,
    Offsets {
        generation: u64,
        offsets: BTreeMap<usize, Checkpoint>,
    },
    End {
        commit: bool,
    },
    Init,
    FetchOffsets {
        partitions: Vec<usize>,
    },
}

/// A request that arrives.
#[derive(Clone, Debug)]
pub(super) struct Arriving {
    pub serial: u64,
    pub request: Request,
    pub epoch: u64,
    /// The transaction for which it was sent, as its sender counts: only for people.
    pub transaction: u64,
    /// Whether the way back to its sender is still there.
    pub answered: bool,
}

/// What the broker answers.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Done,
    Initialised(u64),
    Fetched(BTreeMap<usize, Checkpoint>),
    /// Not yet: the transaction before is still being completed, or offsets are pending.
    NotYet,
    Fenced,
    StaleGeneration,
    InvalidState,
}

impl World {
    /// A request arrives.
    pub fn arrives(&mut self, process: ProcessId, arriving: Arriving) -> Result<(), Violation> {
        let present = self.processes.get(process).map(|p| p.client.transaction);
        let torn = !arriving.answered && present != Some(arriving.transaction);
        match &arriving.request {
            Request::End { .. } if torn => self.saw(Seen::TornEnd),
            Request::Offsets { .. } if torn => self.saw(Seen::TornOffsets),
            _ => {}
        }
        let answer = self.answer(process, arriving.epoch, &arriving.request)?;
        self.say(|_| format!("broker, of process {process}: {arriving:?} -> {answer:?}"));
        if arriving.answered {
            self.soon(Item::Replied(process, arriving.serial, answer));
        }
        Ok(())
    }

    fn answer(
        &mut self,
        process: ProcessId,
        epoch: u64,
        request: &Request,
    ) -> Result<Answer, Violation> {
        let Some(known) = self.broker.get_mut(process) else {
            return Ok(Answer::Fenced);
        };
        let fenced = known.epoch != epoch;
        match (request, known.state) {
            (Request::FetchOffsets { partitions }, _) => return Ok(self.fetch_offsets(partitions)),
            (Request::Init, State::Ongoing) => {
                known.epoch += 1;
                self.decide(process, false)?;
                return Ok(Answer::NotYet);
            }
            (Request::Init, State::Prepared(_)) => return Ok(Answer::NotYet),
            (Request::Init, State::Empty) => {
                known.epoch += 1;
                known.offsets.clear();
                return Ok(Answer::Initialised(known.epoch));
            }
            _ if fenced => return Ok(Answer::Fenced),
            (Request::AddPartitions | Request::Offsets { .. }, State::Prepared(_)) => {
                return Ok(Answer::NotYet);
            }
            (Request::AddPartitions, _) => self.open(process),
            (
                Request::Offsets {
                    generation,
                    offsets,
                },
                _,
            ) => return self.take_offsets(process, *generation, offsets),
            (Request::End { commit }, State::Ongoing) => self.decide(process, *commit)?,
            (Request::End { commit }, State::Prepared(decided)) if *commit == decided => {
                return Ok(Answer::NotYet);
            }
            (Request::End { commit }, State::Empty) if known.last == Some(*commit) => {}
            (Request::End { .. }, _) => return Ok(Answer::InvalidState),
        }
        Ok(Answer::Done)
    }

    /// A transaction begins, unless it has begun.
    fn open(&mut self, process: ProcessId) {
        let timeout = self.limits.policy.timeout;
        let slack = Duration::from_millis(self.rng.random_range(0..500));
        if let Some(known) = self.broker.get_mut(process)
            && known.state == State::Empty
        {
            known.state = State::Ongoing;
            known.serial += 1;
            let item = Item::TransactionTimeout(process, known.serial);
            self.queue.push(self.now + timeout + slack, item);
        }
    }

    fn take_offsets(
        &mut self,
        process: ProcessId,
        generation: u64,
        offsets: &BTreeMap<usize, Checkpoint>,
    ) -> Result<Answer, Violation> {
        if !self.group.members.contains(&process) || self.group.generation != generation {
            self.saw(Seen::StaleGeneration);
            return Ok(Answer::StaleGeneration);
        }
        if self.has(DriverFault::OffsetsOutside) {
            self.judge.committed(&[], offsets)?;
            self.group.offsets.extend(offsets.clone());
            return Ok(Answer::Done);
        }
        self.open(process);
        if let Some(known) = self.broker.get_mut(process) {
            known.offsets.extend(offsets.clone());
        }
        Ok(Answer::Done)
    }

    fn fetch_offsets(&mut self, partitions: &[usize]) -> Answer {
        if partitions
            .iter()
            .any(|partition| self.is_unstable(*partition))
        {
            self.saw(Seen::Unstable);
            return Answer::NotYet;
        }
        let committed = |partition: &usize| (*partition, self.group.committed(*partition));
        Answer::Fetched(partitions.iter().map(committed).collect())
    }

    /// Whether some transaction that isn't over has offsets of a partition.
    pub fn is_unstable(&self, partition: usize) -> bool {
        self.broker
            .iter()
            .any(|known| known.state != State::Empty && known.offsets.contains_key(&partition))
    }

    /// How a transaction ends is decided; nothing changes that any more.
    fn decide(&mut self, process: ProcessId, commit: bool) -> Result<(), Violation> {
        self.soon(Item::Completes(process));
        let Some(known) = self.broker.get_mut(process) else {
            return Ok(());
        };
        known.state = State::Prepared(commit);
        let records = std::mem::take(&mut known.records);
        let offsets = known.offsets.clone();
        self.say(|_| {
            format!("process {process}: committed {commit}: {records:?}, offsets {offsets:?}")
        });
        if !commit {
            self.saw(Seen::Aborted);
            return Ok(());
        }
        self.saw(Seen::Committed);
        if records.is_empty() {
            self.saw(Seen::OnlyOffsets);
        }
        if offsets.len() > 1 {
            self.saw(Seen::Several);
        }
        self.judge.committed(&records, &offsets)
    }

    /// The markers are written: the offsets can be fetched.
    pub fn completes(&mut self, process: ProcessId) -> Result<(), Violation> {
        let Some(known) = self.broker.get_mut(process) else {
            return Ok(());
        };
        let State::Prepared(commit) = known.state else {
            return Ok(());
        };
        known.state = State::Empty;
        known.last = Some(commit);
        let offsets = std::mem::take(&mut known.offsets);
        if commit {
            self.group.offsets.extend(offsets);
        }
        Ok(())
    }

    /// The coordinator ends a transaction that was open for too long, and fences its producer.
    pub fn transaction_timeout(
        &mut self,
        process: ProcessId,
        serial: u64,
    ) -> Result<(), Violation> {
        let ongoing =
            |known: &&mut Transactional| known.serial == serial && known.state == State::Ongoing;
        if let Some(known) = self.broker.get_mut(process).filter(ongoing) {
            known.epoch += 1;
            self.saw(Seen::TimedOut);
            self.say(|_| format!("the transaction of process {process} was open for too long"));
            return self.decide(process, false);
        }
        Ok(())
    }

    /// Outputs arrive. A sequence number tells those that were given up with their transaction.
    pub fn lands(&mut self, process: ProcessId, write: Write) -> Result<(), Violation> {
        let gone = self
            .processes
            .get(process)
            .is_none_or(|p| p.client.transaction != write.transaction);
        let partition = self.seats.get(write.seat).map(|seat| seat.partition);
        let (Some(known), Some(partition), false) = (self.broker.get_mut(process), partition, gone)
        else {
            return Ok(());
        };
        if known.epoch != write.epoch || known.state != State::Ongoing {
            self.soon(Item::ProducerFails(process, write.transaction));
            return Ok(());
        }
        let count = write.outputs.count - u32::from(write.refused);
        known.records.extend((0..count).map(|_| Record {
            partition,
            offset: write.offset,
            outputs: write.outputs,
            letter: write.letter,
        }));
        self.soon(Item::Answered {
            seat: write.seat,
            transaction: write.transaction,
            offset: write.offset,
            refused: write.refused.then_some(true),
        });
        Ok(())
    }
}

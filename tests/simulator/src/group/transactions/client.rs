//! The transactional producer of a process: its calls, made of requests that may be lost or come too late.
//!
//! Invariant (delivery rule 35): a call tells `Committed` or `Aborted` only when every request of the transaction
//! was answered.

use std::{collections::BTreeMap, time::Duration};

use pelton_dispatch::{AssignmentId, Checkpoint, Ended, MemberEvent};
use rand::Rng;

use super::{
    broker::{Answer, Arriving, Request, Write},
    queue::{Item, ProcessId},
    run::DriverFault,
    seen::Seen,
    world::World,
};
use crate::model::Violation;

/// After how long a request that has to wait is sent again.
const PATIENCE: Duration = Duration::from_millis(20);

/// What a process knows of its producer.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub epoch: u64,
    /// Counts the transactions of this process.
    pub transaction: u64,
    /// Nothing more is handed over into it.
    pub closed: bool,
    /// A request of it was never answered.
    indefinite: bool,
    /// When the first of it was handed over.
    began: Option<Duration>,
    added: Added,
    queued: Vec<Write>,
    /// When what was last written lands: writes don't overtake each other.
    lands_at: Duration,
    call: Option<Call>,
    deadline: Duration,
    /// The request that is waited for.
    pending: Option<(u64, Request)>,
    serial: u64,
}

/// Whether the coordinator knows that the transaction has outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Added {
    #[default]
    No,
    Asked,
    Yes,
}

#[derive(Clone, Debug)]
enum Call {
    Commit,
    Abort,
    Renew(BTreeMap<usize, AssignmentId>),
}

impl World {
    fn client(&mut self, process: ProcessId) -> Option<&mut Client> {
        self.processes.get_mut(process).map(|p| &mut p.client)
    }

    /// Hands outputs to the producer.
    pub fn write(&mut self, process: ProcessId, mut write: Write) {
        let now = self.now;
        let Some(client) = self.client(process) else {
            return;
        };
        write.epoch = client.epoch;
        client.began.get_or_insert(now);
        match client.added {
            Added::Yes => self.send_write(process, write),
            Added::Asked => client.queued.push(write),
            Added::No => {
                client.added = Added::Asked;
                client.queued.push(write);
                self.send(process, Request::AddPartitions);
            }
        }
    }

    fn send_write(&mut self, process: ProcessId, write: Write) {
        let late = self.plan.late_write;
        let mut at = self.now + self.latency();
        if self.mischance(late) {
            at += Duration::from_millis(self.rng.random_range(0..1_500));
        }
        if let Some(client) = self.client(process) {
            client.lands_at = client.lands_at.max(at);
            let at = client.lands_at;
            self.queue.push(at, Item::Lands(process, write));
        }
    }

    pub fn call_commit(&mut self, process: ProcessId, offsets: BTreeMap<usize, Checkpoint>) {
        let generation = self.processes.get(process).map_or(0, |p| p.generation);
        self.begin_call(process, Call::Commit);
        self.send(
            process,
            Request::Offsets {
                generation,
                offsets,
            },
        );
    }

    /// A request that is under way is given up on, and so is never answered.
    pub fn call_abort(&mut self, process: ProcessId) {
        self.begin_call(process, Call::Abort);
        if let Some(client) = self.client(process) {
            client.indefinite |= client.pending.take().is_some();
        }
        self.send(process, Request::End { commit: false });
    }

    pub fn call_renew(&mut self, process: ProcessId, of: BTreeMap<usize, AssignmentId>) {
        self.begin_call(process, Call::Renew(of));
        if let Some(client) = self.client(process) {
            client.pending = None;
        }
        self.send(process, Request::Init);
    }

    fn begin_call(&mut self, process: ProcessId, call: Call) {
        let deadline = self.now + self.limits.policy.timeout;
        if let Some(client) = self.client(process) {
            client.closed = true;
            client.queued.clear();
            client.call = Some(call);
            client.deadline = deadline;
        }
    }

    /// Sends a request, which may be lost, come late, or get no answer.
    fn send(&mut self, process: ProcessId, request: Request) {
        let troubled = self.limits.troubled;
        let fate = if self.mischance(troubled) {
            self.rng.random_range(1..4)
        } else {
            0
        };
        // A new producer has no earlier self whose request could come late.
        let fate = if request == Request::Init && fate == 2 {
            1
        } else {
            fate
        };
        let mut at = self.now + self.latency();
        if fate == 2 {
            let late = self.rng.random_range(0..2_000);
            at += self.limits.request_timeout + Duration::from_millis(late);
        }
        let gives_up = self.now + self.limits.request_timeout;
        let Some(client) = self.client(process) else {
            return;
        };
        client.serial += 1;
        let serial = client.serial;
        client.pending = Some((serial, request.clone()));
        let arriving = Arriving {
            serial,
            request,
            epoch: client.epoch,
            transaction: client.transaction,
            answered: fate == 0,
        };
        match fate {
            0 => {}
            1 => self.saw(Seen::RequestLost),
            2 => self.saw(Seen::Straggler),
            _ => self.saw(Seen::AnswerLost),
        }
        self.say(|_| format!("process {process} sends {arriving:?}, fate {fate}"));
        if fate != 1 {
            self.queue.push(at, Item::Arrives(process, arriving));
        }
        self.queue
            .push(gives_up, Item::RequestTimeout(process, serial));
    }

    /// A request was not answered in time: it is sent again, as long as its call may take.
    pub fn request_timeout(&mut self, process: ProcessId, serial: u64) -> Result<(), Violation> {
        let now = self.now;
        let Some(client) = self.client(process) else {
            return Ok(());
        };
        let Some((_, request)) = client.pending.take_if(|(pending, _)| *pending == serial) else {
            return Ok(());
        };
        client.indefinite = true;
        let late = now >= client.deadline;
        match (&client.call, late) {
            (Some(Call::Renew(_)), true) => self.finish(process, Ended::NotRenewed),
            (Some(_), true) => self.finish(process, Ended::Unknown),
            _ => {
                self.send(process, request);
                Ok(())
            }
        }
    }

    pub fn resend(&mut self, process: ProcessId, serial: u64) -> Result<(), Violation> {
        let now = self.now;
        let Some(client) = self.client(process) else {
            return Ok(());
        };
        let Some((_, request)) = client.pending.take_if(|(pending, _)| *pending == serial) else {
            return Ok(());
        };
        match (&client.call, now >= client.deadline) {
            (Some(Call::Renew(_)), true) => self.finish(process, Ended::NotRenewed),
            (Some(_), true) => self.finish(process, Ended::Unknown),
            _ => {
                self.send(process, request);
                Ok(())
            }
        }
    }

    /// An answer comes back.
    pub fn replied(
        &mut self,
        process: ProcessId,
        serial: u64,
        answer: Answer,
    ) -> Result<(), Violation> {
        let Some(client) = self.client(process) else {
            return Ok(());
        };
        let Some((_, request)) = client.pending.take_if(|(pending, _)| *pending == serial) else {
            return Ok(());
        };
        let transaction = client.transaction;
        match (request, answer) {
            (request, Answer::NotYet) => {
                // It was answered; until it is sent again nothing is waited for.
                client.serial += 1;
                let serial = client.serial;
                client.pending = Some((serial, request));
                self.saw(Seen::Concurrent);
                self.queue
                    .push(self.now + PATIENCE, Item::Resend(process, serial));
                Ok(())
            }
            (Request::AddPartitions, Answer::Done) => {
                client.added = Added::Yes;
                let queued = std::mem::take(&mut client.queued);
                queued
                    .into_iter()
                    .for_each(|write| self.send_write(process, write));
                Ok(())
            }
            (Request::AddPartitions, _) => self.producer_fails(process, transaction),
            (Request::Offsets { .. }, Answer::Done) => {
                self.send(process, Request::End { commit: true });
                Ok(())
            }
            (Request::Offsets { .. }, Answer::StaleGeneration) => {
                self.saw(Seen::MustAbort);
                self.finish(process, Ended::MustAbort)
            }
            (Request::End { commit: true }, Answer::Done) => self.finish(process, Ended::Committed),
            (Request::End { commit: false }, Answer::Done) => self.finish(process, Ended::Aborted),
            // Nothing of this transaction has come to the coordinator: there is nothing to abort.
            (Request::End { commit: false }, Answer::InvalidState) if client.added == Added::No => {
                self.finish(process, Ended::Aborted)
            }
            (Request::Init, Answer::Initialised(epoch)) => {
                client.epoch = epoch;
                let Some(Call::Renew(of)) = &client.call else {
                    return Ok(());
                };
                let partitions = of.keys().copied().collect();
                self.send(process, Request::FetchOffsets { partitions });
                Ok(())
            }
            (Request::FetchOffsets { .. }, Answer::Fetched(found)) => {
                let Some(Call::Renew(of)) = &client.call else {
                    return Ok(());
                };
                let named = |(partition, found)| Some((*of.get(&partition)?, found));
                let found = found.into_iter().filter_map(named).collect();
                self.finish(process, Ended::Renewed(found))
            }
            (_, Answer::Fenced) => {
                self.saw(Seen::Fenced);
                self.finish(process, Ended::Fenced)
            }
            _ => self.finish(process, Ended::Unknown),
        }
    }

    /// A call returns.
    fn finish(&mut self, process: ProcessId, ended: Ended) -> Result<(), Violation> {
        let believes = self.has(DriverFault::BelievesUnanswered);
        let (now, timeout) = (self.now, self.limits.policy.timeout);
        let Some(client) = self.client(process) else {
            return Ok(());
        };
        client.call = None;
        client.pending = None;
        let mut ended = ended;
        // The member may not have heard yet of what was handed over long ago, when the process stood still.
        let old = client.began.is_some_and(|began| now >= began + timeout);
        if ended == Ended::Fenced && old {
            ended = Ended::Unknown;
        }
        if matches!(ended, Ended::Committed | Ended::Aborted) && client.indefinite && !believes {
            ended = Ended::Unknown;
            self.saw(Seen::Indefinite);
        }
        let Some(client) = self.client(process) else {
            return Ok(());
        };
        if matches!(ended, Ended::Committed | Ended::Aborted | Ended::Renewed(_)) {
            client.transaction += 1;
            client.closed = false;
            client.indefinite = false;
            client.added = Added::No;
            client.began = None;
        }
        match &ended {
            Ended::Renewed(_) => self.saw(Seen::Renewed),
            Ended::NotRenewed => self.saw(Seen::NotRenewed),
            _ => {}
        }
        self.member_event(process, MemberEvent::Ended(ended))
    }

    /// The producer says that its transaction can't be committed.
    pub fn producer_fails(
        &mut self,
        process: ProcessId,
        transaction: u64,
    ) -> Result<(), Violation> {
        let present = self
            .client(process)
            .is_some_and(|client| client.transaction == transaction);
        if present {
            self.member_event(process, MemberEvent::Spoiled)?;
        }
        Ok(())
    }
}

//! Which revisions a handler's partitions use at the moment, and what they say of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use pelton_engine::Revision;
use pelton_revisions::Event;
use pelton_types::RevisionId;
use tokio::sync::mpsc;
use tracing::warn;

use crate::onlooker::Debut;

/// What a handler runs with.
#[derive(Clone)]
pub(crate) struct InUse {
    pub revision: Revision,
    /// Since when it runs.
    pub since: Duration,
    /// The one before, while this one is on probation.
    pub stand_by: Option<StandBy>,
    /// Where somebody looks on.
    pub debut: Option<Arc<Debut>>,
}

/// A revision that has proved good, and where to say what becomes of messages that are given to it.
#[derive(Clone)]
pub(crate) struct StandBy {
    pub revision: Revision,
    pub ballot: Arc<Ballot>,
}

/// What partitions say of a revision on probation.
pub(crate) struct Ballot {
    handled: AtomicU64,
    fell_back: mpsc::Sender<Event>,
}

impl InUse {
    /// What the instances of its revisions take in bytes, and what each of them may.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let stands_by = self.stand_by.as_ref();
        let before = stands_by.map_or(0, |stand_by| stand_by.revision.memory());
        let limit = self.revision.env().limits.memory_bytes;
        (self.revision.memory() + before, limit as u64)
    }

    /// The revision for a call. Where nobody stands by any more, what was to be called with the one before is called
    /// with the one that runs: it may be the one before.
    pub(crate) fn for_call(&self, fallback: bool) -> &Revision {
        let stand_by = self.stand_by.as_ref().filter(|_| fallback);
        stand_by.map_or(&self.revision, |stand_by| &stand_by.revision)
    }

    /// A call of this revision has come back.
    pub(crate) fn answered(&self, revision: RevisionId) {
        if let Some(debut) = &self.debut
            && revision == self.revision.id()
        {
            debut.answered();
        }
    }

    /// The ballot about this revision, if it is the one on probation.
    pub(crate) fn ballot(&self, revision: RevisionId) -> Option<&Ballot> {
        let stand_by = self.stand_by.as_ref()?;
        (self.revision.id() == revision).then_some(&*stand_by.ballot)
    }
}

impl Ballot {
    pub(crate) fn new(fell_back: mpsc::Sender<Event>) -> Self {
        Self {
            handled: AtomicU64::new(0),
            fell_back,
        }
    }

    /// The revision on probation succeeded with so many messages.
    pub(crate) fn handled(&self, messages: u64) {
        self.handled.fetch_add(messages, Ordering::Relaxed);
    }

    /// How many that were since the last time.
    pub(crate) fn take_handled(&self) -> u64 {
        self.handled.swap(0, Ordering::Relaxed)
    }

    /// A message was given to the one before. Nobody waits for it to be counted.
    pub(crate) fn fell_back(&self, from: RevisionId, to: RevisionId, succeeded: bool) {
        let event = Event::FellBack {
            from,
            to,
            succeeded,
        };
        if self.fell_back.try_send(event).is_err() {
            warn!(revision = %from, "a vote about a revision is lost: too many wait to be counted");
        }
    }
}

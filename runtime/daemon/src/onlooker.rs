//! Somebody who looks on while handlers are developed: hears when a revision begins to run, and when it has answered
//! its first message.
//!
//! Invariant: nobody waits for an onlooker; what one doesn't take in time is lost to it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use pelton_types::RevisionId;
use tokio::sync::mpsc;

/// What an onlooker hears of.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The handler.
    pub handler: String,
    /// Its revision.
    pub revision: RevisionId,
    /// What it did.
    pub what: Step,
    /// When.
    pub at: Instant,
}

/// A step of a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The handler's next calls go to it.
    Runs,
    /// The call with its first message has come back.
    Answered,
}

/// Where an onlooker is told.
pub type Onlooker = mpsc::Sender<Seen>;

/// The first call of a revision that runs: it is told once.
pub(crate) struct Debut {
    handler: String,
    revision: RevisionId,
    answered: AtomicBool,
    onlooker: Onlooker,
}

impl Debut {
    /// The revision begins to run.
    pub(crate) fn begin(onlooker: &Onlooker, handler: &str, revision: RevisionId) -> Self {
        let debut = Self {
            handler: handler.to_owned(),
            revision,
            answered: AtomicBool::new(false),
            onlooker: onlooker.clone(),
        };
        debut.tell(Step::Runs);
        debut
    }

    /// A call has come back from it.
    pub(crate) fn answered(&self) {
        if !self.answered.swap(true, Ordering::Relaxed) {
            self.tell(Step::Answered);
        }
    }

    fn tell(&self, what: Step) {
        // A full channel is an onlooker who doesn't look.
        let _ = self.onlooker.try_send(Seen {
            handler: self.handler.clone(),
            revision: self.revision,
            what,
            at: Instant::now(),
        });
    }
}

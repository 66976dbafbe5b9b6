//! How a handler's revisions stand, for people and programs.

use std::{collections::VecDeque, time::Duration};

use pelton_engine::Revision;
use pelton_revisions::Refusal;
use pelton_types::hex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Keeping;

/// Transitions that are told; older ones stand in the log.
const HISTORY: usize = 20;

/// A handler's revisions.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Whose.
    pub handler: String,
    /// The one that runs.
    pub running: Option<Named>,
    /// The one before, which can be rolled back to.
    pub previous: Option<Named>,
    /// The probation of the one that runs, while it lasts.
    pub probation: Option<ProbationReport>,
    /// What the file held and is not taken.
    pub refused: Option<RefusedReport>,
    /// Content is being compiled or tried.
    pub loading: bool,
    /// The last attempt that trapped, ran into a limit of its instance, or broke the contract.
    pub last_fault: Option<Fault>,
    /// What happened last, oldest first.
    pub history: Vec<Transition>,
    /// Why nothing came of what was asked for.
    pub problem: Option<String>,
}

/// A loaded revision.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Named {
    /// As the log names it.
    pub revision: String,
    /// The SHA-256 of the component's file, in hexadecimal.
    pub component: String,
}

/// How far a probation has come.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ProbationReport {
    /// Votes against the revision.
    pub votes: u32,
    /// How many bring the one before back.
    pub of: u32,
    /// When it has passed, in milliseconds since 1970.
    pub until: u64,
}

/// Content that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RefusedReport {
    /// The SHA-256 of the component's file, in hexadecimal.
    pub component: String,
    /// What is wrong with it.
    pub why: String,
}

impl RefusedReport {
    pub(super) fn of(refusal: &Refusal) -> Self {
        Self {
            component: hex(&refusal.digest),
            why: refusal.why.clone(),
        }
    }
}

/// An attempt that cost its instance.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Fault {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Which revision, as the log names it.
    pub revision: String,
    /// The message's topic and partition.
    pub partition: String,
    /// The message's offset.
    pub offset: i64,
    /// The kind of failure.
    pub kind: String,
    /// What it said: of a trap the functions it happened in and what the handler logged last.
    pub text: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Transition {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// In words.
    pub what: String,
}

/// The last transitions of a handler's component.
#[derive(Default)]
pub(super) struct History(VecDeque<Transition>);

impl History {
    pub(super) fn add(&mut self, transition: Transition) {
        if self.0.len() == HISTORY {
            self.0.pop_front();
        }
        self.0.push_back(transition);
    }
}

impl Keeping {
    pub(super) fn report(&self, problem: Option<String>) -> Report {
        let named = |id| {
            self.loaded.get(&id).map(|revision: &Revision| Named {
                revision: id.to_string(),
                component: revision.digest().to_owned(),
            })
        };
        let machine = &self.machine;
        let of = self
            .component
            .conditions
            .probation
            .map_or(0, |p| p.votes.get());
        Report {
            handler: self.component.shared.name.clone(),
            running: machine.running().and_then(named),
            previous: machine.previous().and_then(named),
            probation: machine.votes().zip(machine.until()).map(|(votes, until)| {
                let until = millis(until);
                ProbationReport { votes, of, until }
            }),
            refused: machine.refused().map(RefusedReport::of),
            loading: machine.is_busy(),
            last_fault: self.component.shared.shown.last_fault(),
            history: self.history.0.iter().cloned().collect(),
            problem,
        }
    }
}

/// What a component with this content is named by.
pub(crate) fn digest_of(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

//! What the revisions machine commands, carried out. Every transition is a line of the log and a count.

use pelton_revisions::{Command, Digest, Refusal};
use pelton_types::{RevisionId, hex};
use tracing::{error, info, warn};

use super::{Keeping, Transition, report::millis, transition::transition};
use crate::metrics::Count;

impl Keeping {
    pub(super) fn carry_out(&mut self, command: Command) {
        let shared = &self.component.shared;
        if let Some((what, words)) = transition(&command) {
            shared.metrics.transition(what);
            let transition = Transition {
                at: millis(self.component.clock.now()),
                what: words,
            };
            shared.shown.transition(transition.clone());
            self.history.add(transition);
        }
        let handler = &shared.name;
        match command {
            Command::Load { digest } => self.load(digest, Ok(self.component.conditions.clone())),
            Command::LoadKept {
                digest,
                configuration,
            } => self.load(digest, self.conditions_then(configuration)),
            Command::Trial { revision } => self.try_out(revision),
            Command::Swap { to, from } => {
                info!(%handler, revision = %to, before = from.map(tracing::field::display),
                    "{}", if from.is_some() { "revision swapped in" } else { "revision runs" });
                self.runs(to, from);
            }
            Command::Probation {
                revision,
                fallback,
                until,
            } => {
                shared.metrics.on_probation(true);
                let lasts = until.saturating_sub(self.component.clock.now());
                info!(%handler, %revision, %fallback, ?lasts, "revision is on probation");
                self.timer = Some(until);
            }
            Command::Vote {
                revision,
                votes,
                of,
            } => {
                shared.metrics.count(Count::Votes);
                warn!(%handler, %revision, votes, of,
                    "the revision before handled a message that this one could not");
            }
            Command::Confirm { revision } => {
                shared.metrics.on_probation(false);
                info!(%handler, %revision, "revision has passed its probation");
                self.timer = None;
            }
            Command::RollBack { from, to, why } => {
                shared.metrics.count(Count::RolledBack);
                error!(%handler, revision = %from, to = %to, %why,
                    "revision rolled back; it is refused until its file or its configuration changes{}",
                    if self.outlives_the_daemon() { "" } else { " or the daemon starts anew" });
                self.runs(to, Some(from));
            }
            Command::Refuse(refusal) => {
                self.litter = true;
                self.refused(&refusal);
            }
            Command::Missing => self.missing(),
            Command::UseKept { digest, as_it_was } => self.uses_kept(&digest, as_it_was),
            Command::Remember(memory) => self.remember(memory),
            // Calls under way keep the revision alive until they end.
            Command::Retire { revision } => {
                self.litter = true;
                self.loaded.remove(&revision);
            }
        }
    }

    /// Another revision runs. If it is on probation, that is said next.
    fn runs(&mut self, to: RevisionId, from: Option<RevisionId>) {
        let metrics = &self.component.shared.metrics;
        metrics.swapped(from.map(|id| id.to_string()), to.to_string());
        metrics.on_probation(false);
        self.timer = None;
    }

    fn refused(&self, Refusal { why, .. }: &Refusal) {
        let shared = &self.component.shared;
        shared.metrics.count(Count::Refused);
        let file = self.component.path.display();
        error!(handler = %shared.name, %file, %why, "component refused; {}", self.goes_on());
    }

    fn uses_kept(&self, digest: &Digest, as_it_was: bool) {
        let shared = &self.component.shared;
        shared.metrics.count(Count::KeptUsed);
        let (file, component) = (self.component.path.display(), hex(digest));
        let how = if as_it_was {
            ", as it was configured then: the handler's table of now was rolled back, and counts once it, or the file, \
             changes or `pelton reload --force` insists"
        } else {
            ""
        };
        error!(handler = %shared.name, %file, component = format!("{component:.12}"),
            "the file can't be used: the last good component is loaded, which was kept{how}");
    }

    fn outlives_the_daemon(&self) -> bool {
        let store = self.store.as_ref();
        store.is_some_and(|store| store.outlives_the_daemon())
    }

    /// What becomes of the handler, where its file can't be used.
    pub(super) fn goes_on(&self) -> String {
        match &*self.component.current.borrow() {
            Some(in_use) => format!("revision {} goes on", in_use.revision.id()),
            None => "the handler waits for a better one".to_owned(),
        }
    }

    fn missing(&self) {
        let (handler, file) = (&self.component.shared.name, self.component.path.display());
        match &*self.component.current.borrow() {
            Some(in_use) => {
                info!(%handler, %file, "component file is gone; revision {} goes on", in_use.revision.id())
            }
            None => error!(%handler, %file, "component file does not exist; waiting for it"),
        }
    }
}

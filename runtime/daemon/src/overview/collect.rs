//! Who runs, and putting together how they stand.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use parking_lot::Mutex;
use pelton_config::{Handler, Topics};
use pelton_types::TopicPartition;
use tokio::sync::watch;

use super::{HandlerOverview, Overview, RunningRevision, State};
use crate::{
    clock::Clock,
    component::millis,
    handler::Shared,
    in_use::InUse,
    liveness::Liveness,
    metrics::Latencies,
    status::{Aspect, Standing, Status},
    troubles::Troubles,
};

/// The handlers that run. Copies are the same.
#[derive(Clone)]
pub struct Lives {
    clock: Clock,
    started: u64,
    config: Arc<str>,
    status: Status,
    troubles: Troubles,
    liveness: Liveness,
    lives: Arc<Mutex<BTreeMap<String, Life>>>,
}

/// A handler from when it begins until it is gone.
pub(crate) struct Life {
    topics: Vec<String>,
    shared: Arc<Shared>,
    revision: watch::Receiver<Option<InUse>>,
}

/// How a handler stands, for whoever keeps watch over it by figures.
pub(crate) struct Standings {
    pub handler: String,
    pub group: String,
    pub state: State,
    /// What is not as it should be.
    pub troubles: Vec<Aspect>,
    /// How long each of its partitions has waited for its lowest unfinished message.
    pub waiting: Vec<(TopicPartition, Duration)>,
    /// What its instances take in bytes, and what each of them may; `None` before there is a revision.
    pub memory: Option<(u64, u64)>,
}

impl Life {
    pub(crate) fn new(
        handler: &Handler,
        shared: Arc<Shared>,
        revision: watch::Receiver<Option<InUse>>,
    ) -> Self {
        let topics = match &handler.topics {
            Topics::List(topics) => topics.clone(),
            Topics::Pattern(pattern) => vec![pattern.clone()],
        };
        Self {
            topics,
            shared,
            revision,
        }
    }

    fn overview(&self, status: &Status) -> HandlerOverview {
        let shared = &self.shared;
        let told = shared.shown.told();
        let (state, reasons) = self.stands(status);
        let paused = *shared.paused.borrow();
        HandlerOverview {
            handler: shared.name.clone(),
            group: shared.group.clone(),
            topics: self.topics.clone(),
            state,
            reasons,
            behind: told.behind,
            paused,
            revision: self.revision.borrow().as_ref().map(running),
            refused: told.refused,
            last_transition: told.last_transition,
            lag: told.partitions.iter().filter_map(|one| one.lag).sum(),
            in_flight: told.partitions.iter().map(|one| one.in_flight).sum(),
            partitions: told.partitions,
            counts: shared.metrics.counts(),
            last_error: told.last_error,
        }
    }
}

impl Life {
    /// How it stands in a word, and why.
    fn stands(&self, status: &Status) -> (State, Vec<String>) {
        let (state, reasons) = stands(&status.of(&self.shared.name));
        let well = match *self.shared.paused.borrow() {
            true => State::Paused,
            false => State::Running,
        };
        (state.max(well), reasons)
    }

    fn standings(&self, status: &Status, now: Duration) -> Standings {
        let Shared {
            name, group, shown, ..
        } = &*self.shared;
        Standings {
            handler: name.clone(),
            group: group.clone(),
            state: self.stands(status).0,
            troubles: status.troubles(name),
            waiting: shown.waiting(now),
            memory: self.revision.borrow().as_ref().map(InUse::memory),
        }
    }
}

impl Lives {
    pub(crate) fn new(
        clock: Clock,
        config: &Path,
        status: &Status,
        troubles: &Troubles,
        liveness: &Liveness,
    ) -> Self {
        Self {
            clock,
            started: millis(clock.now()),
            config: config.display().to_string().into(),
            status: status.clone(),
            troubles: troubles.clone(),
            liveness: liveness.clone(),
            lives: Arc::default(),
        }
    }

    pub(crate) fn begin(&self, life: Life) {
        let name = life.shared.name.clone();
        self.lives.lock().insert(name, life);
    }

    pub(crate) fn end(&self, handler: &str) {
        self.lives.lock().remove(handler);
    }

    /// How each handler stands.
    pub(crate) fn standings(&self) -> Vec<Standings> {
        let now = self.clock.now();
        let lives = self.lives.lock();
        let each = lives.values();
        each.map(|life| life.standings(&self.status, now)).collect()
    }

    /// What is wrong with the daemon itself.
    pub(crate) fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// Why the daemon is not ready, one line each; empty when every handler runs untroubled, on loops that move.
    pub fn not_ready(&self) -> Vec<String> {
        let mut why = self.liveness.hung();
        why.extend(self.status.not_ready());
        why
    }

    /// Whether everything moves.
    pub(crate) fn is_live(&self) -> bool {
        self.liveness.hung().is_empty()
    }

    /// Whether there is a handler of this name.
    pub fn has(&self, handler: &str) -> bool {
        self.lives.lock().contains_key(handler)
    }

    /// How long each handler's messages took, since the daemon was started.
    pub fn latencies(&self) -> BTreeMap<String, Latencies> {
        let lives = self.lives.lock();
        let of = |(name, life): (&String, &Life)| (name.clone(), life.shared.metrics.latencies());
        lives.iter().map(of).collect()
    }

    /// How everything stands.
    pub fn overview(&self) -> Overview {
        let overview = |life: &Life| life.overview(&self.status);
        let handlers = self.lives.lock().values().map(overview).collect();
        let mut troubles = self.liveness.hung();
        troubles.extend(self.troubles.all().into_values());
        Overview {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config: self.config.to_string(),
            started: self.started,
            now: millis(self.clock.now()),
            troubles,
            handlers,
        }
    }
}

fn running(in_use: &InUse) -> RunningRevision {
    RunningRevision {
        revision: in_use.revision.id().to_string(),
        component: in_use.revision.digest().to_owned(),
        since: millis(in_use.since),
        probation: in_use.stand_by.is_some(),
    }
}

/// The worst that is known, and everything that is said of it.
fn stands(standings: &[Standing]) -> (State, Vec<String>) {
    let mut worst = State::Running;
    let mut reasons = Vec::new();
    for standing in standings {
        let (state, why) = match standing {
            Standing::Running => continue,
            Standing::Waiting(why) => (State::Waiting, why),
            Standing::Troubled(why) => (State::Troubled, why),
            Standing::Failed(why) => (State::Failed, why),
        };
        // Consumer and producer of a handler say the same of an outage.
        if !reasons.contains(why) {
            reasons.push(why.clone());
        }
        worst = worst.max(state);
    }
    if standings.is_empty() {
        return (State::Waiting, vec!["it is just beginning".to_owned()]);
    }
    (worst, reasons)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_standing_is_told_with_every_reason() {
        let (waiting, troubled) = (
            Standing::Waiting("a".to_owned()),
            Standing::Troubled("b".to_owned()),
        );
        let failed = Standing::Failed("c".to_owned());
        let state = |standings: &[Standing]| stands(standings).0;
        assert_eq!(state(&[Standing::Running]), State::Running);
        assert_eq!(state(&[]), State::Waiting);
        assert_eq!(
            state(&[Standing::Running, troubled.clone()]),
            State::Troubled
        );
        let both = stands(&[waiting.clone(), troubled.clone()]);
        assert_eq!(both, (State::Waiting, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(state(&[failed, troubled, waiting]), State::Failed);
    }
}

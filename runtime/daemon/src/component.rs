//! Keeps a handler's component current: looks at its file, and carries out what the revisions machine decides.
//!
//! Invariant: a revision is published only after the machine commanded the swap, so a file that
//! can't be loaded, or fails its trial, leaves the one before in place.

mod commands;
mod debug;
mod file;
mod keep;
mod reconfigure;
mod report;
mod requests;
mod store;
mod transition;
mod trial;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use pelton_config::Handler;
use pelton_engine::{Engine, HandlerEnv, Revision, Waits};
use pelton_revisions::{Digest, Event, Memory, Probation, Revisions};
use pelton_types::RevisionId;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

pub use self::{
    debug::load_component,
    file::read_component,
    report::{Fault, Named, ProbationReport, RefusedReport, Report, Transition},
};
use self::{
    file::{ComponentFile, Seen},
    keep::Source,
    report::History,
    requests::Waiting,
    store::Store,
    trial::Proof,
};
pub(crate) use self::{
    reconfigure::Reconfiguration,
    report::{digest_of, millis},
    store::Process,
    transition::What,
    trial::{Candidate, try_out},
};
use crate::{
    clock::{Clock, sleep_until},
    control::Request,
    files::Changes,
    handler::Shared,
    in_use::{Ballot, InUse, StandBy},
    onlooker::{Debut, Onlooker},
};

/// Messages that fell back and wait to be counted; further ones are not.
const MOST_VOTES: usize = 1_000;

/// What a component is loaded with and watched by: the part of a handler's configuration that makes revisions.
#[derive(Clone)]
pub(crate) struct Conditions {
    pub env: HandlerEnv,
    pub engine: Engine,
    pub probation: Option<Probation>,
    /// The handler, where its fixtures are given to each revision before that is used.
    pub fixtures: Option<Arc<Handler>>,
}

/// What a component is kept current with.
pub(crate) struct Component {
    pub shared: Arc<Shared>,
    pub path: PathBuf,
    pub conditions: Conditions,
    /// Others, while the handler stays in its group.
    pub reconfigurations: mpsc::Receiver<Reconfiguration>,
    /// The threads that guests run on: trials run there too.
    pub guests: Handle,
    pub clock: Clock,
    pub current: watch::Sender<Option<InUse>>,
    /// Where the last good components are kept, if anywhere.
    pub state_folder: Option<PathBuf>,
    /// Where they are kept otherwise, for as long as the daemon lives.
    pub kept: Arc<Process>,
    /// How long a trial may take.
    pub trial_timeout: watch::Receiver<Duration>,
    /// What somebody asks.
    pub requests: mpsc::Receiver<Request>,
    pub onlooker: Option<Onlooker>,
}

struct Keeping {
    component: Component,
    machine: Revisions,
    file: ComponentFile,
    jobs: JoinSet<Job>,
    /// What the job under way is about: there is one at a time.
    at: Option<At>,
    /// The load under way is waited for.
    waits: Option<Waits>,
    /// What the next trial gives the fixtures to.
    proof: Option<Proof>,
    seen: Option<(Digest, Bytes)>,
    loaded: HashMap<RevisionId, Revision>,
    /// Where partitions say what became of messages that fell back.
    votes: mpsc::Sender<Event>,
    /// When the probation under way ends.
    timer: Option<Duration>,
    history: History,
    /// How what has last proved good is configured, as far as that is known.
    good_env: Option<HandlerEnv>,
    /// Where things are kept, once that is known.
    store: Option<Arc<Store>>,
    /// What is to be written down there.
    unwritten: Option<Memory>,
    /// Content may be kept that nobody needs any more.
    litter: bool,
    /// Reloads to be answered.
    waiting: Vec<Waiting>,
}

/// What a piece of work in the background is about.
#[derive(Clone, Copy)]
enum At {
    Load(Digest),
    Trial(RevisionId),
}

/// What a piece of work in the background came to.
enum Job {
    Loaded {
        digest: Digest,
        result: Result<Candidate, String>,
    },
    Tried {
        revision: RevisionId,
        result: Result<(), String>,
    },
}

impl Component {
    /// Runs until stopped.
    pub(crate) async fn keep(self, mut changes: Changes, stop: CancellationToken) {
        let conditions = &self.conditions;
        let machine = Revisions::new(conditions.env.digest(), conditions.probation);
        let max_bytes = conditions.engine.max_component_bytes();
        let file = ComponentFile::new(self.path.clone(), max_bytes);
        let (votes, mut said) = mpsc::channel(MOST_VOTES);
        let mut keeping = Keeping {
            machine,
            component: self,
            file,
            jobs: JoinSet::new(),
            at: None,
            waits: None,
            proof: None,
            seen: None,
            loaded: HashMap::new(),
            votes,
            timer: None,
            history: History::default(),
            good_env: None,
            store: None,
            unwritten: None,
            litter: false,
            waiting: Vec::new(),
        };
        keeping.recall().await;
        keeping.look().await;
        loop {
            keeping.write_down().await;
            let timer = keeping.timer.map(|at| keeping.component.clock.instant(at));
            tokio::select! {
                () = stop.cancelled() => return,
                () = changes.next() => {
                    keeping.count_handled();
                    keeping.look().await;
                }
                Some(job) = keeping.jobs.join_next() => keeping.worked(job),
                Some(vote) = said.recv() => keeping.apply(vote),
                Some(request) = keeping.component.requests.recv() => keeping.asked(request).await,
                Some(other) = keeping.component.reconfigurations.recv() => keeping.reconfigure(other).await,
                () = sleep_until(timer) => {
                    keeping.timer = None;
                    keeping.apply(Event::Timer);
                }
            }
        }
    }
}

impl Keeping {
    async fn look(&mut self) {
        let seen = self.file.look().await;
        self.take_in(seen);
    }

    fn take_in(&mut self, seen: Seen) {
        match seen {
            Seen::Same => {}
            Seen::Missing => self.apply(Event::FileMissing),
            Seen::Unreadable { why } => {
                error!(handler = %self.component.shared.name, file = %self.component.path.display(), %why,
                    "component can't be read; {}", self.goes_on());
                self.apply(Event::FileUnreadable);
            }
            Seen::Content { digest, bytes } => {
                self.seen = Some((digest, bytes));
                self.apply(Event::FileChanged { digest });
            }
        }
    }

    fn worked(&mut self, job: Result<Job, JoinError>) {
        match job {
            Ok(Job::Loaded {
                digest,
                result: Ok(candidate),
            }) => {
                let (revision, proof) = candidate.split();
                self.proof = proof;
                let id = revision.id();
                self.loaded.insert(id, revision);
                self.apply(Event::Loaded {
                    digest,
                    revision: id,
                });
            }
            Ok(Job::Loaded {
                digest,
                result: Err(why),
            }) => self.apply(Event::Refused { digest, why }),
            Ok(Job::Tried {
                revision,
                result: Ok(()),
            }) => self.apply(Event::TrialPassed { revision }),
            Ok(Job::Tried {
                revision,
                result: Err(why),
            }) => self.apply(Event::TrialFailed { revision, why }),
            Err(error) => match self.at.take() {
                Some(At::Load(digest)) => self.apply(Event::Refused {
                    digest,
                    why: format!("loading it died: {error}"),
                }),
                Some(At::Trial(revision)) => self.apply(Event::TrialFailed {
                    revision,
                    why: format!("its trial died: {error}"),
                }),
                None => {}
            },
        }
    }

    fn apply(&mut self, event: Event) {
        let mut commands = Vec::new();
        self.machine
            .handle(self.component.clock.now(), event, &mut commands);
        for command in commands {
            self.carry_out(command);
        }
        let refused = self.machine.refused().map(RefusedReport::of);
        self.component.shared.shown.refused(refused);
        self.publish();
        self.answer_waiting();
    }

    /// Tells partitions what to use from their next call on, where that has changed.
    fn publish(&self) {
        let find = |id: RevisionId| self.loaded.get(&id).cloned();
        let running = self.machine.running().and_then(find);
        let stand_by = self.machine.fallback().and_then(find);
        self.component.current.send_if_modified(|current| {
            let ids = |in_use: &InUse| {
                let stand_by = in_use.stand_by.as_ref().map(|s| s.revision.id());
                (in_use.revision.id(), stand_by)
            };
            let wanted = running.as_ref().map(Revision::id);
            let wanted = wanted.map(|id| (id, stand_by.as_ref().map(Revision::id)));
            if current.as_ref().map(ids) == wanted {
                return false;
            }
            let before = current.take();
            *current = running.map(|revision| InUse {
                debut: self.debut(before.as_ref(), revision.id()),
                since: self.since(before.as_ref(), revision.id()),
                revision,
                stand_by: stand_by.map(|revision| StandBy {
                    revision,
                    ballot: Arc::new(Ballot::new(self.votes.clone())),
                }),
            });
            true
        });
    }

    /// Since when this revision runs: it may be that only the one that stands by is another.
    fn since(&self, before: Option<&InUse>, id: RevisionId) -> Duration {
        let same = before.filter(|before| before.revision.id() == id);
        same.map_or_else(|| self.component.clock.now(), |before| before.since)
    }

    /// The debut of the revision that runs, which has begun already if only the one that stands by is another.
    fn debut(&self, before: Option<&InUse>, id: RevisionId) -> Option<Arc<Debut>> {
        if let Some(before) = before.filter(|before| before.revision.id() == id) {
            return before.debut.clone();
        }
        let onlooker = self.component.onlooker.as_ref()?;
        let name = &self.component.shared.name;
        Some(Arc::new(Debut::begin(onlooker, name, id)))
    }

    /// Takes up what partitions have counted of a revision on probation.
    fn count_handled(&mut self) {
        let counted = self.component.current.borrow().as_ref().and_then(|in_use| {
            let ballot = in_use.ballot(in_use.revision.id())?;
            Some((in_use.revision.id(), ballot.take_handled()))
        });
        if let Some((revision, messages)) = counted.filter(|(_, messages)| *messages > 0) {
            self.apply(Event::Handled { revision, messages });
        }
    }

    fn load(&mut self, digest: Digest, conditions: Result<Conditions, String>) {
        let of_file = self.seen.take_if(|(seen, _)| *seen == digest);
        let source = Source {
            digest,
            of_file: of_file.map(|(_, bytes)| bytes),
            store: self.store.clone(),
            max_bytes: self.component.conditions.engine.max_component_bytes(),
        };
        info!(handler = %self.component.shared.name, "loading component");
        let begun = Instant::now();
        let (name, file) = (
            self.component.shared.name.clone(),
            self.component.path.clone(),
        );
        self.at = Some(At::Load(digest));
        let conditions = conditions.map(|conditions| {
            let (engine, waits) = conditions.engine.while_waited_for();
            self.waits = Some(waits);
            Conditions {
                engine,
                ..conditions
            }
        });
        self.jobs.spawn_blocking(move || {
            let result = source.bytes().and_then(|bytes| {
                let candidate = Candidate::load(&conditions?, &file, &bytes)?;
                source.keep(&bytes, &name);
                info!(handler = %name, bytes = bytes.len(), took = ?begun.elapsed(), "component loaded");
                Ok(candidate)
            });
            Job::Loaded { digest, result }
        });
    }

    fn try_out(&mut self, id: RevisionId) {
        let Some(revision) = self.loaded.get(&id).cloned() else {
            return;
        };
        self.at = Some(At::Trial(id));
        let proof = self.proof.take();
        let within = *self.component.trial_timeout.borrow();
        let trial = async move {
            Job::Tried {
                revision: id,
                result: try_out(revision, proof, within).await,
            }
        };
        self.jobs.spawn_on(trial, &self.component.guests);
    }
}

//! Keeps a handler's component current: looks at its file, and carries out what the revisions machine decides.
//!
//! Invariant: a revision is published only after the machine commanded the swap, so a file that
//! can't be loaded, or fails its trial, leaves the one before in place.

mod debug;
mod file;

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Instant};

use bytes::Bytes;
use pelton_engine::{Engine, HandlerEnv, Revision};
use pelton_revisions::{Command, Digest, Event, Revisions};
use pelton_types::RevisionId;
use tokio::{
    runtime::Handle,
    sync::watch,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use self::file::{ComponentFile, Seen};
pub use self::{debug::load_component, file::read_component};
use crate::{clock::Clock, files::Changes, handler::Shared};

/// What a component is kept current with.
pub(crate) struct Component {
    pub shared: Arc<Shared>,
    pub path: PathBuf,
    pub env: HandlerEnv,
    pub engine: Engine,
    /// The threads that guests run on: trials run there too.
    pub guests: Handle,
    pub clock: Clock,
    pub current: watch::Sender<Option<Revision>>,
}

struct Keeping {
    component: Component,
    machine: Revisions,
    file: ComponentFile,
    jobs: JoinSet<Job>,
    /// What the job under way is about: there is one at a time.
    at: Option<At>,
    seen: Option<(Digest, Bytes)>,
    loaded: HashMap<RevisionId, Revision>,
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
        result: Result<Revision, String>,
    },
    Tried {
        revision: RevisionId,
        result: Result<(), String>,
    },
}

impl Component {
    /// Runs until stopped.
    pub(crate) async fn keep(self, mut changes: Changes, stop: CancellationToken) {
        let file = ComponentFile::new(self.path.clone(), self.engine.max_component_bytes());
        let mut keeping = Keeping {
            component: self,
            machine: Revisions::default(),
            file,
            jobs: JoinSet::new(),
            at: None,
            seen: None,
            loaded: HashMap::new(),
        };
        keeping.look().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = changes.next() => keeping.look().await,
                Some(job) = keeping.jobs.join_next() => keeping.worked(job),
            }
        }
    }
}

impl Keeping {
    async fn look(&mut self) {
        match self.file.look().await {
            Seen::Same => {}
            Seen::Missing => self.apply(Event::FileMissing),
            Seen::Unreadable { why } => {
                error!(handler = %self.component.shared.name, file = %self.component.path.display(), %why,
                    "component can't be read; what runs goes on");
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
                result: Ok(revision),
            }) => {
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
    }

    fn carry_out(&mut self, command: Command) {
        let shared = &self.component.shared;
        let file = self.component.path.display();
        match command {
            Command::Load { digest } => self.load(digest),
            Command::Trial { revision } => self.try_out(revision),
            Command::Swap { to, from } => {
                info!(handler = %shared.name, revision = %to, before = from.map(tracing::field::display),
                    "{}", if from.is_some() { "revision swapped in" } else { "revision runs" });
                shared
                    .metrics
                    .swapped(from.map(|id| id.to_string()), to.to_string());
                self.component
                    .current
                    .send_replace(self.loaded.get(&to).cloned());
            }
            Command::Refuse { digest: _, why } => {
                shared.metrics.refused();
                let goes_on = match &*self.component.current.borrow() {
                    Some(revision) => format!("revision {} goes on", revision.id()),
                    None => "the handler waits for a better one".to_owned(),
                };
                error!(handler = %shared.name, %file, %why, "component refused; {goes_on}");
            }
            Command::Missing => match &*self.component.current.borrow() {
                Some(revision) => {
                    info!(handler = %shared.name, %file, "component file is gone; revision {} goes on", revision.id())
                }
                None => {
                    error!(handler = %shared.name, %file, "component file does not exist; waiting for it")
                }
            },
            // Calls under way keep the revision alive until they end.
            Command::Retire { revision } => drop(self.loaded.remove(&revision)),
        }
    }

    fn load(&mut self, digest: Digest) {
        let Some((_, bytes)) = self.seen.take_if(|(seen, _)| *seen == digest) else {
            return;
        };
        let (engine, env) = (self.component.engine.clone(), self.component.env.clone());
        info!(handler = %self.component.shared.name, bytes = bytes.len(), "loading component");
        let begun = Instant::now();
        let (name, file) = (
            self.component.shared.name.clone(),
            self.component.path.clone(),
        );
        self.at = Some(At::Load(digest));
        self.jobs.spawn_blocking(move || {
            let loaded = load_component(&engine, &file, &bytes, &env);
            let result = loaded.map_err(|error| error.to_string());
            info!(handler = %name, took = ?begun.elapsed(), "component loaded");
            Job::Loaded { digest, result }
        });
    }

    fn try_out(&mut self, id: RevisionId) {
        let Some(revision) = self.loaded.get(&id).cloned() else {
            return;
        };
        self.at = Some(At::Trial(id));
        let trial = async move {
            Job::Tried {
                revision: id,
                result: revision.trial().await.map_err(|error| error.to_string()),
            }
        };
        self.jobs.spawn_on(trial, &self.component.guests);
    }
}

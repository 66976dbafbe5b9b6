//! Whether the components of a changed configuration can run with it, tried before anybody is drained for it.
//!
//! A component that isn't there, or that doesn't run as it is, says nothing about the configuration: its handler waits
//! for a better one, or goes on with what it has.
//!
//! Invariant: the trials end when they are dropped, what compiles for them included; and together they have an end.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use bytes::Bytes;
use pelton_config::{Config, Handler};
use pelton_engine::Engine;
use tokio::{
    runtime::Handle,
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time::timeout_at,
};
use tracing::info;

use super::{Daemon, lines::Lines};
use crate::{
    component::{Candidate, Conditions, digest_of, read_component, try_out},
    in_use::InUse,
    reload::Plan,
};

/// Why a configuration's components were not all found to run with it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Untried {
    #[error("{0}")]
    Unfit(Lines<Unfit>),
    #[error(
        "trying the components took longer than `daemon.trial-timeout` ({within:?}): that of handler `{handler}`, {file}, \
         was being loaded or given its fixtures; give it fewer of them, change fewer handlers at once, or raise \
         `daemon.trial-timeout`",
        file = .file.display()
    )]
    TooLong {
        handler: String,
        file: PathBuf,
        within: Duration,
    },
}

/// A handler whose component can't run as it is configured.
#[derive(Debug, thiserror::Error)]
#[error(
    "handler `{handler}`: as it is configured now its component can't run: {file}: {why}",
    file = .file.display()
)]
pub(super) struct Unfit {
    handler: String,
    file: PathBuf,
    why: String,
}

/// What is to be tried, one after the other.
pub(super) struct Trials {
    each: Vec<Trial>,
    /// All of them together.
    within: Duration,
}

/// A component that is about to be loaded.
struct Trial {
    handler: String,
    file: PathBuf,
    conditions: Conditions,
    /// What the handler runs, unless it is new.
    running: Option<watch::Receiver<Option<InUse>>>,
    guests: Handle,
}

impl Daemon {
    /// The trials of those that are about to load what their files hold.
    pub(super) fn trials(&self, config: &Config, plan: &Plan) -> Trials {
        let loading = plan.loading();
        let loading = loading.filter_map(|name| config.handlers.get(name));
        Trials {
            each: loading.filter_map(|handler| self.trial(handler)).collect(),
            within: config.daemon.trial_timeout,
        }
    }

    fn trial(&self, handler: &Handler) -> Option<Trial> {
        let begun = self.begun.get(&handler.name);
        Some(Trial {
            handler: handler.name.clone(),
            file: handler.component.path.clone(),
            conditions: self.conditions(handler),
            running: begun.map(|begun| begun.revision.clone()),
            guests: self.guests.as_ref()?.handle().clone(),
        })
    }
}

impl Trials {
    pub(super) async fn run(self) -> Result<(), Untried> {
        let Self { each, within } = self;
        let deadline = Instant::now() + within;
        let mut unfit = Vec::new();
        for trial in each {
            let (handler, file) = (trial.handler.clone(), trial.file.clone());
            match timeout_at(deadline.into(), trial.run(within)).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => unfit.push(Unfit { handler, file, why }),
                Err(_) => {
                    return Err(Untried::TooLong {
                        handler,
                        file,
                        within,
                    });
                }
            }
        }
        if unfit.is_empty() {
            Ok(())
        } else {
            Err(Untried::Unfit(Lines(unfit)))
        }
    }
}

impl Trial {
    async fn run(self, within: Duration) -> Result<(), String> {
        let Some(bytes) = read(&self.conditions.engine, self.file.clone()).await else {
            return Ok(());
        };
        if !self.runs_as_it_is(&bytes) {
            return Ok(());
        }
        info!(handler = %self.handler, "trying the component as it is configured now");
        let Self {
            file,
            conditions,
            guests,
            ..
        } = self;
        let (engine, _waits) = conditions.engine.while_waited_for();
        let conditions = Conditions {
            engine,
            ..conditions
        };
        let load = move || Candidate::load(&conditions, &file, &bytes);
        let loaded = spawn_blocking(load)
            .await
            .map_err(|died| died.to_string())?;
        let (revision, proof) = loaded?.split();
        let mut tried = JoinSet::new();
        tried.spawn_on(try_out(revision, proof, within), &guests);
        match tried.join_next().await {
            Some(Ok(tried)) => tried,
            Some(Err(died)) => Err(died.to_string()),
            None => Ok(()),
        }
    }

    /// Whether these bytes run now, or are a handler's that is new.
    fn runs_as_it_is(&self, bytes: &[u8]) -> bool {
        let Some(running) = &self.running else {
            return true;
        };
        let running = running.borrow();
        let digest = running.as_ref().map(|in_use| in_use.revision.digest());
        digest == Some(digest_of(bytes).as_str())
    }
}

async fn read(engine: &Engine, path: PathBuf) -> Option<Bytes> {
    let most = engine.max_component_bytes();
    let read = spawn_blocking(move || read_component(&path, most).ok()).await;
    read.ok().flatten()
}

//! Whether the components of a changed configuration can run with it, tried before anybody is drained for it.
//!
//! A component that isn't there, or that doesn't run as it is, says nothing about the configuration: its handler waits
//! for a better one, or goes on with what it has.

use std::{fmt, path::PathBuf};

use bytes::Bytes;
use pelton_config::{Config, Handler};
use pelton_engine::Engine;
use tokio::task::spawn_blocking;
use tracing::info;

use super::Daemon;
use crate::{
    component::{Candidate, digest_of, read_component, try_out},
    reload::Plan,
};

/// Handlers whose component can't run as they are configured.
#[derive(Debug)]
pub(super) struct Untried(Vec<Unfit>);

#[derive(Debug, thiserror::Error)]
#[error(
    "handler `{handler}`: as it is configured now its component can't run: {file}: {why}",
    file = .file.display()
)]
struct Unfit {
    handler: String,
    file: PathBuf,
    why: String,
}

impl fmt::Display for Untried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Unfit::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl Daemon {
    /// Loads and tries what the files of those hold that are about to load it.
    pub(super) async fn try_components(&self, config: &Config, plan: &Plan) -> Result<(), Untried> {
        let mut unfit = Vec::new();
        for handler in plan.loading().filter_map(|name| config.handlers.get(name)) {
            if let Err(why) = self.try_component(handler).await {
                unfit.push(Unfit {
                    handler: handler.name.clone(),
                    file: handler.component.path.clone(),
                    why,
                });
            }
        }
        if unfit.is_empty() {
            Ok(())
        } else {
            Err(Untried(unfit))
        }
    }

    async fn try_component(&self, handler: &Handler) -> Result<(), String> {
        let Some(guests) = self.guests.as_ref().map(|guests| guests.handle().clone()) else {
            return Ok(());
        };
        let (conditions, path) = (self.conditions(handler), handler.component.path.clone());
        let Some(bytes) = read(&conditions.engine, path.clone()).await else {
            return Ok(());
        };
        if !self.runs_as_it_is(handler, &bytes) {
            return Ok(());
        }
        info!(handler = %handler.name, "trying the component as it is configured now");
        let load = move || Candidate::load(&conditions, &path, &bytes);
        let loaded = spawn_blocking(load)
            .await
            .map_err(|died| died.to_string())?;
        let (revision, proof) = loaded?.split();
        let trial = guests.spawn(try_out(revision, proof));
        trial.await.map_err(|died| died.to_string())?
    }

    /// Whether these bytes run now, or are a handler's that is new.
    fn runs_as_it_is(&self, handler: &Handler, bytes: &[u8]) -> bool {
        let Some(begun) = self.begun.get(&handler.name) else {
            return true;
        };
        let running = begun.revision.borrow();
        let digest = running.as_ref().map(|in_use| in_use.revision.digest());
        digest == Some(digest_of(bytes).as_str())
    }
}

async fn read(engine: &Engine, path: PathBuf) -> Option<Bytes> {
    let most = engine.max_component_bytes();
    let read = spawn_blocking(move || read_component(&path, most).ok()).await;
    read.ok().flatten()
}

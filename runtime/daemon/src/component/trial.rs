//! The trial of a component: it is made ready once, and its fixtures are given to it where that is wanted.

use std::{path::Path, sync::Arc, time::Duration};

use pelton_config::Handler;
use pelton_engine::{Engine, Revision};
use tokio::time::timeout;

use super::{Conditions, load_component};

/// A component as it is loaded: what is to be used, and what is given the fixtures.
pub(crate) struct Candidate {
    pub revision: Revision,
    proof: Option<Proof>,
}

/// The same component on an engine whose clocks stand still.
pub(crate) struct Proof {
    revision: Revision,
    handler: Arc<Handler>,
}

impl Candidate {
    /// Loads a component, twice where it has fixtures; what it compiles to is the same.
    pub(crate) fn load(conditions: &Conditions, file: &Path, bytes: &[u8]) -> Result<Self, String> {
        let Conditions {
            env,
            engine,
            fixtures,
            ..
        } = conditions;
        let load = |engine: &Engine| {
            load_component(engine, file, bytes, env).map_err(|error| error.to_string())
        };
        let revision = load(engine)?;
        let there = fixtures
            .as_ref()
            .filter(|handler| handler.test.fixtures.is_dir());
        let prove = |handler: &Arc<Handler>| -> Result<Proof, String> {
            let frozen = engine.frozen_beside().map_err(|error| error.to_string())?;
            Ok(Proof {
                revision: load(&frozen)?,
                handler: handler.clone(),
            })
        };
        Ok(Self {
            revision,
            proof: there.map(prove).transpose()?,
        })
    }

    pub(crate) fn split(self) -> (Revision, Option<Proof>) {
        (self.revision, self.proof)
    }
}

/// Tries a revision, where guests run, for as long as it may take.
pub(crate) async fn try_out(
    revision: Revision,
    proof: Option<Proof>,
    within: Duration,
) -> Result<(), String> {
    let tried = timeout(within, try_through(revision, proof)).await;
    tried.unwrap_or_else(|_| {
        Err(format!(
            "its trial took longer than `daemon.trial-timeout` ({within:?}); give it fewer fixtures, or more time"
        ))
    })
}

async fn try_through(revision: Revision, proof: Option<Proof>) -> Result<(), String> {
    revision.trial().await.map_err(|error| error.to_string())?;
    match proof {
        Some(Proof { revision, handler }) => pelton_fixtures::try_out(&revision, &handler).await,
        None => Ok(()),
    }
}

//! Where each handler stands, in words: what `/readyz` answers from.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use pelton_kafka::TroubleClass;
use serde::Serialize;

/// Where a handler stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "reason")]
pub enum Standing {
    /// Not there yet, and why. Goes on by itself once the reason is gone.
    Waiting(String),
    /// A member of its group.
    Running,
    /// It runs, but something is wrong that keeps messages from moving.
    Troubled(String),
    /// It is over until the configuration is reloaded or the daemon restarted.
    Failed(String),
}

/// The standing of every handler, shared between who knows it and who asks.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Mutex<BTreeMap<String, BTreeMap<Aspect, Standing>>>>);

/// What a handler's standing is about: each is cleared by whoever set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    Life,
    Input(TroubleClass),
    Output,
    Stuck,
    Overtaken,
}

impl Status {
    pub(crate) fn set(&self, handler: &str, aspect: Aspect, standing: Standing) {
        if let Ok(mut all) = self.0.lock() {
            all.entry(handler.to_owned())
                .or_default()
                .insert(aspect, standing);
        }
    }

    pub(crate) fn clear(&self, handler: &str, aspect: Aspect) {
        if let Ok(mut all) = self.0.lock()
            && let Some(standings) = all.get_mut(handler)
        {
            standings.remove(&aspect);
        }
    }

    /// Forgets a handler that has ended.
    pub(crate) fn forget(&self, handler: &str) {
        if let Ok(mut all) = self.0.lock() {
            all.remove(handler);
        }
    }

    /// Forgets what an earlier life of the handler was troubled by.
    pub(crate) fn forget_troubles(&self, handler: &str) {
        if let Ok(mut all) = self.0.lock()
            && let Some(standings) = all.get_mut(handler)
        {
            standings.retain(|aspect, _| *aspect == Aspect::Life);
        }
    }

    /// All that is known of a handler.
    pub(crate) fn of(&self, handler: &str) -> Vec<Standing> {
        let all = self.0.lock();
        let all = all.as_ref().ok().and_then(|all| all.get(handler));
        all.map_or_else(Vec::new, |standings| standings.values().cloned().collect())
    }

    /// Why the daemon is not ready, one line each; empty when every handler runs untroubled.
    pub fn not_ready(&self) -> Vec<String> {
        let Ok(all) = self.0.lock() else {
            return vec!["the status is lost after a panic".into()];
        };
        all.iter()
            .flat_map(|(handler, standings)| {
                standings
                    .values()
                    .filter_map(move |standing| match standing {
                        Standing::Running => None,
                        Standing::Waiting(why)
                        | Standing::Troubled(why)
                        | Standing::Failed(why) => Some(format!("{handler}: {why}")),
                    })
            })
            .collect()
    }
}

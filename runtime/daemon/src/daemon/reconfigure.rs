//! Handlers that stay in their group and get another revision.

use std::time::Instant;

use tokio::{sync::oneshot, time::timeout_at};

use super::Daemon;
use crate::{
    component::{Reconfiguration, Report},
    reload::Plan,
};

/// Who was told, and what will come of it.
type Told = (String, oneshot::Receiver<Report>);

impl Daemon {
    /// Gives those who stay in their group their other revision, and waits until it runs or is refused, for no longer
    /// than trials may take: of whom and why.
    pub(super) async fn reconfigure(&mut self, plan: &Plan) -> Vec<String> {
        let deadline = Instant::now() + self.config.daemon.trial_timeout;
        let mut told = Vec::new();
        for (name, _) in &plan.reconfigured {
            let Some(handler) = self.config.handlers.get(name) else {
                continue;
            };
            let (conditions, place) = (self.conditions(handler), self.engines.place(handler));
            let Some(begun) = self.begun.get_mut(name) else {
                continue;
            };
            begun.place = place;
            let (reply, answer) = oneshot::channel();
            let other = Reconfiguration { conditions, reply };
            // Its keeper ends only when the daemon stops. Where it still looks at a file that can't be read, there is no
            // answer, which is told.
            let _ = timeout_at(deadline.into(), begun.reconfigure.send(other)).await;
            told.push((name.clone(), answer));
        }
        self.meanwhile(refused(told, deadline)).await
    }
}

async fn refused(told: Vec<Told>, deadline: Instant) -> Vec<String> {
    let mut refused = Vec::new();
    for (name, answer) in told {
        let why = match timeout_at(deadline.into(), answer).await {
            Ok(Ok(report)) => report.problem,
            Ok(Err(_)) | Err(_) => Some(format!(
                "its other revision is still on its way; until that runs it goes on as it was (`pelton revisions {name}`)"
            )),
        };
        refused.extend(why.map(|why| format!("{name}: {why}")));
    }
    refused
}

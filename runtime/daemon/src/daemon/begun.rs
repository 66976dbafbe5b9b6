//! A handler from when it begins until it is gone, and how those end.

use std::sync::Arc;

use tokio::{
    sync::{mpsc, watch},
    task::{self, AbortHandle, JoinError},
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{Daemon, engines::Place};
use crate::{
    budget::HandlerClaim,
    component::Reconfiguration,
    handler::{Left, Shared},
    in_use::InUse,
    status::{Aspect, Standing},
};

/// A handler that has begun.
pub(super) struct Begun {
    pub task: AbortHandle,
    pub shared: Arc<Shared>,
    /// Keeps its component current.
    pub keeper: AbortHandle,
    /// Tells the keeper of another configuration.
    pub reconfigure: mpsc::Sender<Reconfiguration>,
    /// Ends it, and nobody else.
    pub stop: CancellationToken,
    pub group: String,
    pub revision: watch::Receiver<Option<InUse>>,
    /// It has ended by itself.
    pub failed: bool,
    /// Its keeper has died, and so it ends.
    pub keeper_died: Option<String>,
    /// Its place on an engine.
    pub place: Place,
    /// Its share of the memory.
    #[expect(dead_code, reason = "held for its drop")]
    pub claim: HandlerClaim,
}

impl Daemon {
    /// A handler has ended by itself, or at a stop.
    pub(super) fn has_ended(&mut self, ended: Result<(task::Id, Left), JoinError>) {
        let left = self.left(ended);
        self.stopped.add(left);
    }

    /// A handler's component is not kept current any more. Where the keeper died the handler fails: it would run
    /// whatever it runs for ever, or wait for it.
    pub(super) fn keeper_has_ended(&mut self, ended: Result<(task::Id, ()), JoinError>) {
        let Err(error) = ended else { return };
        let mut begun = self.begun.iter_mut();
        let is_its = |begun: &Begun| begun.keeper.id() == error.id() && error.is_panic();
        if let Some((name, begun)) = begun.find(|(_, begun)| is_its(begun)) {
            error!(handler = %name, %error, "what keeps the component current has died; leaving the group");
            begun.keeper_died = Some(format!("what keeps its component current died: {error}"));
            begun.stop.cancel();
        }
    }

    /// Waits until these keepers have ended, or all have.
    pub(super) async fn keepers_ended(&mut self, these: &[AbortHandle]) {
        while !these.iter().all(AbortHandle::is_finished) {
            match self.components.join_next_with_id().await {
                Some(ended) => self.keeper_has_ended(ended),
                None => break,
            }
        }
    }

    /// How a handler ended; one that died is a handler that failed.
    pub(super) fn left(&mut self, ended: Result<(task::Id, Left), JoinError>) -> (String, Left) {
        let (id, mut left) = ended.unwrap_or_else(|error| {
            let why = match error.is_cancelled() {
                true => "it had not ended when the shutdown-timeout was over".to_owned(),
                false => format!("its task died: {error}"),
            };
            let failed = Left {
                failed: Some(why),
                ..Left::default()
            };
            (error.id(), failed)
        });
        let mut begun = self.begun.iter_mut();
        let Some((name, begun)) = begun.find(|(_, begun)| begun.task.id() == id) else {
            return (String::new(), left);
        };
        left.failed = left.failed.or_else(|| begun.keeper_died.take());
        if let Some(why) = &left.failed {
            begun.failed = true;
            error!(handler = %name, %why, "handler stopped for good");
            self.status
                .set(name, Aspect::Life, Standing::Failed(why.clone()));
        }
        (name.clone(), left)
    }
}

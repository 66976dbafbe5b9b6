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

    /// How a handler ended; one that died is a handler that failed.
    pub(super) fn left(&mut self, ended: Result<(task::Id, Left), JoinError>) -> (String, Left) {
        let (id, left) = ended.unwrap_or_else(|error| {
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
        if let Some(why) = &left.failed {
            begun.failed = true;
            error!(handler = %name, %why, "handler stopped for good");
            self.status
                .set(name, Aspect::Life, Standing::Failed(why.clone()));
        }
        (name.clone(), left)
    }
}

//! What somebody asks of a running daemon's handlers: load the file now, roll back, say which revision runs, pause.
//!
//! Invariant: a pause is the handler's name's, not its life's: it lasts until somebody ends it, the handler is configured
//! no more, or the daemon ends.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::info;

use crate::{
    component::Report,
    reload::{Reload, Reply},
};

/// Requests to a handler that may wait.
const WAITING: usize = 16;

/// Reaches a daemon and its handlers. Copies are the same.
#[derive(Clone)]
pub struct Control {
    handlers: Arc<Mutex<BTreeMap<String, Reached>>>,
    reloads: mpsc::Sender<Reply>,
}

/// How a handler is reached.
struct Reached {
    /// The keeper of its component, in its present life.
    requests: mpsc::Sender<Request>,
    /// Whether it is paused, in this life and the next.
    paused: watch::Sender<bool>,
}

/// What came of pausing a handler, or of letting it go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Pause {
    /// Whose.
    pub handler: String,
    /// Whether it is paused now.
    pub paused: bool,
    /// It was not so before.
    pub changed: bool,
}

/// What is asked of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Look at the component's file now, and answer when what it holds runs or is refused.
    Reload {
        /// Also if that content was refused or rolled back.
        force: bool,
    },
    /// Look at the component's file as when it changes, and answer when nothing of it is under way any more.
    Look,
    /// Go back to the revision before.
    RollBack,
    /// Say how things stand.
    Revisions,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such handler.
    #[error("there is no handler `{handler}`; there are: {known}")]
    Unknown {
        /// The one that was asked for.
        handler: String,
        /// Those that there are.
        known: String,
    },
    /// The daemon, or this handler, is stopping.
    #[error("the handler `{0}` is being stopped")]
    Stopping(String),
    /// The same, where no handler was meant.
    #[error("the daemon is stopping")]
    Ending,
}

/// A question to the keeper of a handler's component.
pub(crate) struct Request {
    pub ask: Ask,
    pub reply: oneshot::Sender<Report>,
}

impl Control {
    pub(crate) fn new(reloads: mpsc::Sender<Reply>) -> Self {
        Self {
            handlers: Arc::default(),
            reloads,
        }
    }

    /// Has the configuration read anew, and then each component's file looked at, and waits until all that follows is
    /// done, or refused. What became of components is in the log and the status.
    ///
    /// # Errors
    /// The daemon is stopping.
    pub async fn reload(&self) -> Result<Reload, ControlError> {
        let (reply, answer) = oneshot::channel();
        let asked = self.reloads.send(reply).await;
        asked.map_err(|_| ControlError::Ending)?;
        let reload = answer.await.map_err(|_| ControlError::Ending)?;
        self.look_at_components().await;
        Ok(reload)
    }

    async fn look_at_components(&self) {
        let names: Vec<String> = self.handlers.lock().keys().cloned().collect();
        // Who is being stopped has no use for it.
        join_all(names.iter().map(|name| self.ask(name, Ask::Look))).await;
    }

    /// Takes in a handler's new life: what its keeper is asked, and whether it is paused, as it was before.
    pub(crate) fn admit(&self, handler: &str) -> (mpsc::Receiver<Request>, watch::Receiver<bool>) {
        let (requests, receiver) = mpsc::channel(WAITING);
        let mut handlers = self.handlers.lock();
        let before = handlers.remove(handler).map(|before| before.paused);
        let paused = before.unwrap_or_else(|| watch::Sender::new(false));
        let hears = paused.subscribe();
        handlers.insert(handler.to_owned(), Reached { requests, paused });
        (receiver, hears)
    }

    /// Pauses a handler, or lets it go on: it keeps its membership and its partitions, finishes and commits what is under
    /// way, and is given nothing more meanwhile.
    ///
    /// # Errors
    /// There is no such handler.
    pub fn pause(&self, handler: &str, pause: bool) -> Result<Pause, ControlError> {
        let paused = self.find(handler, |reached| reached.paused.clone())?;
        let changed = paused.send_replace(pause) != pause;
        if changed {
            let what = if pause { "paused" } else { "resumed" };
            info!(handler, "handler {what}, as was asked");
        }
        Ok(Pause {
            handler: handler.to_owned(),
            paused: pause,
            changed,
        })
    }

    /// Knows a handler no more.
    pub(crate) fn dismiss(&self, handler: &str) {
        self.handlers.lock().remove(handler);
    }

    /// Asks a handler and waits for its answer.
    ///
    /// # Errors
    /// There is no such handler, or it is being stopped.
    pub async fn ask(&self, handler: &str, ask: Ask) -> Result<Report, ControlError> {
        let stopping = || ControlError::Stopping(handler.to_owned());
        let (reply, answer) = oneshot::channel();
        let requests = self.find(handler, |reached| reached.requests.clone())?;
        let request = Request { ask, reply };
        requests.send(request).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }

    fn find<T>(&self, handler: &str, what: impl Fn(&Reached) -> T) -> Result<T, ControlError> {
        let handlers = self.handlers.lock();
        handlers.get(handler).map(what).ok_or_else(|| {
            let known: Vec<&str> = handlers.keys().map(String::as_str).collect();
            ControlError::Unknown {
                handler: handler.to_owned(),
                known: known.join(", "),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_outlives_the_handler_s_life_but_not_its_configuration() {
        let control = Control::new(mpsc::channel(1).0);
        assert!(matches!(
            control.pause("h", true),
            Err(ControlError::Unknown { .. })
        ));
        let (_requests, paused) = control.admit("h");
        assert!(!*paused.borrow());
        let pause = |pause| control.pause("h", pause).unwrap();
        assert!(pause(true).changed && !pause(true).changed);
        assert!(*paused.borrow());
        let (_requests, next) = control.admit("h");
        assert!(*next.borrow());
        control.dismiss("h");
        let (_requests, anew) = control.admit("h");
        assert!(!*anew.borrow());
        assert!(!pause(false).changed);
    }
}

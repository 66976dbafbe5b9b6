//! What somebody asks of a running daemon's handlers: load the file now, roll back, say which revision runs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    component::Report,
    reload::{Reload, Reply},
};

/// Requests to a handler that may wait.
const WAITING: usize = 16;

/// Reaches a daemon and its handlers. Copies are the same.
#[derive(Clone)]
pub struct Control {
    handlers: Arc<Mutex<BTreeMap<String, mpsc::Sender<Request>>>>,
    reloads: mpsc::Sender<Reply>,
}

/// What is asked of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Look at the component's file now, and answer when what it holds runs or is refused.
    Reload {
        /// Also if that content was refused or rolled back.
        force: bool,
    },
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

    /// Has the configuration read anew, and waits until all that follows from it is done, or it is refused.
    ///
    /// # Errors
    /// The daemon is stopping.
    pub async fn reload(&self) -> Result<Reload, ControlError> {
        let (reply, answer) = oneshot::channel();
        let asked = self.reloads.send(reply).await;
        asked.map_err(|_| ControlError::Ending)?;
        answer.await.map_err(|_| ControlError::Ending)
    }

    /// Takes in a handler, whose keeper gets what is asked.
    pub(crate) fn admit(&self, handler: &str) -> mpsc::Receiver<Request> {
        let (requests, receiver) = mpsc::channel(WAITING);
        if let Ok(mut handlers) = self.handlers.lock() {
            handlers.insert(handler.to_owned(), requests);
        }
        receiver
    }

    /// Knows a handler no more.
    pub(crate) fn dismiss(&self, handler: &str) {
        if let Ok(mut handlers) = self.handlers.lock() {
            handlers.remove(handler);
        }
    }

    /// Asks a handler and waits for its answer.
    ///
    /// # Errors
    /// There is no such handler, or it is being stopped.
    pub async fn ask(&self, handler: &str, ask: Ask) -> Result<Report, ControlError> {
        let stopping = || ControlError::Stopping(handler.to_owned());
        let (reply, answer) = oneshot::channel();
        let requests = self.find(handler)?;
        let request = Request { ask, reply };
        requests.send(request).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }

    fn find(&self, handler: &str) -> Result<mpsc::Sender<Request>, ControlError> {
        let stopping = || ControlError::Stopping(handler.to_owned());
        let handlers = self.handlers.lock().map_err(|_| stopping())?;
        handlers.get(handler).cloned().ok_or_else(|| {
            let known: Vec<&str> = handlers.keys().map(String::as_str).collect();
            ControlError::Unknown {
                handler: handler.to_owned(),
                known: known.join(", "),
            }
        })
    }
}

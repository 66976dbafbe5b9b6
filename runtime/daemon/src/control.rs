//! What somebody asks of a running daemon's handlers: load the file now, roll back, say which revision runs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::sync::{mpsc, oneshot};

use crate::component::Report;

/// Requests to a handler that may wait.
const WAITING: usize = 16;

/// Reaches the handlers of a daemon. Copies are the same.
#[derive(Clone, Default)]
pub struct Control(Arc<Mutex<BTreeMap<String, mpsc::Sender<Request>>>>);

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
    /// The daemon is stopping.
    #[error("the handler `{0}` is being stopped")]
    Stopping(String),
}

/// A question to the keeper of a handler's component.
pub(crate) struct Request {
    pub ask: Ask,
    pub reply: oneshot::Sender<Report>,
}

impl Control {
    /// Takes in a handler, whose keeper gets what is asked.
    pub(crate) fn admit(&self, handler: &str) -> mpsc::Receiver<Request> {
        let (requests, receiver) = mpsc::channel(WAITING);
        if let Ok(mut handlers) = self.0.lock() {
            handlers.insert(handler.to_owned(), requests);
        }
        receiver
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
        let handlers = self.0.lock().map_err(|_| stopping())?;
        handlers.get(handler).cloned().ok_or_else(|| {
            let known: Vec<&str> = handlers.keys().map(String::as_str).collect();
            ControlError::Unknown {
                handler: handler.to_owned(),
                known: known.join(", "),
            }
        })
    }
}

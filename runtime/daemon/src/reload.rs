//! Taking a changed configuration into a running daemon: when, what follows from it, and what is told of it.
//!
//! Carrying it out is the daemon's own (`daemon/change.rs`).

mod plan;
mod source;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::{
    plan::{NeedsRestart, Plan, plan},
    source::{Source, instead},
};

/// Reloads that somebody asks for and that may wait. They are answered together.
const WAITING: usize = 16;

/// What came of reading the configuration anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reload {
    /// Handlers that began.
    pub added: Vec<String>,
    /// Handlers that ended.
    pub removed: Vec<String>,
    /// Handlers that ended and began anew.
    pub changed: Vec<String>,
    /// Handlers that noticed nothing.
    pub unchanged: Vec<String>,
    /// Messages that handlers which ended had begun and not finished: they may be repeated.
    pub unfinished: u32,
    /// Why the file was refused, in which case nothing has changed.
    pub problem: Option<String>,
}

/// Who asks for a reload gets to know what came of it by this.
pub(crate) type Reply = oneshot::Sender<Reload>;

/// What makes a daemon read its configuration anew.
pub(crate) struct Reloads {
    pub source: Source,
    asked: mpsc::Receiver<Reply>,
}

impl Reloads {
    pub(crate) fn new(source: Source) -> (mpsc::Sender<Reply>, Self) {
        let (ask, asked) = mpsc::channel(WAITING);
        (ask, Self { source, asked })
    }

    /// Waits until the file has changed or somebody asks; who waits for the outcome. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Vec<Reply> {
        tokio::select! {
            Some(reply) = self.asked.recv() => {
                let mut replies = vec![reply];
                while let Ok(reply) = self.asked.try_recv() {
                    replies.push(reply);
                }
                replies
            }
            () = self.source.changed() => Vec::new(),
        }
    }

    /// Takes no more; who waits is told so.
    pub(crate) fn close(&mut self) {
        self.asked.close();
        while self.asked.try_recv().is_ok() {}
    }
}

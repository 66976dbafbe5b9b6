//! Taking a changed configuration into a running daemon: when, what follows from it, and what is told of it.
//!
//! Carrying it out is the daemon's own (`daemon/change.rs`).

mod plan;
mod source;

use std::time::Instant;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::{
    plan::{NeedsRestart, Plan, plan},
    source::{Source, instead},
};

/// Reloads that somebody asks for and that may wait. They are answered together.
const WAITING: usize = 16;

/// What came of reading the configuration anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Reload {
    /// What has changed.
    #[serde(flatten)]
    pub change: Change,
    /// Handlers that noticed nothing.
    pub unchanged: Vec<String>,
    /// Why the file was refused, in which case nothing has changed.
    pub problem: Option<String>,
    /// The change before, where nothing has changed since: who edits a file and asks then is rarely the first to
    /// notice.
    pub last: Option<Last>,
}

/// What became of handlers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// Handlers that began.
    pub added: Vec<String>,
    /// Handlers that ended.
    pub removed: Vec<String>,
    /// Handlers that ended and began anew.
    pub changed: Vec<String>,
    /// Handlers that got another revision and stayed in their group.
    pub reconfigured: Vec<String>,
    /// Those of them that go on as they were, and why: their component can't run as it is configured now.
    pub refused: Vec<String>,
    /// Messages that handlers which ended had begun and not finished: they may be repeated.
    pub unfinished: u32,
    /// Last commits and transactions of theirs that failed, or whose end is not known: what they were about may be repeated.
    pub uncommitted: u32,
    /// Handlers that had not ended when the shutdown-timeout was over: what they had in flight is repeated.
    pub cut_short: Vec<String>,
}

impl Change {
    fn is_empty(&self) -> bool {
        let handlers = [
            &self.added,
            &self.removed,
            &self.changed,
            &self.reconfigured,
        ];
        handlers.iter().all(|names| names.is_empty())
    }
}

/// A change that was taken in earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Last {
    /// How long ago it was done.
    pub seconds_ago: u64,
    /// What changed.
    #[serde(flatten)]
    pub change: Change,
}

/// Who asks for a reload gets to know what came of it by this.
pub(crate) type Reply = oneshot::Sender<Reload>;

/// What makes a daemon read its configuration anew.
pub(crate) struct Reloads {
    pub source: Source,
    asked: mpsc::Receiver<Reply>,
    /// The last change, and when it was done.
    last: Option<(Instant, Change)>,
}

impl Reloads {
    pub(crate) fn new(source: Source) -> (mpsc::Sender<Reply>, Self) {
        let (ask, asked) = mpsc::channel(WAITING);
        let reloads = Self {
            source,
            asked,
            last: None,
        };
        (ask, reloads)
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

    /// Remembers what has changed; where nothing has, adds what did before.
    pub(crate) fn done(&mut self, reload: &mut Reload, now: Instant) {
        if !reload.change.is_empty() {
            self.last = Some((now, reload.change.clone()));
        } else if reload.problem.is_none() {
            reload.last = self.last.as_ref().map(|(then, change)| Last {
                seconds_ago: now.saturating_duration_since(*then).as_secs(),
                change: change.clone(),
            });
        }
    }

    /// Takes no more; who waits is told so.
    pub(crate) fn close(&mut self) {
        self.asked.close();
        while self.asked.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use super::*;
    use crate::files::Files;

    #[test]
    fn where_nothing_has_changed_the_change_before_is_told() {
        let file = Path::new("pelton.toml");
        let source = Source::new(file, None, Files::new().watch(file));
        let (_ask, mut reloads) = Reloads::new(source);
        let start = Instant::now();
        let mut look = |seconds, reload: Reload| {
            let mut reload = reload;
            reloads.done(&mut reload, start + Duration::from_secs(seconds));
            reload.last
        };
        let changed = Change {
            changed: vec!["orders".to_owned()],
            unfinished: 2,
            ..Change::default()
        };
        let took_in = |change: &Change| Reload {
            change: change.clone(),
            ..Reload::default()
        };
        let refused = Reload {
            problem: Some("wrong".to_owned()),
            ..Reload::default()
        };
        assert_eq!(look(0, Reload::default()), None);
        assert_eq!(look(10, took_in(&changed)), None);
        assert_eq!(look(11, refused), None);
        let told = Last {
            seconds_ago: 3,
            change: changed,
        };
        assert_eq!(look(13, Reload::default()), Some(told));
    }
}

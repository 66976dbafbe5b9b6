//! What somebody asks of a handler's component, answered.
//!
//! Invariant: a reload, or a look at the file, is answered when what the file holds runs or is refused, whatever comes in
//! between.

use pelton_revisions::{Digest, Event};
use tokio::sync::oneshot;

use super::{Keeping, Report, file::Seen};
use crate::control::{Ask, Request};

/// Somebody who waits for the end of a load and a trial.
pub(super) struct Waiting {
    /// The content that is to run, where that is what was asked for.
    pub digest: Option<Digest>,
    pub reply: oneshot::Sender<Report>,
}

impl Keeping {
    pub(super) async fn asked(&mut self, Request { ask, reply }: Request) {
        let problem = match ask {
            Ask::Revisions => None,
            Ask::RollBack => self.roll_back(),
            Ask::Reload { force } => match self.reload(force).await {
                Err(problem) => Some(problem),
                Ok(digest) => return self.wait(Some(digest), reply),
            },
            Ask::Look => {
                self.look().await;
                return self.wait(None, reply);
            }
        };
        // Who doesn't wait for the answer any more doesn't need it.
        let _ = reply.send(self.report(problem));
    }

    pub(super) fn wait(&mut self, digest: Option<Digest>, reply: oneshot::Sender<Report>) {
        self.waiting.push(Waiting { digest, reply });
        self.answer_waiting();
    }

    fn roll_back(&mut self) -> Option<String> {
        if self.machine.previous().is_none() {
            return Some("there is no revision before to go back to".to_owned());
        }
        self.apply(Event::RollBack);
        None
    }

    /// Looks at the file, whatever is known of it.
    async fn reload(&mut self, force: bool) -> Result<Digest, String> {
        let file = self.component.path.display().to_string();
        self.file.forget();
        match self.file.look().await {
            Seen::Content { digest, bytes } => {
                self.seen = Some((digest, bytes));
                self.apply(Event::Reload { digest, force });
                Ok(digest)
            }
            Seen::Missing => {
                self.apply(Event::FileMissing);
                Err(format!("{file} does not exist"))
            }
            Seen::Unreadable { why } => {
                let problem = format!("{file} can't be read: {why}");
                self.take_in(Seen::Unreadable { why });
                Err(problem)
            }
            Seen::Same => Err(format!("{file} is being written; ask again")),
        }
    }

    /// Answers those whose content has come to an end, one way or the other.
    pub(super) fn answer_waiting(&mut self) {
        if self.machine.is_busy() {
            return;
        }
        for Waiting { digest, reply } in std::mem::take(&mut self.waiting) {
            let problem = digest.and_then(|digest| self.why_not(digest));
            let _ = reply.send(self.report(problem));
        }
    }

    /// Why this content doesn't run, if it doesn't.
    fn why_not(&self, digest: Digest) -> Option<String> {
        let refused = self.machine.refused().filter(|r| r.digest == digest);
        match refused {
            Some(refused) => Some(format!("component refused: {}", refused.why)),
            None if self.machine.runs(digest) => None,
            None if self.machine.running_content() == Some(digest) => {
                Some("what runs is as it was configured before".to_owned())
            }
            None => Some("the file has changed meanwhile; ask again".to_owned()),
        }
    }
}

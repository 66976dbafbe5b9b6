//! What a daemon hears while something of a reload takes its time.
//!
//! Invariant: whatever takes longer than a moment is waited for here or under a deadline, so that nothing holds up the
//! daemon without an end. A stop doesn't wait for any of it: the whole reload is dropped.

use std::pin::pin;

use pelton_config::{Config, Error as Wrong};
use tracing::info;

use super::{
    Daemon,
    trials::{Trials, Untried},
};
use crate::reload::Reply;

/// What came first.
pub(super) enum Heard {
    /// The trials are over.
    Tried(Result<(), Untried>),
    /// The file says this now, which is something else than what was tried.
    Overtaken(Box<Result<Config, Wrong>>),
}

impl Daemon {
    /// Carries out the trials that precede a configuration, unless the file changes before they are over. Who asks
    /// for what is tried already joins those who wait.
    pub(super) async fn while_trying(
        &mut self,
        trials: Trials,
        config: &Config,
        replies: &mut Vec<Reply>,
    ) -> Heard {
        let mut trials = pin!(trials.run());
        loop {
            let more = tokio::select! {
                tried = &mut trials => return Heard::Tried(tried),
                Some(ended) = self.handlers.join_next_with_id() => {
                    self.has_ended(ended);
                    continue;
                }
                more = self.reloads.next() => more,
            };
            replies.extend(more);
            let newer = self.reloads.source.read().await;
            if !newer.as_ref().is_ok_and(|newer| newer == config) {
                info!("the configuration has changed again: what was tried for it is given up");
                return Heard::Overtaken(Box::new(newer));
            }
        }
    }

    /// Waits for work that doesn't touch the daemon.
    pub(super) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                Some(ended) = self.handlers.join_next_with_id() => self.has_ended(ended),
            }
        }
    }
}

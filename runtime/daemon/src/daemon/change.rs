//! A changed configuration, taken in while the daemon runs.
//!
//! Invariant: what can fail comes first, so that a configuration is taken in whole or not at all. Who leaves has left
//! before anybody begins: the one that takes its place, maybe under another name, finds its offsets committed and its
//! member's name free.

use std::{
    collections::BTreeSet,
    error::Error as _,
    time::{Duration, Instant},
};

use pelton_config::{Config, Error as Wrong, Problem, Report as Findings};
use tokio::task::AbortHandle;
use tracing::{error, info, warn};

use super::{
    Daemon, Error,
    clients::{Unfit, clients},
    lines::Lines,
    meanwhile::Heard,
    trials::Untried,
};
use crate::{
    reload::{Change, NeedsRestart, Plan, Reload, Reply, plan},
    troubles::About,
};

/// How those ended who leave.
#[derive(Debug, Default)]
struct Ended {
    /// Messages that were begun and not finished.
    unfinished: u32,
    /// Last commits, and last transactions, that failed or whose end is not known.
    uncommitted: u32,
    /// Who had not ended in time.
    cut_short: Vec<String>,
}

/// What is to be done about a configuration that was read.
enum Prepared {
    /// Nothing stands in its way.
    Change { config: Box<Config>, plan: Plan },
    /// It is what runs, and nobody asked.
    Nothing,
    /// The file has changed since: this is what it says now.
    Overtaken(Box<Result<Config, Wrong>>),
}

/// Why a configuration is not taken in.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Wrong(#[from] Wrong),
    #[error(transparent)]
    NeedsRestart(#[from] NeedsRestart),
    #[error(transparent)]
    Clients(#[from] Unfit),
    #[error(transparent)]
    Start(#[from] Error),
    #[error(transparent)]
    Components(#[from] Untried),
}

impl Daemon {
    /// Reads the configuration anew and does what follows. Where it is dropped half-way, which only a stop does, who
    /// leaves goes on leaving and nobody begins.
    pub(super) async fn reload(&mut self, mut replies: Vec<Reply>) {
        let first = !self.reloads.source.was_read();
        let mut read = self.reloads.source.read().await;
        let outcome = loop {
            let prepared = match read {
                Ok(config) => self.prepare(config, first, &mut replies).await,
                Err(wrong) => Err(wrong.into()),
            };
            match prepared {
                Ok(Prepared::Change { config, plan }) => break self.change_to(*config, plan).await,
                Ok(Prepared::Nothing) => break Ok(Reload::default()),
                Ok(Prepared::Overtaken(newer)) => read = *newer,
                Err(refused) => break Err(refused),
            }
        };
        let mut outcome = outcome.unwrap_or_else(|refused| {
            self.metrics.reload_refused();
            log(&refused);
            self.troubles.set(About::Configuration, brief(&refused));
            Reload {
                problem: Some(whole(&refused)),
                ..Reload::default()
            }
        });
        self.reloads.done(&mut outcome, Instant::now());
        for reply in replies {
            // Who doesn't wait for the answer any more doesn't need it.
            let _ = reply.send(outcome.clone());
        }
    }

    /// All that can fail, before anybody notices. Who asks in the meantime gets the same answer.
    async fn prepare(
        &mut self,
        config: Config,
        first: bool,
        replies: &mut Vec<Reply>,
    ) -> Result<Prepared, Refused> {
        let plan = plan(&self.config, &config, &self.failed())?;
        // At the first look after the start nobody has asked, and nothing has changed as a rule.
        if first && replies.is_empty() && config == self.config {
            return Ok(Prepared::Nothing);
        }
        let config = clients(config, &plan).await?;
        self.make_room(&config, &plan)?;
        let trials = self.trials(&config, &plan);
        match self.while_trying(trials, &config, replies).await {
            Heard::Tried(tried) => tried?,
            Heard::Overtaken(newer) => return Ok(Prepared::Overtaken(newer)),
        }
        // Who has failed meanwhile begins anew too.
        let plan = self::plan(&self.config, &config, &self.failed())?;
        let config = Box::new(config);
        Ok(Prepared::Change { config, plan })
    }

    /// The handlers that have ended for good.
    fn failed(&self) -> BTreeSet<String> {
        let failed = self.begun.iter().filter(|(_, begun)| begun.failed);
        failed.map(|(name, _)| name.clone()).collect()
    }

    async fn change_to(&mut self, config: Config, plan: Plan) -> Result<Reload, Refused> {
        self.clusters.connect(&config).map_err(Error::Embedded)?;
        for warning in &config.warnings {
            warn!("{warning}");
        }
        announce(&plan);
        let stop = |config: &Config| config.daemon.shutdown_timeout;
        // Who leaves drains as it was configured, whatever is configured now.
        let within = stop(&self.config).max(stop(&config));
        self.trial_timeout.send_replace(config.daemon.trial_timeout);
        self.configured.change(&config);
        self.config = config;
        let ended = self.leave(&plan, within).await;
        let beginning: Vec<_> = plan.beginning().map(str::to_owned).collect();
        self.begin(&beginning);
        let refused = self.reconfigure(&plan).await;
        self.metrics.reloaded();
        self.troubles.clear(About::Configuration);
        let (added, removed, changed) = (plan.added.len(), plan.removed.len(), plan.changed.len());
        info!(
            added,
            removed,
            changed,
            unchanged = plan.unchanged.len(),
            unfinished = (ended.unfinished > 0).then_some(ended.unfinished),
            uncommitted = (ended.uncommitted > 0).then_some(ended.uncommitted),
            reconfigured = (!plan.reconfigured.is_empty()).then_some(plan.reconfigured.len()),
            cut_short = (!ended.cut_short.is_empty()).then_some(ended.cut_short.len()),
            "configuration reloaded"
        );
        let change = Change {
            added: plan.added,
            removed: plan.removed,
            changed: plan.changed.into_iter().map(|(name, _)| name).collect(),
            reconfigured: plan
                .reconfigured
                .into_iter()
                .map(|(name, _)| name)
                .collect(),
            refused,
            unfinished: ended.unfinished,
            uncommitted: ended.uncommitted,
            cut_short: ended.cut_short,
        };
        Ok(Reload {
            change,
            unchanged: plan.unchanged,
            ..Reload::default()
        })
    }

    /// Sees to it that there is an engine for those whose component is loaded.
    fn make_room(&mut self, config: &Config, plan: &Plan) -> Result<(), Error> {
        let beginning: Vec<_> = plan
            .loading()
            .filter_map(|name| config.handlers.get(name))
            .collect();
        let staying = plan.unchanged.iter();
        let staying = staying.filter_map(|name| Some(self.begun.get(name)?.place));
        self.engines
            .make_room(config, &beginning, staying)
            .map_err(Error::Engine)
    }

    /// Drains those who leave, as at a stop and within this time. Nothing is left of them then.
    async fn leave(&mut self, plan: &Plan, within: Duration) -> Ended {
        let leaving: BTreeSet<&str> = plan.leaving().collect();
        for (_, begun) in self.of(&leaving) {
            begun.stop.cancel();
        }
        let deadline = Instant::now() + within;
        let ended = self.end(&leaving, deadline).await;
        self.members_gone(&ended.cut_short).await;
        self.end_keepers(&leaving, deadline).await;
        self.stopped
            .failed
            .retain(|(name, _)| !leaving.contains(name.as_str()));
        for name in &leaving {
            self.forget(name);
        }
        for name in &plan.removed {
            self.metrics.forget_handler(name);
            self.kept.remove(name);
            self.control.dismiss(name);
        }
        ended
    }

    fn of<'a>(
        &'a self,
        names: &'a BTreeSet<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a super::Begun)> {
        let named = self
            .begun
            .iter()
            .map(|(name, begun)| (name.as_str(), begun));
        named.filter(|(name, _)| names.contains(name))
    }

    /// Waits until these handlers have ended.
    async fn end(&mut self, leaving: &BTreeSet<&str>, deadline: Instant) -> Ended {
        let running = self.of(leaving).filter(|(_, begun)| !begun.failed);
        let mut running: BTreeSet<String> = running.map(|(name, _)| name.to_owned()).collect();
        let mut all = Ended::default();
        while !running.is_empty() {
            let next = self.handlers.join_next_with_id();
            let ended = match all.cut_short.is_empty() {
                true => tokio::time::timeout_at(deadline.into(), next).await,
                false => Ok(next.await),
            };
            let Ok(ended) = ended else {
                self.cut_short(&running);
                all.cut_short.extend(running.iter().cloned());
                continue;
            };
            let Some(ended) = ended else { break };
            let (name, left) = self.left(ended);
            if running.remove(&name) {
                let undone = left.undone;
                all.unfinished = all.unfinished.saturating_add(undone.unfinished);
                all.uncommitted = all.uncommitted.saturating_add(undone.uncommitted);
            } else {
                self.stopped.add((name, left));
            }
        }
        all
    }

    /// Waits until those who were cut short have left their groups too, which takes librdkafka a bounded time: who
    /// begins in their place may bear their names.
    async fn members_gone(&self, cut_short: &[String]) {
        for begun in cut_short.iter().filter_map(|name| self.begun.get(name)) {
            begun.shared.member_gone().await;
        }
    }

    fn cut_short(&self, running: &BTreeSet<String>) {
        for name in running {
            error!(handler = %name,
                "the handler had not ended when the shutdown-timeout was over: what was in flight is repeated");
            if let Some(begun) = self.begun.get(name) {
                begun.task.abort();
            }
        }
    }

    /// Waits until nobody keeps these handlers' components current any more; who still does so at the deadline is
    /// ended.
    async fn end_keepers(&mut self, leaving: &BTreeSet<&str>, deadline: Instant) {
        let keepers: Vec<AbortHandle> = self
            .of(leaving)
            .map(|(_, begun)| begun.keeper.clone())
            .collect();
        let all = self.keepers_ended(&keepers);
        if tokio::time::timeout_at(deadline.into(), all).await.is_err() {
            keepers.iter().for_each(AbortHandle::abort);
            self.keepers_ended(&keepers).await;
        }
    }

    /// Takes back what speaks of a handler's life that is over, and what it had.
    fn forget(&mut self, name: &str) {
        let Some(begun) = self.begun.remove(name) else {
            return;
        };
        self.status.forget(name);
        self.lives.end(name);
        let revision = begun
            .revision
            .borrow()
            .as_ref()
            .map(|in_use| in_use.revision.id());
        self.metrics.forget_life(name, &begun.group, revision);
    }
}

fn announce(plan: &Plan) {
    for handler in &plan.removed {
        info!(%handler, "handler removed: it finishes what is under way, commits, and leaves its group");
    }
    for (handler, why) in &plan.changed {
        info!(%handler, %why, "handler changed: it finishes what is under way, commits, and begins anew");
    }
    for (handler, why) in &plan.reconfigured {
        info!(%handler, %why, "handler reconfigured: another revision is loaded, and swapped in as for another file");
    }
    for handler in &plan.added {
        info!(%handler, "handler added");
    }
}

/// Why, with all that led to it.
fn whole(refused: &Refused) -> String {
    let mut text = refused.to_string();
    let mut cause = refused.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// Why, in a line: the first problem of several.
fn brief(refused: &Refused) -> String {
    let why = match refused {
        Refused::Wrong(Wrong::Invalid(report)) => {
            let first = report.problems().first();
            let first = first.map(|one| format!("{}: {}", place(report, one), one.message));
            first.unwrap_or_default()
        }
        refused => whole(refused),
    };
    format!("the configuration file is refused, and what runs goes on as it was: {why}")
}

/// Where a problem shows.
fn place(report: &Findings, problem: &Problem) -> String {
    let file = report.file();
    let first = problem.places.first();
    first.map_or_else(
        || file.to_owned(),
        |place| format!("{file}:{}:{}", place.line, place.column),
    )
}

/// Says why, each problem with its place on a line of its own.
fn log(refused: &Refused) {
    match refused {
        Refused::Wrong(Wrong::Invalid(report)) => {
            for problem in report.problems() {
                let at = place(report, problem);
                let help = problem.help.as_deref().unwrap_or_default();
                error!(%at, help, "{}", problem.message);
            }
        }
        Refused::Clients(Unfit::Clients(Lines(clients))) => {
            for client in clients {
                error!("{client}");
            }
        }
        refused => error!("{}", whole(refused)),
    }
    error!("configuration refused; what runs goes on as it was");
}

//! The whole daemon: clusters, engine, handlers, and how it stops.

mod begun;
mod change;
mod clients;
mod clusters;
mod engines;
mod env;
mod lines;
mod meanwhile;
mod process;
mod reconfigure;
mod trials;
mod upkeep;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use pelton_config::{Bootstrap, Config};
use tokio::{
    runtime,
    sync::{mpsc, watch},
    task::{self, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::{begun::Begun, clusters::Clusters, engines::Engines};
pub use self::{engines::engine_settings, env::handler_env};
use crate::{
    budget::{self, Budget},
    clock::Clock,
    component::{Component, Conditions, Process},
    configured::Configured,
    control::Control,
    files::Files,
    folders,
    handler::{Handler, Left, Shared, Undone},
    liveness::Liveness,
    metrics::Metrics,
    onlooker::Onlooker,
    overview::{Life, Lives},
    reload::{Reloads, Source, instead},
    status::Status,
    troubles::Troubles,
};

/// What can't be had when a daemon starts, or a changed configuration asks for more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine refused its settings.
    #[error("the WebAssembly engine can't start")]
    Engine(#[source] pelton_engine::Error),
    /// The embedded broker did not start.
    #[error("the embedded broker can't start")]
    Embedded(#[source] pelton_kafka::Error),
    /// The operating system gave no threads.
    #[error("the threads for guests can't be started")]
    Threads(#[source] std::io::Error),
    /// A task of the daemon's own, which never ends, has died.
    #[error("what looks after the daemon has died")]
    Upkeep(#[source] task::JoinError),
}

/// How a daemon is run, beyond its configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Write what each partition's machine was told and commanded into this folder.
    pub record_dispatch: Option<PathBuf>,
    /// The brokers of every cluster, whatever the configuration says.
    pub brokers: Option<Bootstrap>,
    /// Who is told which revisions run, and when each has answered its first message.
    pub onlooker: Option<Onlooker>,
}

/// How a daemon stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Messages that were begun but not finished: they may be repeated.
    pub unfinished: u32,
    /// Last commits, and last transactions, that failed or whose end is not known: what they were about may be repeated.
    pub uncommitted: u32,
    /// Handlers that stopped by themselves, and why.
    pub failed: Vec<(String, String)>,
    /// Handlers that had not ended when the time for stopping was over.
    pub cut_short: bool,
}

/// The handlers of one configuration, running.
pub struct Daemon {
    /// What it runs. Its file may say something else by now.
    config: Config,
    options: Options,
    clock: Clock,
    stop: CancellationToken,
    stopped: Stopped,
    handlers: JoinSet<Left>,
    components: JoinSet<()>,
    /// Looks after what is no handler's. Ends with the daemon.
    upkeep: JoinSet<()>,
    /// By the handlers' names.
    begun: BTreeMap<String, Begun>,
    guests: Option<runtime::Runtime>,
    engines: Engines,
    clusters: Clusters,
    files: Files,
    reloads: Reloads,
    status: Status,
    troubles: Troubles,
    liveness: Liveness,
    lives: Lives,
    metrics: Arc<Metrics>,
    control: Control,
    configured: Configured,
    budget: Arc<Budget>,
    state_folder: Option<PathBuf>,
    /// How long a trial may take, as it is configured now.
    trial_timeout: watch::Sender<Duration>,
    /// What is kept for handlers that begin anew, by their names, and of which component.
    kept: BTreeMap<String, (PathBuf, Arc<Process>)>,
    /// Names this life of the process among all others.
    process: Arc<str>,
}

impl Daemon {
    /// Starts every handler. Those whose broker, topics or component aren't there yet wait for them.
    pub fn start(config: &Config, options: &Options) -> Result<Self, Error> {
        let mut config = config.clone();
        if let Some(brokers) = &options.brokers {
            instead(&mut config, brokers);
        }
        let engines = Engines::start(&config).map_err(Error::Engine)?;
        let mut clusters = Clusters::default();
        clusters.connect(&config).map_err(Error::Embedded)?;
        let files = Files::new();
        let changes = files.watch(&config.file);
        let source = Source::new(&config.file, options.brokers.clone(), changes);
        let (ask, reloads) = Reloads::new(source);
        let counts = engines.newest().compilation_counts();
        let (clock, status, troubles) = (Clock::start(), Status::default(), Troubles::default());
        let guests = process::threads(&config.daemon).map_err(Error::Threads)?;
        let liveness = Liveness::default();
        let lives = Lives::new(clock, &config.file, &status, &troubles, &liveness);
        let mut looking_after = JoinSet::new();
        looking_after.spawn(upkeep::upkeep(clock, counts.clone(), troubles.clone()));
        process::watch(&liveness, &guests, &mut looking_after);
        let metrics = Metrics::default().with_compilations(move || counts.now());
        let mut daemon = Self {
            options: options.clone(),
            clock,
            stop: CancellationToken::new(),
            stopped: Stopped::default(),
            handlers: JoinSet::new(),
            components: JoinSet::new(),
            upkeep: looking_after,
            begun: BTreeMap::new(),
            guests: Some(guests),
            engines,
            clusters,
            files,
            reloads,
            lives,
            status,
            troubles,
            liveness,
            metrics: Arc::new(metrics),
            control: Control::new(ask),
            configured: Configured::new(&config),
            budget: Budget::new(config.daemon.memory),
            state_folder: folders::state(&config.daemon),
            trial_timeout: watch::Sender::new(config.daemon.trial_timeout),
            kept: BTreeMap::new(),
            process: process::random_name(),
            config,
        };
        let all: Vec<_> = daemon.config.handlers.keys().cloned().collect();
        daemon.begin(&all);
        Ok(daemon)
    }

    /// Begins these handlers of the configuration.
    fn begin(&mut self, names: &[String]) {
        let all = self.config.handlers.len();
        for (n, name) in names.iter().enumerate() {
            if let Some(handler) = self.config.handlers.get(name).cloned() {
                self.begin_one(&handler, names.len() - n, all);
            }
        }
    }

    /// What an earlier life of the handler has kept in this process. That of another component says nothing of it.
    fn kept_of(&mut self, handler: &pelton_config::Handler) -> Arc<Process> {
        let path = &handler.component.path;
        let kept = self.kept.entry(handler.name.clone()).or_default();
        if kept.0 != *path {
            *kept = (path.clone(), Arc::default());
        }
        kept.1.clone()
    }

    /// What a handler's component is loaded with from now on.
    fn conditions(&self, handler: &pelton_config::Handler) -> Conditions {
        Conditions {
            env: handler_env(handler),
            engine: self.engines.newest().clone(),
            probation: handler.probation.map(env::probation),
            fixtures: handler.test.at_load.then(|| Arc::new(handler.clone())),
        }
    }

    /// Begins a handler, one of so many that are still to begin, of so many in all.
    fn begin_one(&mut self, handler: &pelton_config::Handler, beginning: usize, all: usize) {
        let guests = self.guests.as_ref().map(|guests| guests.handle().clone());
        let connection = self.clusters.connection(&handler.cluster).cloned();
        let (Some(guests), Some(connection)) = (guests, connection) else {
            return;
        };
        for property in budget::beside(handler, &connection.properties) {
            warn!(handler = %handler.name, property,
                "the property is set by hand: what it lets librdkafka hold is not part of daemon.memory");
        }
        let claim = self.budget.hire(beginning, all);
        let (requests, paused) = self.control.admit(&handler.name);
        let shared = Arc::new(Shared::new(
            handler,
            paused,
            self.metrics.handler(&handler.name, &handler.group),
            self.clock,
            self.budget.clone(),
            claim.share(),
            self.options.record_dispatch.clone(),
        ));
        let stop = self.stop.child_token();
        let (current, revision) = watch::channel(None);
        let (reconfigure, reconfigurations) = mpsc::channel(1);
        self.lives
            .begin(Life::new(handler, shared.clone(), revision.clone()));
        let component = Component {
            shared: shared.clone(),
            path: handler.component.path.clone(),
            conditions: self.conditions(handler),
            reconfigurations,
            guests: guests.clone(),
            clock: self.clock,
            current,
            state_folder: self.state_folder.clone(),
            kept: self.kept_of(handler),
            trial_timeout: self.trial_timeout.subscribe(),
            requests,
            onlooker: self.options.onlooker.clone(),
        };
        let changes = self.files.watch(&handler.component.path);
        let keeper = self.components.spawn(component.keep(changes, stop.clone()));
        let running = Handler {
            config: handler.clone(),
            connection,
            shared: shared.clone(),
            revision: revision.clone(),
            status: self.status.clone(),
            liveness: self.liveness.clone(),
            process: self.process.clone(),
            guests,
            stop: stop.clone(),
        };
        let begun = Begun {
            task: self.handlers.spawn(running.run()),
            shared,
            keeper,
            reconfigure,
            stop,
            group: handler.group.clone(),
            revision,
            failed: false,
            keeper_died: None,
            place: self.engines.place(handler),
            claim,
        };
        self.begun.insert(handler.name.clone(), begun);
    }

    /// Whether its loops move.
    pub fn liveness(&self) -> Liveness {
        self.liveness.clone()
    }

    /// How each handler and its partitions stand.
    pub fn lives(&self) -> Lives {
        self.lives.clone()
    }

    /// What is counted.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Where to ask things of it and of its handlers.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// What it runs, also after a reload.
    pub fn configured(&self) -> Configured {
        self.configured.clone()
    }

    /// The addresses of embedded brokers, by cluster.
    pub fn embedded(&self) -> impl Iterator<Item = (&str, String)> {
        self.clusters.addresses()
    }

    /// Takes in what changes in the configuration's file, and what is asked for, until every handler has ended by
    /// itself, which happens only when all of them fail. To be dropped only to
    /// [`stop`](Self::stop).
    ///
    /// # Errors
    /// The daemon itself can't go on.
    pub async fn run(&mut self) -> Result<(), Error> {
        loop {
            let replies = tokio::select! {
                ended = self.handlers.join_next_with_id() => match ended {
                    None => return Ok(()),
                    Some(ended) => {
                        self.has_ended(ended);
                        continue;
                    }
                },
                Some(ended) = self.components.join_next_with_id() => {
                    self.keeper_has_ended(ended);
                    continue;
                }
                Some(Err(died)) = self.upkeep.join_next() => return Err(Error::Upkeep(died)),
                replies = self.reloads.next() => replies,
            };
            self.reload(replies).await;
        }
    }

    /// Drains every handler, commits, and leaves the groups, within the configured time.
    pub async fn stop(mut self) -> Stopped {
        let within = self.config.daemon.shutdown_timeout;
        info!(?within, "stopping: finishing what is under way");
        self.reloads.close();
        self.stop.cancel();
        let deadline = Instant::now() + within;
        while !self.handlers.is_empty() {
            let next = self.handlers.join_next_with_id();
            match tokio::time::timeout_at(deadline.into(), next).await {
                Ok(None) => break,
                Ok(Some(ended)) => self.has_ended(ended),
                Err(_) => {
                    self.stopped.cut_short = true;
                    break;
                }
            }
        }
        self.handlers.abort_all();
        // Those that write down what the next start is to know end with it written.
        let keepers: Vec<_> = self.begun.values().map(|it| it.keeper.clone()).collect();
        let all_ended = self.keepers_ended(&keepers);
        let _ = tokio::time::timeout_at(deadline.into(), all_ended).await;
        self.components.shutdown().await;
        if let Some(guests) = self.guests.take() {
            guests.shutdown_background();
        }
        std::mem::take(&mut self.stopped)
    }
}

impl Stopped {
    fn add(&mut self, (name, left): (String, Left)) {
        let Undone {
            unfinished,
            uncommitted,
        } = left.undone;
        self.unfinished = self.unfinished.saturating_add(unfinished);
        self.uncommitted = self.uncommitted.saturating_add(uncommitted);
        self.failed.extend(left.failed.map(|why| (name, why)));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A runtime must not be dropped where it would block an async thread.
        if let Some(guests) = self.guests.take() {
            guests.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests;

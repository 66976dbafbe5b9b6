//! The whole daemon: clusters, engine, handlers, and how it stops.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use pelton_config::{Bootstrap, Cluster, Config};
use pelton_engine::{Engine, EngineSettings, Grants, HandlerEnv, Isolation, Limits};
use pelton_kafka::EmbeddedBroker;
use tokio::{
    runtime,
    sync::watch,
    task::{self, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    budget::{self, Budget},
    clock::Clock,
    compiling::{compiler, component_bytes},
    component::Component,
    control::Control,
    files::Files,
    folders,
    handler::{Connection, Handler, Left, Shared},
    metrics::Metrics,
    onlooker::Onlooker,
    status::{Aspect, Standing, Status},
};

/// Partitions of each topic on the embedded broker.
const EMBEDDED_PARTITIONS: i32 = 4;
/// Instances for a handler beyond those it may have at work: a trial's, and those that replace others in a swap.
const SPARE_SLOTS: u32 = 4;
/// Address space is reserved for each; with more than these, handlers wait for one another.
const MOST_SLOTS: u32 = 2048;

/// What can't be had when a daemon starts.
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
}

/// How a daemon is run, beyond its configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Write what each partition's machine was told and commanded into this folder.
    pub record_dispatch: Option<PathBuf>,
    /// Who is told which revisions run, and when each has answered its first message.
    pub onlooker: Option<Onlooker>,
}

/// How a daemon stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Messages that were begun but not finished: they may be repeated.
    pub unfinished: u32,
    /// Handlers that stopped by themselves, and why.
    pub failed: Vec<(String, String)>,
    /// Handlers that had not ended when the time for stopping was over.
    pub cut_short: bool,
}

/// The handlers of one configuration, running.
pub struct Daemon {
    clock: Clock,
    stop: CancellationToken,
    stopped: Stopped,
    shutdown_timeout: Duration,
    handlers: JoinSet<Left>,
    /// The handlers' names by their tasks, so that one that died can be named.
    names: HashMap<task::Id, String>,
    components: JoinSet<()>,
    guests: Option<runtime::Runtime>,
    brokers: BTreeMap<String, EmbeddedBroker>,
    status: Status,
    metrics: Arc<Metrics>,
    control: Control,
    budget: Arc<Budget>,
    state_folder: Option<PathBuf>,
    /// Names this life of the process among all others.
    process: Arc<str>,
}

impl Daemon {
    /// Starts every handler. Those whose broker, topics or component aren't there yet wait for them.
    pub fn start(config: &Config, options: &Options) -> Result<Self, Error> {
        let threads = config
            .daemon
            .worker_threads
            .or_else(|| std::thread::available_parallelism().ok());
        let threads = threads.map_or(1, std::num::NonZeroUsize::get);
        let guests = runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("pelton-guest")
            .enable_time()
            // The sockets of guests' HTTP requests.
            .enable_io()
            .build()
            .map_err(Error::Threads)?;
        let engine = Engine::new(&engine_settings(config)).map_err(Error::Engine)?;
        let mut daemon = Self {
            stop: CancellationToken::new(),
            stopped: Stopped::default(),
            shutdown_timeout: config.daemon.shutdown_timeout,
            handlers: JoinSet::new(),
            names: HashMap::new(),
            components: JoinSet::new(),
            guests: Some(guests),
            brokers: BTreeMap::new(),
            status: Status::default(),
            metrics: Arc::new(Metrics::default().with_compilations(engine.clone())),
            control: Control::default(),
            clock: Clock::start(),
            budget: Budget::new(config.daemon.memory, config.handlers.len()),
            state_folder: folders::state(&config.daemon),
            process: random_name(),
        };
        let connections = daemon.connect(config)?;
        let files = Files::new();
        for handler in config.handlers.values() {
            if let Some(connection) = connections.get(&handler.cluster) {
                daemon.begin(handler, connection.clone(), &engine, &files, options);
            }
        }
        Ok(daemon)
    }

    fn connect(&mut self, config: &Config) -> Result<BTreeMap<String, Connection>, Error> {
        let mut connections = BTreeMap::new();
        for (
            name,
            Cluster {
                bootstrap,
                properties,
            },
        ) in &config.clusters
        {
            let servers = match bootstrap {
                Bootstrap::Servers(servers) => servers.join(","),
                Bootstrap::Embedded => {
                    let broker = EmbeddedBroker::start(&embedded_topics(config, name))
                        .map_err(Error::Embedded)?;
                    let address = broker.bootstrap();
                    warn!(cluster = %name, %address, "embedded broker: in memory, for development only; its messages are gone when this process ends");
                    self.brokers.insert(name.clone(), broker);
                    address
                }
            };
            connections.insert(
                name.clone(),
                Connection {
                    bootstrap: servers,
                    embedded: matches!(bootstrap, Bootstrap::Embedded),
                    properties: properties.clone(),
                },
            );
        }
        Ok(connections)
    }

    fn begin(
        &mut self,
        handler: &pelton_config::Handler,
        connection: Connection,
        engine: &Engine,
        files: &Files,
        options: &Options,
    ) {
        let Some(guests) = self.guests.as_ref().map(|guests| guests.handle().clone()) else {
            return;
        };
        for property in budget::beside(handler, &connection.properties) {
            warn!(handler = %handler.name, property,
                "the property is set by hand: what it lets librdkafka hold is not part of daemon.memory");
        }
        let clock = self.clock;
        let metrics = self.metrics.handler(&handler.name, &handler.group);
        let shared = Arc::new(Shared::new(
            handler,
            metrics,
            clock,
            self.budget.clone(),
            options.record_dispatch.clone(),
        ));
        let (current, revision) = watch::channel(None);
        let component = Component {
            shared: shared.clone(),
            path: handler.component.path.clone(),
            env: handler_env(handler),
            engine: engine.clone(),
            guests: guests.clone(),
            clock,
            probation: handler.probation.map(probation),
            current,
            state_folder: self.state_folder.clone(),
            requests: self.control.admit(&handler.name),
            onlooker: options.onlooker.clone(),
        };
        self.components
            .spawn(component.keep(files.watch(&handler.component.path), self.stop.clone()));
        let running = Handler {
            config: handler.clone(),
            connection,
            shared,
            revision,
            status: self.status.clone(),
            process: self.process.clone(),
            guests,
            stop: self.stop.clone(),
        };
        let task = self.handlers.spawn(running.run());
        self.names.insert(task.id(), handler.name.clone());
    }

    /// Where each handler stands.
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// What is counted.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Where to ask things of handlers.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The addresses of embedded brokers, by cluster.
    pub fn embedded(&self) -> impl Iterator<Item = (&str, String)> {
        self.brokers
            .iter()
            .map(|(name, broker)| (name.as_str(), broker.bootstrap()))
    }

    /// Waits until every handler has ended by itself, which happens only when all of them fail.
    /// Cancel-safe.
    pub async fn failed(&mut self) {
        while let Some(ended) = self.handlers.join_next_with_id().await {
            let left = self.left(ended);
            self.stopped.add(left);
        }
    }

    /// Drains every handler, commits, and leaves the groups, within the configured time.
    pub async fn stop(mut self) -> Stopped {
        info!(within = ?self.shutdown_timeout, "stopping: finishing what is under way");
        self.stop.cancel();
        let deadline = Instant::now() + self.shutdown_timeout;
        while !self.handlers.is_empty() {
            let next = self.handlers.join_next_with_id();
            match tokio::time::timeout_at(deadline.into(), next).await {
                Ok(None) => break,
                Ok(Some(ended)) => {
                    let left = self.left(ended);
                    self.stopped.add(left);
                }
                Err(_) => {
                    self.stopped.cut_short = true;
                    break;
                }
            }
        }
        self.handlers.abort_all();
        self.components.shutdown().await;
        if let Some(guests) = self.guests.take() {
            guests.shutdown_background();
        }
        std::mem::take(&mut self.stopped)
    }

    /// How a handler ended; one that died is a handler that failed.
    fn left(&mut self, ended: Result<(task::Id, Left), JoinError>) -> (String, Left) {
        let (id, left) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let why = format!("its task died: {error}");
                (
                    error.id(),
                    Left {
                        failed: Some(why),
                        ..Left::default()
                    },
                )
            }
        };
        let name = self.names.remove(&id).unwrap_or_default();
        if let Some(why) = &left.failed {
            error!(handler = %name, %why, "handler stopped for good");
            self.status
                .set(&name, Aspect::Life, Standing::Failed(why.clone()));
        }
        (name, left)
    }
}

impl Stopped {
    fn add(&mut self, (name, left): (String, Left)) {
        self.unfinished = self.unfinished.saturating_add(left.unfinished);
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

/// An engine that is large enough for all handlers of a configuration.
pub fn engine_settings(config: &Config) -> EngineSettings {
    let slots = config
        .handlers
        .values()
        .map(|handler| handler.limits.instances.get().saturating_add(SPARE_SLOTS))
        .fold(0, u32::saturating_add);
    let largest = config
        .handlers
        .values()
        .map(|handler| handler.limits.memory.get())
        .max()
        .unwrap_or(0);
    let table = config
        .handlers
        .values()
        .map(|handler| handler.limits.table_elements.get())
        .max()
        .unwrap_or(0);
    EngineSettings {
        slots: slots.min(MOST_SLOTS),
        max_memory_bytes: usize::try_from(largest).unwrap_or(usize::MAX),
        max_table_elements: table as usize,
        stack_bytes: config.daemon.guest_stack.get() as usize,
        max_component_bytes: component_bytes(&config.daemon),
        compiler: compiler(&config.daemon),
    }
}

/// How a handler's new revisions are watched.
fn probation(config: pelton_config::Probation) -> pelton_revisions::Probation {
    pelton_revisions::Probation {
        time: config.time,
        messages: config.messages.map(std::num::NonZeroU64::from),
        votes: config.votes,
    }
}

/// A name that no other process has, nor another life of this one: 128 random bits.
fn random_name() -> Arc<str> {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // Each state has keys of its own, from the system's source of randomness.
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random()).into()
}

/// What a handler's guests may use up, and its settings.
pub fn handler_env(handler: &pelton_config::Handler) -> HandlerEnv {
    let limits = &handler.limits;
    HandlerEnv {
        name: handler.name.clone(),
        limits: Limits {
            memory_bytes: usize::try_from(limits.memory.get()).unwrap_or(usize::MAX),
            table_elements: limits.table_elements.get() as usize,
            time_per_message: limits.time_per_message,
            output_messages: limits.output_messages.get(),
            output_bytes: limits.output_bytes.get() as usize,
            host_call_bytes: limits.host_call_bytes.get() as usize,
            http_requests: limits.http_requests.get(),
            http_body_bytes: limits.http_body_bytes.get() as usize,
            log_lines: limits.log_lines.get(),
            log_line_bytes: limits.log_line_bytes.get() as usize,
        },
        grants: Grants {
            http: handler.grants.http.clone(),
            http_private: handler.grants.http_private.clone(),
        },
        isolation: match handler.isolation {
            pelton_config::Isolation::Instance => Isolation::Instance,
            pelton_config::Isolation::Message => Isolation::Message,
        },
        settings: handler
            .settings
            .as_map()
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    }
}

/// Every topic that the handlers of an embedded cluster name.
fn embedded_topics<'a>(config: &'a Config, cluster: &str) -> Vec<(&'a str, i32)> {
    let mut names = std::collections::BTreeSet::new();
    for handler in config
        .handlers
        .values()
        .filter(|handler| handler.cluster == cluster)
    {
        if let pelton_config::Topics::List(topics) = &handler.topics {
            names.extend(topics.iter().map(String::as_str));
        }
        names.extend(handler.written_topics());
    }
    names
        .into_iter()
        .map(|name| (name, EMBEDDED_PARTITIONS))
        .collect()
}

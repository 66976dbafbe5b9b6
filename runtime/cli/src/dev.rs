//! `pelton dev`: the daemon with an embedded broker, handlers built from their sources, messages shown.

mod feeder;
mod looking;
mod sources;

use std::{process::ExitCode, thread};

use anyhow::Context;
use pelton_config::{Bootstrap, Log};
use pelton_daemon::{Daemon, Options};
use tokio::{sync::mpsc, task::JoinSet};

use self::{
    feeder::Feeder,
    looking::{Compiled, Looking},
    sources::{Sources, keep_built},
};
use crate::{
    args::DevArgs,
    exit, logging,
    run::{self, HangUp},
};

/// What is logged besides the configured: each message in and out, and whatever handlers log.
const SHOW_MESSAGES: &str = "pelton::message=debug,pelton::guest=trace";
/// What the handlers' revisions have done and nobody has looked at yet; further steps are not told.
const MOST_SEEN: usize = 256;

pub(crate) fn dev(args: &DevArgs) -> anyhow::Result<ExitCode> {
    let config = exit::load(&args.config)?;
    if let Some(Some(_)) = &args.fixtures
        && config.handlers.len() > 1
    {
        let names: Vec<&str> = config.handlers.keys().map(String::as_str).collect();
        let why = format!(
            "--fixtures FOLDER is for one handler, and {} has {}; leave FOLDER out, and each gets its own fixtures",
            config.file.display(),
            names.join(", ")
        );
        return Ok(exit::refuse(exit::USAGE, why));
    }
    logging::begin(&Log {
        filter: format!("{},{SHOW_MESSAGES}", config.log.filter),
        ..config.log.clone()
    })?;
    let (compiled, file) = (Compiled::default(), config.file.clone());
    let mut sources = Sources::default();
    sources.take(&config)?;
    let building = compiled.clone();
    thread::Builder::new()
        .name("pelton-build".to_owned())
        .spawn(move || keep_built(sources, &file, &building))
        .context("no thread can be started")?;
    let brokers = brokers(args.bootstrap_servers.as_deref());
    let (onlooker, seen) = mpsc::channel(MOST_SEEN);
    let options = Options {
        brokers: Some(brokers.clone()),
        onlooker: Some(onlooker),
        ..Options::default()
    };
    let beside = |daemon: &Daemon| {
        let feeder = |folder: &Option<_>| Feeder::new(&config, &brokers, daemon, folder.clone());
        let feeder = args.fixtures.as_ref().map(feeder);
        let mut tasks = JoinSet::new();
        tasks.spawn(Looking { compiled, feeder }.run(seen));
        tasks
    };
    run::on_runtime(run::serve(&config, &options, HangUp::Ends, beside))
}

fn brokers(servers: Option<&str>) -> Bootstrap {
    match servers {
        Some(servers) => Bootstrap::Servers(servers.split(',').map(str::to_owned).collect()),
        None => Bootstrap::Embedded,
    }
}

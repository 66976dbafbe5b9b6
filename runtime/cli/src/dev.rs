//! `pelton dev`: the daemon with an embedded broker, handlers built from their sources, messages shown.

mod feeder;
mod looking;

use std::{process::ExitCode, thread, time::Duration};

use anyhow::Context;
use pelton_config::{Bootstrap, Config, Start};
use pelton_daemon::{Daemon, Options};
use pelton_toolchain::{CargoOutput, Rebuilder, Toolchain};
use tokio::{sync::mpsc, task::JoinSet};
use tracing::{error, info};

use self::{
    feeder::Feeder,
    looking::{Compiled, Looking},
};
use crate::{args::DevArgs, exit, logging, run};

/// What is logged besides the configured: each message in and out, and whatever handlers log.
const SHOW_MESSAGES: &str = "pelton::message=debug,pelton::guest=trace";
/// How often sources are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// What the handlers' revisions have done and nobody has looked at yet; further steps are not told.
const MOST_SEEN: usize = 256;

pub(crate) fn dev(args: &DevArgs) -> anyhow::Result<ExitCode> {
    let mut config = exit::load(&args.config)?;
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
    config.log.filter = format!("{},{SHOW_MESSAGES}", config.log.filter);
    logging::begin(&config.log)?;
    choose_brokers(&mut config, args.bootstrap_servers.as_deref());
    let compiled = Compiled::default();
    let sources = sources(&config)?;
    if !sources.is_empty() {
        let compiled = compiled.clone();
        thread::Builder::new()
            .name("pelton-build".to_owned())
            .spawn(move || keep_built(sources, &compiled))
            .context("no thread can be started")?;
    }
    let (onlooker, seen) = mpsc::channel(MOST_SEEN);
    let options = Options {
        onlooker: Some(onlooker),
        ..Options::default()
    };
    let beside = |daemon: &Daemon| {
        let fixtures = args.fixtures.as_ref();
        let feeder = fixtures.map(|folder| Feeder::new(&config, daemon, folder.as_deref()));
        let mut tasks = JoinSet::new();
        tasks.spawn(Looking { compiled, feeder }.run(seen));
        tasks
    };
    run::on_runtime(run::serve(&config, &options, beside))
}

fn choose_brokers(config: &mut Config, servers: Option<&str>) {
    for cluster in config.clusters.values_mut() {
        cluster.bootstrap = match servers {
            Some(servers) => Bootstrap::Servers(servers.split(',').map(str::to_owned).collect()),
            None => Bootstrap::Embedded,
        };
    }
    if servers.is_none() {
        // Its topics begin empty, and what comes before the handler has joined is meant for it.
        for handler in config.handlers.values_mut() {
            handler.start = Start::Earliest;
        }
    }
}

/// Every handler that names a source folder, with what builds it.
fn sources(config: &Config) -> anyhow::Result<Vec<(String, Rebuilder)>> {
    let named: Vec<_> = config
        .handlers
        .values()
        .filter_map(|handler| Some((handler, handler.source.as_ref()?)))
        .collect();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let toolchain = Toolchain::find().context("handlers can't be built from their sources")?;
    let rebuilder = |folder, component| Rebuilder::new(toolchain.clone(), folder, component);
    Ok(named
        .into_iter()
        .map(|(handler, folder)| {
            (
                handler.name.clone(),
                rebuilder(folder.clone(), handler.component.path.clone()),
            )
        })
        .collect())
}

/// Builds what has changed, for as long as the process lives. Cargo's own words go to the terminal.
fn keep_built(mut sources: Vec<(String, Rebuilder)>, compiled: &Compiled) {
    loop {
        for (handler, rebuilder) in &mut sources {
            if !rebuilder.is_stale() {
                continue;
            }
            let folder = rebuilder.folder().display().to_string();
            info!(%handler, %folder, "building component");
            let built = rebuilder.compile(CargoOutput::Shown).and_then(|file| {
                compiled.done(handler);
                rebuilder.place(&file)
            });
            match built {
                Ok(true) => info!(%handler, "component built"),
                Ok(false) => {
                    compiled.forget(handler);
                    info!(%handler, "component built; it is the same as before");
                }
                Err(why) => {
                    error!(%handler, %folder, "component not built, what runs goes on: {why:#}")
                }
            }
        }
        thread::sleep(LOOK);
    }
}

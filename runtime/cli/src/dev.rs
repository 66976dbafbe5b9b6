//! `pelton dev`: the daemon with an embedded broker, handlers built from their sources, messages shown.

use std::{process::ExitCode, thread, time::Duration};

use anyhow::Context;
use pelton_config::{Bootstrap, Config, Log};
use pelton_daemon::Options;
use pelton_toolchain::{CargoOutput, Rebuilder, Toolchain};
use tracing::{error, info};

use crate::{args::DevArgs, exit, logging, run};

/// What is logged besides the configured: each message in and out, and whatever handlers log.
const SHOW_MESSAGES: &str = "pelton::message=debug,pelton::guest=trace";
/// How often sources are looked at.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) fn dev(args: &DevArgs) -> anyhow::Result<ExitCode> {
    let config = exit::load(&args.config)?;
    logging::begin(&Log {
        filter: format!("{},{SHOW_MESSAGES}", config.log.filter),
        ..config.log.clone()
    })?;
    let sources = sources(&config)?;
    if !sources.is_empty() {
        thread::Builder::new()
            .name("pelton-build".to_owned())
            .spawn(move || keep_built(sources))
            .context("no thread can be started")?;
    }
    let options = Options {
        brokers: Some(brokers(args.bootstrap_servers.as_deref())),
        ..Options::default()
    };
    run::on_runtime(run::serve(&config, &options))
}

fn brokers(servers: Option<&str>) -> Bootstrap {
    match servers {
        Some(servers) => Bootstrap::Servers(servers.split(',').map(str::to_owned).collect()),
        None => Bootstrap::Embedded,
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
fn keep_built(mut sources: Vec<(String, Rebuilder)>) {
    loop {
        for (handler, rebuilder) in &mut sources {
            if !rebuilder.is_stale() {
                continue;
            }
            let folder = rebuilder.folder().display().to_string();
            info!(%handler, %folder, "building component");
            match rebuilder.rebuild(CargoOutput::Shown) {
                Ok(true) => info!(%handler, "component built"),
                Ok(false) => info!(%handler, "component built; it is the same as before"),
                Err(why) => {
                    error!(%handler, %folder, "component not built, what runs goes on: {why:#}")
                }
            }
        }
        thread::sleep(LOOK);
    }
}

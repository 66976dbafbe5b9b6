//! `pelton check`: a configuration, its Kafka clients and its components, without a broker.

use std::{collections::BTreeSet, process::ExitCode};

use pelton_config::{Config, Daemon, Handler};
use pelton_engine::{Engine, EngineSettings};

use crate::{args::CheckArgs, exit, run};

pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = pelton_config::check(&args.config.path()?)?;
    for warning in &config.warnings {
        println!("warning: {warning}");
    }
    let mut wrong = clients(&config);
    wrong.extend(run::on_runtime(async { components(&config).await })?);
    if !wrong.is_empty() {
        eprintln!(
            "{}: {} of {} handlers can't run",
            config.file.display(),
            wrong.len(),
            config.handlers.len()
        );
        return Ok(ExitCode::from(exit::CONFIGURATION));
    }
    println!("{}: fine", config.file.display());
    Ok(ExitCode::SUCCESS)
}

/// The handlers whose Kafka clients can't be made.
fn clients(config: &Config) -> BTreeSet<&str> {
    let mut wrong = BTreeSet::new();
    for handler in config.handlers.values() {
        let Some(cluster) = config.clusters.get(&handler.cluster) else {
            continue;
        };
        if let Err(why) = pelton_daemon::check_clients(handler, cluster) {
            wrong.insert(handler.name.as_str());
            eprintln!(
                "handler {}: {}, on cluster {}: {why}",
                handler.name,
                config.file.display(),
                handler.cluster
            );
        }
    }
    wrong
}

/// Loads each component and gives it its trial; the handlers whose failed.
async fn components(config: &Config) -> anyhow::Result<BTreeSet<&str>> {
    let engine = Engine::new(&EngineSettings {
        slots: 1,
        ..pelton_daemon::engine_settings(config)
    })?;
    let mut wrong = BTreeSet::new();
    for handler in config.handlers.values() {
        match try_component(&engine, handler).await {
            Ok(revision) => println!(
                "handler {}: revision {revision} loads and passes its trial",
                handler.name
            ),
            Err(why) => {
                wrong.insert(handler.name.as_str());
                eprintln!(
                    "handler {}: {}: {why:#}",
                    handler.name,
                    handler.component.path.display()
                );
            }
        }
    }
    Ok(wrong)
}

async fn try_component(engine: &Engine, handler: &Handler) -> anyhow::Result<String> {
    let (file, env) = (&handler.component.path, pelton_daemon::handler_env(handler));
    let bytes = pelton_daemon::read_component(file, engine.max_component_bytes())?;
    let revision = pelton_daemon::load_component(engine, file, &bytes, &env)?;
    revision.trial().await?;
    Ok(revision.id().to_string())
}

/// An engine for looking at components one at a time.
pub(crate) fn small_engine() -> EngineSettings {
    let daemon = Daemon::default();
    EngineSettings {
        slots: 1,
        max_memory_bytes: 256 << 20,
        max_table_elements: 100_000,
        stack_bytes: 1 << 20,
        max_component_bytes: pelton_daemon::component_bytes(&daemon),
        compiler: pelton_daemon::compiler(&daemon),
    }
}

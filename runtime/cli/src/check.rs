//! `pelton check`: a configuration and its components, without a broker.

use std::process::ExitCode;

use pelton_config::{Config, Daemon, Handler};
use pelton_engine::{Engine, EngineSettings};

use crate::{args::CheckArgs, exit, run};

pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = pelton_config::check(&args.config)?;
    for warning in &config.warnings {
        println!("warning: {warning}");
    }
    let wrong = run::on_runtime(async { components(&config).await })?;
    if wrong > 0 {
        eprintln!(
            "{}: {wrong} of {} handlers can't run",
            config.file.display(),
            config.handlers.len()
        );
        return Ok(ExitCode::from(exit::CONFIGURATION));
    }
    println!("{}: fine", config.file.display());
    Ok(ExitCode::SUCCESS)
}

/// Loads each component and gives it its trial; the number that failed.
async fn components(config: &Config) -> anyhow::Result<usize> {
    let engine = Engine::new(&EngineSettings {
        slots: 1,
        ..pelton_daemon::engine_settings(config)
    })?;
    let mut wrong = 0;
    for handler in config.handlers.values() {
        match try_component(&engine, handler).await {
            Ok(revision) => println!(
                "handler {}: revision {revision} loads and passes its trial",
                handler.name
            ),
            Err(why) => {
                wrong += 1;
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

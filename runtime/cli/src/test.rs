//! `pelton test`: handlers, tested by their fixtures.

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context;
use pelton_config::{Config, Handler, Log, LogFormat};
use pelton_engine::{Engine, EngineSettings, Revision};
use pelton_fixtures::{Error, Options, Tested};
use pelton_toolchain::{CargoOutput, Rebuilder, Toolchain, is_behind};

use crate::{args::TestArgs, exit, logging, run};

/// Why nothing is tested, and the exit code that says it.
struct Refused(u8, String);

pub(crate) fn test(args: &TestArgs) -> anyhow::Result<ExitCode> {
    // A handler's log lines would come three times; RUST_LOG=pelton::guest=trace shows them.
    logging::begin(&Log {
        format: LogFormat::Text,
        filter: "warn,pelton::guest=off".to_owned(),
    })?;
    let config = exit::load(&args.config)?;
    let handlers = match chosen(args, &config) {
        Ok(handlers) => handlers,
        Err(Refused(code, why)) => return Ok(exit::refuse(code, why)),
    };
    if !args.no_build {
        build(&handlers)?;
    }
    let tested = match run::on_runtime(all(args, &config, &handlers))? {
        Ok(tested) => tested,
        Err(Refused(code, why)) => return Ok(exit::refuse(code, why)),
    };
    tell(args, &tested)?;
    Ok(match tested.iter().all(Tested::is_fine) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(exit::FAILED),
    })
}

/// The handlers to test: the one that is named, or all that have a folder of fixtures.
fn chosen<'c>(args: &TestArgs, config: &'c Config) -> Result<Vec<&'c Handler>, Refused> {
    let file = config.file.display();
    let known = || {
        let names: Vec<&str> = config.handlers.keys().map(String::as_str).collect();
        names.join(", ")
    };
    if let Some(name) = &args.handler {
        let handler = config.handlers.get(name);
        let unknown = || {
            let why = format!("{file} has no handler {name}; it has {}", known());
            Refused(exit::USAGE, why)
        };
        return Ok(vec![handler.ok_or_else(unknown)?]);
    }
    let all: Vec<&Handler> = config.handlers.values().collect();
    if args.fixtures.is_some() && all.len() > 1 {
        let why = format!("--fixtures is for one handler; name it: {}", known());
        return Err(Refused(exit::USAGE, why));
    }
    if args.fixtures.is_some() || all.len() == 1 {
        return Ok(all);
    }
    let (with, without): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|handler| handler.test.fixtures.is_dir());
    for handler in &without {
        let folder = handler.test.fixtures.display();
        eprintln!("{}: not tested, there is no folder {folder}", handler.name);
    }
    if with.is_empty() {
        let why = format!("no handler of {file} has fixtures; docs/testing.md shows one");
        return Err(Refused(exit::CONFIGURATION, why));
    }
    Ok(with)
}

/// Builds what has a source folder and isn't up to date.
fn build(handlers: &[&Handler]) -> anyhow::Result<()> {
    for handler in handlers {
        let (Some(source), component) = (&handler.source, &handler.component.path) else {
            continue;
        };
        if !is_behind(component, source, &handler.test.fixtures) {
            continue;
        }
        let toolchain = Toolchain::find().with_context(|| {
            let component = component.display();
            format!(
                "{component} is older than its source {} and can't be built; build it elsewhere, or test it as it is with --no-build",
                source.display()
            )
        })?;
        Rebuilder::new(toolchain, source, component).rebuild(CargoOutput::Shown)?;
    }
    Ok(())
}

async fn all(
    args: &TestArgs,
    config: &Config,
    handlers: &[&Handler],
) -> anyhow::Result<Result<Vec<Tested>, Refused>> {
    let engine = Engine::frozen(&EngineSettings {
        slots: 1,
        ..pelton_daemon::engine_settings(config)
    })?;
    let options = Options {
        folder: args.fixtures.clone(),
        update: args.update,
    };
    let mut tested = Vec::new();
    for handler in handlers {
        let revision = match load(&engine, handler).await {
            Ok(revision) => revision,
            Err(why) => {
                let (name, component) = (&handler.name, handler.component.path.display());
                let why = format!("handler {name}: {component}: {why:#}");
                return Ok(Err(Refused(exit::CONFIGURATION, why)));
            }
        };
        match pelton_fixtures::test(&revision, handler, &options).await {
            Ok(done) => tested.push(done),
            Err(why) => return Ok(Err(no_fixtures(args, &handler.name, &why))),
        }
    }
    Ok(Ok(tested))
}

async fn load(engine: &Engine, handler: &Handler) -> anyhow::Result<Revision> {
    let (file, env) = (&handler.component.path, pelton_daemon::handler_env(handler));
    let bytes = pelton_daemon::read_component(file, engine.max_component_bytes())
        .context("the component can't be read; `pelton build` makes it")?;
    let revision = pelton_daemon::load_component(engine, file, &bytes, &env)?;
    revision.trial().await?;
    Ok(revision)
}

fn no_fixtures(args: &TestArgs, handler: &str, why: &Error) -> Refused {
    let code = match args.fixtures {
        Some(_) => exit::USAGE,
        None => exit::CONFIGURATION,
    };
    Refused(code, format!("handler {handler}: {why}"))
}

fn tell(args: &TestArgs, tested: &[Tested]) -> anyhow::Result<()> {
    if let Some(file) = &args.junit {
        write_junit(file, tested)?;
    }
    if args.json {
        let handlers: Vec<_> = tested.iter().map(Tested::json).collect();
        let fine = tested.iter().all(Tested::is_fine);
        let report = serde_json::json!({ "fine": fine, "handlers": handlers });
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        tested.iter().for_each(|tested| println!("{tested}"));
    }
    Ok(())
}

fn write_junit(file: &Path, tested: &[Tested]) -> anyhow::Result<()> {
    let report = pelton_fixtures::junit(tested).map_err(anyhow::Error::msg);
    report
        .and_then(|report| Ok(fs::write(file, report)?))
        .with_context(|| format!("the JUnit report can't be written to {}", file.display()))
}

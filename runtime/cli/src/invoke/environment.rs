//! What `pelton invoke` runs a component with: what a configured handler has, or wide limits and nothing else.

use std::time::Duration;

use anyhow::bail;
use pelton_engine::{EngineSettings, Grants, HandlerEnv, Isolation, Limits};

use crate::{
    args::{ConfigFile, InvokeArgs},
    check, exit,
};

/// An engine, and what the component may take and reach in it.
pub(super) struct Environment {
    pub engine: EngineSettings,
    pub env: HandlerEnv,
}

impl Environment {
    /// As the flags say; or why there is no such handler.
    pub(super) fn of(args: &InvokeArgs) -> anyhow::Result<Result<Self, String>> {
        let mut environment = match &args.handler {
            None => Self::wide(),
            Some(name) => match Self::of_handler(args, name)? {
                Ok(environment) => environment,
                Err(why) => return Ok(Err(why)),
            },
        };
        let env = &mut environment.env;
        for (name, value) in settings(&args.settings)? {
            env.settings.retain(|(known, _)| *known != name);
            env.settings.push((name, value));
        }
        env.settings.sort();
        env.grants.http_private.extend(args.http.iter().cloned());
        Ok(Ok(environment))
    }

    fn of_handler(args: &InvokeArgs, name: &str) -> anyhow::Result<Result<Self, String>> {
        let config = exit::load(&ConfigFile {
            given: args.config.clone(),
        })?;
        let Some(handler) = config.handlers.get(name) else {
            let names: Vec<&str> = config.handlers.keys().map(String::as_str).collect();
            let (file, known) = (config.file.display(), names.join(", "));
            return Ok(Err(format!("{file} has no handler {name}; it has {known}")));
        };
        Ok(Ok(Self {
            engine: EngineSettings {
                slots: 1,
                ..pelton_daemon::engine_settings(&config)
            },
            env: pelton_daemon::handler_env(handler),
        }))
    }

    fn wide() -> Self {
        let engine = check::small_engine();
        let env = HandlerEnv {
            name: "invoke".to_owned(),
            limits: limits(&engine),
            grants: Grants::default(),
            isolation: Isolation::Message,
            settings: Vec::new(),
        };
        Self { engine, env }
    }
}

fn limits(engine: &EngineSettings) -> Limits {
    Limits {
        memory_bytes: engine.max_memory_bytes,
        table_elements: engine.max_table_elements,
        time_per_message: Duration::from_secs(10),
        output_messages: 10_000,
        output_bytes: 64 << 20,
        host_call_bytes: 128 << 20,
        http_requests: 32,
        http_body_bytes: 64 << 20,
        log_lines: 10_000,
        log_line_bytes: 4096,
    }
}

fn settings(given: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    for setting in given {
        let Some((name, value)) = setting.split_once('=') else {
            bail!("--setting {setting}: write NAME=VALUE");
        };
        settings.push((name.to_owned(), value.to_owned()));
    }
    Ok(settings)
}

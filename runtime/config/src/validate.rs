//! What keys say together: the typed file becomes a [`Config`], and whatever contradicts is found.
//!
//! Each check goes on where another one failed, with a stand-in for what is wrong; the stand-in never leaves this
//! crate, because a file with a problem gives no configuration.

mod cluster;
mod component;
mod exactly_once;
mod grants;
mod groups;
mod handler;
mod limits;
mod loops;
mod names;
mod oauth;
mod properties;
mod retry_topics;
mod times;
mod topics;

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::Path,
};

pub(crate) use component::components;

use crate::{
    Admin, Cache, Config, Daemon, Log, LogFormat,
    findings::{Finding, Findings},
    key::Key,
    schema::{self, Size},
};

/// Checks the whole file.
pub(crate) fn validate(raw: schema::File, file: &Path, findings: &mut Findings<'_>) -> Config {
    let clusters = raw.clusters.into_iter();
    let clusters = clusters
        .map(|(name, raw)| (name.clone(), cluster::validate(&name, raw, file, findings)))
        .collect();
    let handlers = raw.handlers.into_iter();
    let handlers = handlers
        .map(|(name, raw)| (name.clone(), handler::validate(&name, raw, file, findings)))
        .collect();
    let config = Config {
        file: file.to_owned(),
        clusters,
        handlers,
        admin: admin(&raw.admin, file, findings),
        log: log(raw.log, findings),
        daemon: daemon(&raw.daemon, file, findings),
        warnings: Vec::new(),
    };
    let none = Key::new(["handlers"]);
    if config.handlers.is_empty() {
        let finding = Finding::new("there is no handler").name(&none, "");
        findings
            .refuse(finding.help("add a table `[handlers.NAME]` with `component` and `topics`"));
    }
    for handler in config.handlers.values() {
        cluster::of_handler(handler, &config, findings);
        times::validate(handler, &config, findings);
        exactly_once::validate(handler, &config, findings);
    }
    groups::validate(&config, findings);
    loops::validate(&config, findings);
    retry_topics::validate(&config, findings);
    config
}

fn daemon(raw: &schema::Daemon, file: &Path, findings: &mut Findings<'_>) -> Daemon {
    let key = Key::new(["daemon", "memory"]);
    if raw.memory < Size::mib(16) {
        let finding = Finding::new(format!("`{key}` must be at least 16 MiB"));
        findings.refuse(finding.value(&key, format!("this is {}", raw.memory)));
    }
    let within = [
        (
            "guest-stack",
            raw.guest_stack,
            Size::kib(64)..=Size::mib(16),
        ),
        (
            "component-bytes",
            raw.component_bytes,
            Size(1)..=Size::gib(1),
        ),
    ];
    for (name, size, allowed) in within {
        handler::bytes_within(&Key::new(["daemon", name]), size, allowed, findings);
    }
    let compile_key = Key::new(["daemon", "compile-memory"]);
    if raw.compile_memory < Size::mib(64) {
        let finding = Finding::new(format!("`{compile_key}` must be at least 64 MiB"));
        findings.refuse(finding.value(&compile_key, format!("this is {}", raw.compile_memory)));
    }
    daemon_as_written(raw, file)
}

/// The table as plain values, with a stand-in for what is out of bounds.
pub(crate) fn daemon_as_written(raw: &schema::Daemon, file: &Path) -> Daemon {
    let bytes = |size: Size| NonZeroU64::new(size.0).unwrap_or(NonZeroU64::MIN);
    let stack = u32::try_from(raw.guest_stack.0).ok();
    let here = file.parent().unwrap_or(Path::new(""));
    Daemon {
        shutdown_timeout: raw.shutdown_timeout.0,
        memory: bytes(raw.memory),
        guest_stack: stack.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN),
        worker_threads: raw.worker_threads.map(NonZeroUsize::from),
        component_bytes: bytes(raw.component_bytes),
        compile_timeout: raw.compile_timeout.0,
        compile_memory: bytes(raw.compile_memory),
        trial_timeout: raw.trial_timeout.0,
        cache: Cache {
            enabled: raw.cache,
            folder: raw.cache_folder.as_ref().map(|folder| here.join(folder)),
            bytes: bytes(raw.cache_bytes),
        },
        state_folder: raw.state_folder.as_ref().map(|folder| here.join(folder)),
    }
}

fn admin(raw: &schema::Admin, file: &Path, findings: &mut Findings<'_>) -> Admin {
    let listen: SocketAddr = raw.listen.parse().unwrap_or_else(|_| {
        let key = Key::new(["admin", "listen"]);
        let finding = Finding::new(format!("`{key}` must be an IP address and a port"));
        findings.refuse(finding.value(&key, "").help(
            "write \"127.0.0.1:9640\" to be reached from this machine, \"0.0.0.0:9640\" or \"[::]:9640\" from others",
        ));
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    });
    if raw.enabled && !listen.ip().is_loopback() && raw.token_file.is_none() {
        let key = Key::new(["admin", "listen"]);
        let finding = Finding::new(format!(
            "`{key}` lets others than this machine ask, and there is no `admin.token-file`"
        ));
        findings.refuse(finding.value(&key, "").help(
            "add token-file = \"admin.token\", a file with a token of at least 16 characters (head -c 24 /dev/urandom | base64)",
        ));
    }
    let here = file.parent().unwrap_or(Path::new(""));
    Admin {
        enabled: raw.enabled,
        listen,
        token_file: raw.token_file.as_ref().map(|token| here.join(token)),
    }
}

fn log(raw: schema::Log, findings: &mut Findings<'_>) -> Log {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let key = Key::new(["log", "filter"]);
    let wrong = raw.filter.split(',').map(str::trim).find(|directive| {
        let level = directive
            .rsplit_once('=')
            .map_or(*directive, |(_, level)| level);
        !LEVELS.contains(&level.to_ascii_lowercase().as_str())
    });
    if let Some(wrong) = wrong {
        let finding = Finding::new(format!(
            "`{key}` has a part that names no level: \"{wrong}\""
        ));
        findings.refuse(finding.value(&key, "").help(
            "levels are error, warn, info, debug, trace and off; for a part of the program: \"info,pelton_kafka=debug\"",
        ));
    }
    let format = match raw.format {
        schema::LogFormat::Text => LogFormat::Text,
        schema::LogFormat::Json => LogFormat::Json,
    };
    Log {
        format,
        filter: raw.filter,
    }
}

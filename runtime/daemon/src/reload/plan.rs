//! What follows from the difference between two configurations: pure.
//!
//! Invariant: whatever differs ends a handler, begins one, or refuses the whole change; nothing is passed over but
//! what a running daemon has no use for.

use std::collections::BTreeSet;

use pelton_config::{Bootstrap, Config, Daemon, Handler, Limits};

/// Keys of a handler that go into what its component is loaded with and watched by, and nowhere else.
const MAKE_REVISIONS: [&str; 6] = [
    "isolation",
    "probation",
    "limits",
    "grants",
    "settings",
    "test",
];

/// What has to be done with the handlers, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// And why each begins anew.
    pub changed: Vec<(String, String)>,
    /// And why each gets another revision, while it stays in its group.
    pub reconfigured: Vec<(String, String)>,
    pub unchanged: Vec<String>,
}

/// Keys whose change needs another process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this can't be changed while the daemon runs: {}; restart the daemon with it, or put it back as it was",
    .0.join(", ")
)]
pub(crate) struct NeedsRestart(Vec<String>);

impl Plan {
    /// Handlers that end.
    pub(crate) fn leaving(&self) -> impl Iterator<Item = &str> {
        let changed = self.changed.iter().map(|(name, _)| name.as_str());
        self.removed.iter().map(String::as_str).chain(changed)
    }

    /// Handlers that begin.
    pub(crate) fn beginning(&self) -> impl Iterator<Item = &str> {
        let changed = self.changed.iter().map(|(name, _)| name.as_str());
        self.added.iter().map(String::as_str).chain(changed)
    }

    /// Handlers whose component is loaded, those that begin among them.
    pub(crate) fn loading(&self) -> impl Iterator<Item = &str> {
        let reconfigured = self.reconfigured.iter().map(|(name, _)| name.as_str());
        self.beginning().chain(reconfigured)
    }
}

/// How to come from one configuration to another. Handlers that have failed begin anew whether they differ or not:
/// what was in their way may be gone.
///
/// # Errors
/// What can only be changed by a restart.
pub(crate) fn plan(
    before: &Config,
    after: &Config,
    failed: &BTreeSet<String>,
) -> Result<Plan, NeedsRestart> {
    let fixed = fixed(before, after);
    if !fixed.is_empty() {
        return Err(NeedsRestart(fixed));
    }
    let mut plan = Plan::default();
    for (name, handler) in &after.handlers {
        let Some(old) = before.handlers.get(name) else {
            plan.added.push(name.clone());
            continue;
        };
        let mut why = differing(old, handler);
        let cluster = |config: &Config| config.clusters.get(&handler.cluster).cloned();
        if old.cluster == handler.cluster && cluster(before) != cluster(after) {
            why.push("its cluster");
        }
        let failed = failed.contains(name);
        let in_place = !failed && why.iter().all(|key| MAKE_REVISIONS.contains(key));
        let told = |why: &[&str]| (name.clone(), why.join(", "));
        match (why.is_empty(), in_place) {
            (true, true) => plan.unchanged.push(name.clone()),
            (true, false) => plan.changed.push(told(&["it had failed"])),
            (false, true) => plan.reconfigured.push(told(&why)),
            (false, false) => plan.changed.push(told(&why)),
        }
    }
    let gone = |name: &&String| !after.handlers.contains_key(*name);
    plan.removed = before.handlers.keys().filter(gone).cloned().collect();
    Ok(plan)
}

/// What differs and is fixed for the life of the process.
fn fixed(before: &Config, after: &Config) -> Vec<String> {
    let mut keys: Vec<String> = of_daemon(&before.daemon, &after.daemon)
        .into_iter()
        .map(|key| format!("daemon.{key}"))
        .collect();
    let (old, new) = (&before.admin, &after.admin);
    let tables = [
        ("admin.enabled", old.enabled != new.enabled),
        ("admin.listen", old.listen != new.listen),
        ("admin.token-file", old.token_file != new.token_file),
        ("log.format", before.log.format != after.log.format),
        ("log.filter", before.log.filter != after.log.filter),
    ];
    keys.extend(differ(&tables).map(str::to_owned));
    for (name, cluster) in &after.clusters {
        let embedded = |bootstrap: &Bootstrap| matches!(bootstrap, Bootstrap::Embedded);
        let old = before.clusters.get(name);
        if old.is_some_and(|old| embedded(&old.bootstrap) != embedded(&cluster.bootstrap)) {
            keys.push(format!(
                "clusters.{name}.bootstrap-servers (to or from \"embedded\")"
            ));
        }
    }
    keys
}

/// All of `[daemon]` but the times for a stop and for trials, which nothing is built from.
fn of_daemon(before: &Daemon, after: &Daemon) -> Vec<&'static str> {
    let alike = Daemon {
        shutdown_timeout: after.shutdown_timeout,
        trial_timeout: after.trial_timeout,
        ..before.clone()
    };
    if alike == *after {
        return Vec::new();
    }
    let (old, new) = (&before.cache, &after.cache);
    let keys = [
        ("memory", before.memory != after.memory),
        ("guest-stack", before.guest_stack != after.guest_stack),
        (
            "worker-threads",
            before.worker_threads != after.worker_threads,
        ),
        (
            "component-bytes",
            before.component_bytes != after.component_bytes,
        ),
        (
            "compile-timeout",
            before.compile_timeout != after.compile_timeout,
        ),
        (
            "compile-memory",
            before.compile_memory != after.compile_memory,
        ),
        ("cache", old.enabled != new.enabled),
        ("cache-folder", old.folder != new.folder),
        ("cache-bytes", old.bytes != new.bytes),
        ("state-folder", before.state_folder != after.state_folder),
    ];
    let keys: Vec<_> = differ(&keys).collect();
    // Whatever it is, it isn't passed over.
    if keys.is_empty() { vec!["*"] } else { keys }
}

/// Whether these fields of a handler differ, each under its key. All others must be named, so that none is passed over.
macro_rules! compare {
    ($before:ident, $after:ident, { $($field:ident: $key:literal,)* }, beside { $($other:ident,)* }) => {{
        let Handler { $($field,)* $($other: _,)* } = $after;
        [$(($key, *$field != $before.$field)),*]
    }};
}

/// The keys of a handler's table that differ, less those that a running daemon ignores.
fn differing(before: &Handler, after: &Handler) -> Vec<&'static str> {
    let alone = compare!(before, after, {
        cluster: "cluster",
        topics: "topics",
        group: "group",
        start: "start",
        guarantee: "guarantee",
        order: "order",
        in_flight: "in-flight",
        outputs: "outputs",
        isolation: "isolation",
        retry: "retry",
        on_exhausted: "dead-letter",
        probation: "probation",
        grants: "grants",
        buffer: "buffer",
        batch: "batch",
        commit_interval: "commit-interval",
        transaction: "transaction",
        drain_timeout: "drain-timeout",
        stall_after: "stall-after",
        group_protocol: "group-protocol",
        instance_id: "instance-id",
        topic_creation: "create-topics",
        consumer_properties: "consumer-properties",
        producer_properties: "producer-properties",
        settings: "settings",
    }, beside {
        // These say nothing of what runs; what is allowed was judged when the file was read.
        name,
        source,
        allow_loops,
        // These differ in parts.
        component,
        limits,
        test,
    });
    let (old, new) = (&before.limits, &after.limits);
    // How many instances there are is not the revision's to say.
    let but_for_instances = Limits {
        instances: new.instances,
        ..old.clone()
    };
    let looked_at = before.test.at_load || after.test.at_load;
    let in_parts = [
        ("component", before.component.path != after.component.path),
        ("limits.instances", old.instances != new.instances),
        ("limits", *new != but_for_instances),
        ("test", looked_at && before.test != after.test),
    ];
    differ(&alone).chain(differ(&in_parts)).collect()
}

fn differ<'k>(keys: &[(&'k str, bool)]) -> impl Iterator<Item = &'k str> {
    keys.iter()
        .filter(|(_, differs)| *differs)
        .map(|(key, _)| *key)
}

#[cfg(test)]
mod tests;

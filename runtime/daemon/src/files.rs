//! Tells when a component's file may have changed.
//!
//! Watches the parent folder, because a rename orphans a watch of the file itself, and asks the file
//! system now and then besides: a ConfigMap switches a link further up, and network file systems say nothing.
//! It only hints; who is told reads the file and compares digests.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::watch;
use tracing::warn;

/// How long a file must be quiet before its change is told: an editor writes in several steps.
const QUIET: Duration = Duration::from_millis(50);
/// How often to look even when nothing was told.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);

/// One watcher for all components of a daemon: the kernel allows few of them.
#[derive(Clone)]
pub(crate) struct Files(Arc<Inner>);

struct Inner {
    debouncer: Mutex<Option<Debouncer<RecommendedWatcher, RecommendedCache>>>,
    folders: Mutex<HashSet<PathBuf>>,
    changed: watch::Receiver<u64>,
}

impl Files {
    pub(crate) fn new() -> Self {
        let (tell, changed) = watch::channel(0);
        let told = move |events: DebounceEventResult| match events {
            Ok(events) if events.iter().all(|event| event.kind.is_access()) => {}
            Ok(_) => tell.send_modify(|count| *count += 1),
            Err(errors) => {
                warn!(
                    ?errors,
                    "watching component files is unreliable: they are looked at every {LOOK_ANYWAY:?}"
                );
                tell.send_modify(|count| *count += 1);
            }
        };
        let debouncer = new_debouncer(QUIET, None, told)
            .inspect_err(|error| warn!(%error, "component files can't be watched: they are looked at every {LOOK_ANYWAY:?}"))
            .ok();
        Self(Arc::new(Inner {
            debouncer: Mutex::new(debouncer),
            folders: Mutex::default(),
            changed,
        }))
    }

    /// Begins to watch a file, which need not exist.
    pub(crate) fn watch(&self, file: &Path) -> Changes {
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let (Ok(mut debouncer), Ok(mut folders)) = (self.0.debouncer.lock(), self.0.folders.lock())
        else {
            return Changes(self.0.changed.clone());
        };
        if folders.insert(folder.to_owned())
            && let Some(debouncer) = &mut *debouncer
            && let Err(error) = debouncer.watch(folder, RecursiveMode::NonRecursive)
        {
            warn!(folder = %folder.display(), %error, "folder can't be watched: its components are looked at every {LOOK_ANYWAY:?}");
        }
        Changes(self.0.changed.clone())
    }
}

/// Where changes are told.
pub(crate) struct Changes(watch::Receiver<u64>);

impl Changes {
    /// Waits until the file may have changed. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        // The sender lives as long as the watcher; without one there is only the regular look.
        let told = async {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let _ = tokio::time::timeout(LOOK_ANYWAY, told).await;
    }
}
